package incident

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Calls of a window by how they ended: counters begin anew, appear late, and have
// samples missing.
func TestEnds(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 15, 14, 0, s, 0, time.UTC) }
	series := func(name, code string, values ...float64) Series {
		s := Series{Name: name, Kind: Counter, Labels: map[string]string{CallService: "shop.Stock", CallMethod: "Get"}, Origin: Origin{Group: "grpc", Name: "shop"}}
		if code != "" {
			s.Labels[CallCode] = code
		}
		for i, v := range values {
			s.Points = append(s.Points, Point{at(10 * i), v})
		}
		return s
	}
	late := series(CallsFinished, "Unavailable", 4, 6)
	for i := range late.Points {
		late.Points[i].At = at(30 + 10*i)
	}
	ev := NewEvidence()
	ev.Add(
		series(CallsStarted, "", 100, 110, 120, 130, 140),
		series(CallsFinished, "OK", 100, 110, math.NaN(), 5, 9), // 10 in the first step, then a new process: 5 and 4
		series(CallsFinished, "NotFound", 7, 7, 7, 7, 8),
		late,
	)
	got := ev.Snapshot().Flows()[0].Ends(Window{at(5), at(45)})
	type end struct {
		Code   string
		Failed bool
		Calls  float64
	}
	var ends []end
	for _, e := range got {
		ends = append(ends, end{e.Code, e.Failed, e.Calls})
	}
	if d := cmp.Diff([]end{{"OK", false, 19}, {"UNAVAILABLE", true, 6}, {"NOT_FOUND", false, 1}}, ends); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
