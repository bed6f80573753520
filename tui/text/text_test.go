package text

import (
	"math"
	"testing"
	"time"
)

func TestWriting(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0), "0"},
		{Count(999), "999"},
		{Count(1247), "1,247"},
		{Count(-1234567), "-1,234,567"},
		{Number(0.893), "0.89"},
		{Number(3), "3"},
		{Number(12.34), "12.3"},
		{Number(1246.6), "1,247"},
		{Number(math.NaN()), "no data"},
		{Percent(0.17179), "17.2 %"},
		{Percent(math.NaN()), "-"},
		{Dur(0), "0s"},
		{Dur(400 * time.Millisecond), "400ms"},
		{Dur(1400 * time.Millisecond), "1.4s"},
		{Dur(42 * time.Second), "42s"},
		{Dur(99 * time.Second), "1m39s"},
		{Dur(2*time.Hour + 5*time.Minute), "2h05m"},
		{Dur(-99 * time.Second), "-1m39s"},
		{Dur(72 * time.Hour), "3d00h"},
		{Millis(30001 * time.Millisecond), "30,001"},
		{Millis(1500 * time.Microsecond), "1.5"},
		{Clock(time.Date(2026, 1, 15, 14, 24, 40, 0, time.UTC)), "14:24:40Z"},
		{Clock(time.Time{}), "--:--:--"},
		{Plural(1, "session"), "1 session"},
		{Plural(1200, "session"), "1,200 sessions"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
