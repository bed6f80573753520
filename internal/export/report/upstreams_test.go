package report

import (
	"encoding/json"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
)

func TestUpstreams(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	ev := incident.NewEvidence()
	for i := range 12 {
		for _, name := range []string{"10.0.3.15:8080", "ops@example.com", incident.NoUpstream} {
			u := incident.Upstream{At: at.Add(time.Duration(i) * 10 * time.Second), Width: 10 * time.Second, Name: name, Status: 200, Started: 2, Ended: 2}
			if name == "10.0.3.15:8080" {
				u.Status, u.Outcome = 504, incident.UpstreamTimeout
				s := sketch.New()
				s.AddN(time.Second, 2)
				u.Sketch = s
			}
			ev.Add(u)
		}
	}
	rep := New(ev.Snapshot(), incident.Analysis{Impact: incident.Window{From: at.Add(10 * time.Second), To: at.Add(30 * time.Second)}}, Options{})
	if len(rep.Upstreams) != 3 {
		t.Fatalf("%+v", rep.Upstreams)
	}
	first, last := rep.Upstreams[0], rep.Upstreams[2]
	if first.Requests != 4 || first.Failed != 4 || first.P50 == nil || first.P50.LoS > 1 || first.Upstream == "10.0.3.15:8080" || last.P50 != nil {
		t.Errorf("%+v", rep.Upstreams)
	}
	for _, u := range rep.Upstreams {
		if u.Upstream == "ops@example.com" {
			t.Error("an address of a person is in a redacted report")
		}
	}
	text, err := rep.JSON()
	var back map[string]any
	if err != nil || json.Unmarshal(text, &back) != nil {
		t.Fatal(err)
	}
	if list, ok := back["upstreams"].([]any); !ok || len(list) != 3 {
		t.Errorf("%v", back["upstreams"])
	}
}
