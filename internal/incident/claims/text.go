package claims

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// plain is a number as people write it: no zeros at the end, no exponent.
func plain(x float64) string {
	s := strconv.FormatFloat(x, 'f', 6, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// digits is x to so many significant ones.
func digits(x float64, n int) string {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return plain(x)
	}
	decimals := n - 1 - int(math.Floor(math.Log10(math.Abs(x))))
	if decimals < 0 {
		scale := math.Pow(10, float64(-decimals))
		return plain(math.Round(x/scale) * scale)
	}
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// short is the result of an arithmetic: three digits, and whole from 100 on.
func short(x float64) string {
	if math.Abs(x) >= 100 {
		return plain(math.Round(x))
	}
	return digits(x, 3)
}

// percent is a share to a tenth.
func percent(share float64) string { return plain(math.Round(share*1000)/10) + " %" }

// clock is the time of day, and the date where it is another one than that of the
// document's window.
func (s *scope) clock(t time.Time) string {
	t = t.UTC()
	layout := "15:04:05.999999999"
	w := s.doc.Window.Start.UTC()
	if !w.IsZero() && (w.Year() != t.Year() || w.YearDay() != t.YearDay()) {
		layout = "2006-01-02 " + layout
	}
	return t.Format(layout)
}

// between is "14:46:18 - 14:23:01 = 1397 s".
func (s *scope) between(i Interval) string {
	return fmt.Sprintf("%s - %s = %s s", s.clock(i.End), s.clock(i.Start), plain(i.Seconds()))
}

// later is "14:23:01 + 30 s = 14:23:31", with the instant.
func (s *scope) later(t time.Time, seconds float64) (string, time.Time) {
	sum := t.Add(duration(seconds))
	return fmt.Sprintf("%s + %s s = %s", s.clock(t), plain(seconds), s.clock(sum)), sum
}

// longest keeps what a file says within a time.Duration.
const longest = 1e9

func duration(seconds float64) time.Duration {
	return time.Duration(min(seconds, longest) * float64(time.Second))
}

// minutes is "23 min 17 s", in the unit that a document states durations in.
func minutes(seconds float64, unit string) string {
	size := unitSize(unit)
	whole := math.Floor(seconds / size)
	rest := seconds - whole*size
	if unit == "h" {
		return fmt.Sprintf("%s h %s", plain(whole), minutes(rest, "min"))
	}
	return fmt.Sprintf("%s %s %s s", plain(whole), unit, plain(rest))
}

func unitSize(unit string) float64 {
	switch unit {
	case "min":
		return 60
	case "h":
		return 3600
	}
	return 1
}

// same says that two figures are the same to the digits in which documents give
// them: to half a percent.
func same(a, b float64) bool { return math.Abs(a-b) <= 0.005*max(math.Abs(a), math.Abs(b))+1e-9 }

// compare is "a < b" with the sign that holds.
func compare(a, b float64) string {
	sign := "="
	switch {
	case a < b:
		sign = "<"
	case a > b:
		sign = ">"
	}
	return fmt.Sprintf("%s %s %s", short(a), sign, plain(b))
}
