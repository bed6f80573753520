package param

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
)

// Millis is a time in whole milliseconds: reads 5000 or 5s, writes 5000.
func Millis[P any](p policy.Param, at func(*P) *time.Duration, lo, hi time.Duration) Of[P] {
	return Of[P]{
		Param: p,
		Set: func(s *P, v string) error {
			d, err := unitless(v, time.Millisecond)
			if err != nil {
				return fmt.Errorf("%q is not a time: write 5000 (milliseconds) or 5s", v)
			}
			if d < lo || d > hi || d%time.Millisecond != 0 {
				return fmt.Errorf("%q is not a whole number of milliseconds from %d to %d", v, lo/time.Millisecond, hi/time.Millisecond)
			}
			*at(s) = d
			return nil
		},
		Get: func(s P) string { return strconv.FormatInt(at(&s).Milliseconds(), 10) },
	}
}

// Seconds is a time in seconds, fractions allowed: reads 2.5 or 2500ms, writes 2.5.
func Seconds[P any](p policy.Param, at func(*P) *time.Duration, lo, hi time.Duration) Of[P] {
	return Of[P]{
		Param: p,
		Set: func(s *P, v string) error {
			d, err := unitless(v, time.Second)
			if err != nil {
				return fmt.Errorf("%q is not a time: write 2.5 (seconds) or 2500ms", v)
			}
			if d < lo || d > hi {
				return fmt.Errorf("%q is not a number of seconds from %s to %s", v, seconds(lo), seconds(hi))
			}
			*at(s) = d
			return nil
		},
		Get: func(s P) string { return seconds(*at(&s)) },
	}
}

// Duration is a time with its unit: reads 5s or 1m30s, writes 5s. A bare number is
// refused, for nobody knows its unit; 0 needs none.
func Duration[P any](p policy.Param, at func(*P) *time.Duration, lo, hi time.Duration) Of[P] {
	return Of[P]{
		Param: p,
		Set: func(s *P, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil {
				return fmt.Errorf("%q is not a duration: write 5s or 500ms", v)
			}
			if d < lo || d > hi {
				return fmt.Errorf("%q is not from %s to %s", v, policy.FormatDuration(lo), policy.FormatDuration(hi))
			}
			*at(s) = d
			return nil
		},
		Get: func(s P) string { return policy.FormatDuration(*at(&s)) },
	}
}

// Integer is a whole number.
func Integer[P any](p policy.Param, at func(*P) *int, lo, hi int) Of[P] {
	return Of[P]{
		Param: p,
		Set: func(s *P, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < lo || n > hi {
				return fmt.Errorf("%q is not a whole number from %d to %d", v, lo, hi)
			}
			*at(s) = n
			return nil
		},
		Get: func(s P) string { return strconv.Itoa(*at(&s)) },
	}
}

// Number is a number with a fraction. A parameter in percent may carry the sign.
func Number[P any](p policy.Param, at func(*P) *float64, lo, hi float64) Of[P] {
	return Of[P]{
		Param: p,
		Set: func(s *P, v string) error {
			text := v
			if p.Unit == "%" {
				text = strings.TrimSuffix(v, "%")
			}
			f, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(f) || f < lo || f > hi {
				return fmt.Errorf("%q is not a number from %s to %s", v, number(lo), number(hi))
			}
			*at(s) = f
			return nil
		},
		Get: func(s P) string { return number(*at(&s)) },
	}
}

// Switch is true or false.
func Switch[P any](p policy.Param, at func(*P) *bool) Of[P] {
	return Of[P]{
		Param: p,
		Set: func(s *P, v string) error {
			switch v {
			case "true", "1":
				*at(s) = true
			case "false", "0":
				*at(s) = false
			default:
				return fmt.Errorf("%q is neither true nor false", v)
			}
			return nil
		},
		Get: func(s P) string { return strconv.FormatBool(*at(&s)) },
	}
}

// Choice is one of some words, in either case; written as listed. The
// parameter's Choices are the words.
func Choice[P any](p policy.Param, at func(*P) *string, words ...string) Of[P] {
	p.Kind, p.Choices = policy.KindChoice, words
	return Of[P]{
		Param: p,
		Set: func(s *P, v string) error {
			i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, v) })
			if i < 0 {
				return fmt.Errorf("%q is not one of %s", v, strings.Join(words, ", "))
			}
			*at(s) = words[i]
			return nil
		},
		Get: func(s P) string { return *at(&s) },
	}
}

// unitless reads a bare number in unit, or a duration with a unit of its own.
func unitless(v string, unit time.Duration) (time.Duration, error) {
	if n, err := strconv.ParseFloat(v, 64); err == nil {
		d := math.Round(n * float64(unit))
		if math.IsNaN(d) || math.Abs(d) > math.MaxInt64/2 {
			return 0, strconv.ErrRange
		}
		return time.Duration(d), nil
	}
	return time.ParseDuration(v)
}

func seconds(d time.Duration) string { return number(d.Seconds()) }

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
