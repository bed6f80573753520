// Package text writes numbers, times and durations the one way that all screens
// write them.
package text

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"tripcurve/internal/export"
)

// NoData stands where a number would stand if there were one. It never looks
// like zero.
const NoData = "no data"

// Count is 1247 as "1,247".
func Count[N ~int | ~int64](n N) string { return export.Count(n) }

// Number is a measured value with about three digits; "no data" for NaN.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return NoData
	case math.IsInf(v, 0):
		return fmt.Sprint(v)
	case a >= 100 || v == math.Trunc(v):
		return Count(int64(math.Round(v)))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// Percent is a share of 0..1 as "17.2 %".
func Percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + " %"
}

// Clock is an instant of the day in UTC, "14:24:40Z".
func Clock(t time.Time) string { return ClockIn(t, nil) }

// ClockIn is an instant of the day in a zone, "15:24:40"; see In.
func ClockIn(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "--:--:--"
	}
	return In(t, zone, time.TimeOnly)
}

// In writes an instant in a zone, by a layout that ends with the time of day. UTC, which
// nil is as well, is marked with a Z; of another zone the screen says once which it is.
func In(t time.Time, zone *time.Location, layout string) string {
	if zone == nil {
		return t.UTC().Format(layout) + "Z"
	}
	return t.In(zone).Format(layout)
}

// ZoneName is what people call a zone at an instant: "CET", "+0530"; empty for UTC, whose
// times are marked themselves.
func ZoneName(t time.Time, zone *time.Location) string {
	if zone == nil {
		return ""
	}
	return t.In(zone).Format("MST")
}

// Truncate is the last instant, not after t, at which a clock of the zone shows a multiple
// of step since midnight, or a midnight of days counted so.
func Truncate(t time.Time, step time.Duration, zone *time.Location) time.Time {
	if zone == nil {
		return t.Truncate(step)
	}
	_, east := t.In(zone).Zone()
	shift := time.Duration(east) * time.Second
	return t.Add(shift).Truncate(step).Add(-shift)
}

// Dur is a duration as people say it: "0.4s", "42s", "1m39s", "2h05m".
func Dur(d time.Duration) string {
	neg := ""
	if d < 0 {
		neg, d = "-", -d
	}
	switch {
	case d == 0:
		return "0s"
	case d < time.Millisecond:
		return neg + strconv.FormatInt(d.Microseconds(), 10) + "us"
	case d < time.Second:
		return neg + strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < 10*time.Second && d%time.Second != 0:
		return neg + strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%s%ds", neg, s)
	case s < 3600:
		return fmt.Sprintf("%s%dm%02ds", neg, s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%s%dh%02dm", neg, s/3600, s/60%60)
	}
	return fmt.Sprintf("%s%dd%02dh", neg, s/86400, s/3600%24)
}

// Millis is a duration in milliseconds without unit, "30,001".
func Millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64)
	}
	return Count(d.Round(time.Millisecond).Milliseconds())
}

// Plural is "1 session", "100 sessions".
func Plural(n int, one string) string { return export.Plural(n, one) }
