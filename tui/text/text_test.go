package text

import (
	"math"
	"testing"
	"time"
)

func TestWriting(t *testing.T) {
	at, east := time.Date(2026, 1, 15, 14, 24, 40, 0, time.UTC), time.FixedZone("+0530", 5*3600+1800)
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
		{ClockIn(at, east), "19:54:40"},
		{ClockIn(time.Time{}, east), "--:--:--"},
		{In(at, east, "01-02 15:04"), "01-15 19:54"},
		{In(at, nil, "01-02 15:04"), "01-15 14:24Z"},
		{ZoneName(at, east), "+0530"},
		{ZoneName(at, nil), ""},
		{Clock(Truncate(at, time.Hour, nil)), "14:00:00Z"},
		{ClockIn(Truncate(at, time.Hour, east), east), "19:00:00"},
		{ClockIn(Truncate(at, 24*time.Hour, east), east), "00:00:00"},
		{Plural(1, "session"), "1 session"},
		{Plural(1200, "session"), "1,200 sessions"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
