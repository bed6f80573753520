package incident

import (
	"testing"
	"time"
)

func TestClocksSayHowFarAndHowSure(t *testing.T) {
	asked := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		clock Clock
		want  string
	}{
		{Clock{}, "not measured"},
		{ClockOf(asked.Add(2*time.Millisecond), asked, 4*time.Millisecond, time.Microsecond), "as ours, within 2ms"},
		{ClockOf(asked.Add(3*time.Second), asked, 20*time.Millisecond, time.Microsecond), "2.99s ahead of ours, within 10ms"},
		{ClockOf(asked.Add(-3*time.Second), asked, 20*time.Millisecond, time.Second), "2.51s behind ours, within 510ms"},
		{ClockOf(asked, asked, 0, 0), "as ours, within 1µs"},
	} {
		if got := c.clock.String(); got != c.want {
			t.Errorf("%+v is %q, want %q", c.clock, got, c.want)
		}
	}
}
