package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpans(t *testing.T) {
	at := func(m int) time.Time { return time.Date(2026, 1, 15, 14, m, 0, 0, time.UTC) }
	w := func(from, to int) Window { return Window{at(from), at(to)} }
	type got struct {
		Known  bool
		Length time.Duration
		Why    string
	}
	const detect, acknowledge, mitigate, resolve, customers = 0, 1, 2, 3, 4
	for _, c := range []struct {
		name    string
		impacts []Window
		marks   Marks
		which   int
		want    got
	}{
		{"detected", []Window{w(10, 30)}, Marks{Detected: at(14)}, detect, got{true, 4 * time.Minute, ""}},
		{"nobody said when it was detected", []Window{w(10, 30)}, Marks{}, detect, got{Why: "detected is not recorded"}},
		{"detected first", []Window{w(10, 30)}, Marks{Detected: at(9)}, detect, got{Why: "detected is recorded before impact start"}},
		{"acknowledged", nil, Marks{Detected: at(14), Acknowledged: at(15)}, acknowledge, got{true, time.Minute, ""}},
		{"mitigated when the impact ended", []Window{w(10, 30)}, Marks{Detected: at(14)}, mitigate, got{true, 16 * time.Minute, ""}},
		{"mitigated as stated", []Window{w(10, 30)}, Marks{Detected: at(14), Mitigated: at(20)}, mitigate, got{true, 6 * time.Minute, ""}},
		{"resolved", nil, Marks{Declared: at(15), Resolved: at(45)}, resolve, got{true, 30 * time.Minute, ""}},
		{"one impact", []Window{w(10, 30)}, Marks{}, customers, got{true, 20 * time.Minute, ""}},
		{"no impact", nil, Marks{}, customers, got{Why: "neither impact start nor customer impact end is recorded"}},
		{"overlapping impacts count once", []Window{w(20, 40), w(10, 30)}, Marks{}, customers, got{true, 30 * time.Minute, ""}},
		{"two apart leave out what is between", []Window{w(40, 50), w(10, 30)}, Marks{}, customers, got{true, 30 * time.Minute, ""}},
	} {
		s := Spans(c.impacts, c.marks)[c.which]
		if d := cmp.Diff(c.want, got{s.Known, s.Length, s.Why}); d != "" {
			t.Errorf("%s: %s to %s (-want +got):\n%s", c.name, s.Starts, s.Ends, d)
		}
	}
	if s := Spans([]Window{w(40, 50), w(10, 30)}, Marks{})[customers]; s.Impacts != 2 || s.From != at(10) || s.To != at(50) {
		t.Errorf("two impacts: %+v", s)
	}
}
