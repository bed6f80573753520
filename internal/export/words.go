package export

import (
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// RoleWord is a role as exports write it: first_failure.
func RoleWord(r incident.Role) string { return strings.ReplaceAll(r.String(), " ", "_") }

// Count is 1247 as "1,247".
func Count[N ~int | ~int64](n N) string { return grouped(strconv.FormatInt(int64(n), 10)) }

// Plural is "1 session", "1,200 sessions".
func Plural[N ~int | ~int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + one + "s"
}

// Number is v to at most so many decimals, without zeros at the end and with
// thousands apart: "1,397.3".
func Number(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "unknown"
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return grouped(s)
}

// grouped sets the thousands of a decimal number apart.
func grouped(s string) string {
	whole, rest, broken := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if broken {
		return whole + "." + rest
	}
	return whole
}

// Instant is t for JSON: RFC 3339 in UTC with as many digits as it has, nil for
// the zero time.
func Instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339Nano)
	return &s
}

// Seconds is d for JSON, exact to the nanosecond as far as a float64 is.
func Seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }
