package gateway

import (
	"fmt"
	"strconv"
	"strings"
)

// Cents is an amount of money in hundredths; on the wire it is a decimal number
// of dollars, as 699.98.
type Cents int64

// maxDollarDigits keeps an amount far inside int64.
const maxDollarDigits = 15

// moneyError is an amount that is none.
type moneyError struct{ text string }

func (e *moneyError) Error() string {
	return fmt.Sprintf("amount %s: want dollars with at most two decimals", e.text)
}

// MarshalJSON writes dollars with two decimals.
func (c Cents) MarshalJSON() ([]byte, error) {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Appendf(nil, "%s%d.%02d", sign, int64(c)/100, int64(c)%100), nil
}

// UnmarshalJSON reads dollars digit by digit, for no float holds 349.99.
func (c *Cents) UnmarshalJSON(b []byte) error {
	text, negative := strings.CutPrefix(string(b), "-")
	dollars, rest, _ := strings.Cut(text, ".")
	rest = strings.TrimRight(rest, "0")
	if dollars == "" || len(dollars) > maxDollarDigits || len(rest) > 2 {
		return &moneyError{string(b)}
	}
	v, err := strconv.ParseUint(dollars+(rest + "00")[:2], 10, 63)
	if err != nil {
		return &moneyError{string(b)}
	}
	*c = Cents(v)
	if negative {
		*c = -*c
	}
	return nil
}
