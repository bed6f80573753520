package cause

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// A log keeps its last failing request whole, which of two impacts is of the second: the
// last one of the first rests on the counts of its second, and not on the first failing
// ones; and what the analysis is not of is named.
func TestTwoImpactsOfOneLog(t *testing.T) {
	t0 := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	origin := incident.Origin{Group: "gateway", Name: "log"}
	orders := incident.Endpoint{Method: "POST", Route: "/orders"}
	ev := incident.NewEvidence()
	for i := range 3000 {
		b := incident.Bucket{At: t0.Add(time.Duration(i) * time.Second), Width: time.Second, Endpoint: orders, Status: 201, Started: 1, Ended: 1, Origin: origin}
		if i >= 600 && i < 900 || i >= 1800 && i < 2000 {
			b.Status, b.Outcome = 503, incident.ServerError
		}
		ev.Add(b)
	}
	last := t0.Add(1999 * time.Second)
	ev.Add(incident.Exemplar{Kind: incident.LastFailing, Start: last, End: last, Endpoint: orders, Status: 503, Outcome: incident.ServerError, Origin: origin})
	v := ev.Snapshot()
	a := Analyze(v, Options{})
	if len(a.Others) != 1 || !a.Others[0].From.Equal(t0.Add(1800*time.Second)) {
		t.Errorf("other impacts: %v", a.Others)
	}
	at := slices.IndexFunc(a.Derived, func(m incident.Moment) bool { return strings.HasPrefix(m.Text, "last failing") })
	if at < 0 {
		t.Fatalf("no last failing request in %+v", a.Derived)
	}
	want := t0.Add(899 * time.Second)
	for _, id := range a.Derived[at].Support {
		fact, _ := v.Get(id)
		if b, ok := fact.(incident.Bucket); !ok || !b.At.Equal(want) || b.Ended == 0 {
			t.Errorf("the last failing one, answered until %v, rests on %+v", a.Derived[at].At, fact)
		}
	}
	if len(a.Derived[at].Support) == 0 {
		t.Error("the last failing one rests on nothing")
	}
}

// Where nothing varies there is no series that could have changed, and none of none is
// nothing to say.
func TestNoSeriesHasNoOnset(t *testing.T) {
	t0 := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	ev := incident.NewEvidence()
	for i := range 600 {
		ev.Add(incident.Bucket{
			At: t0.Add(time.Duration(i) * time.Second), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: "/x"},
			Status: 502, Outcome: incident.UpstreamReset, Started: 1, Ended: 1, Origin: incident.Origin{Group: "gateway", Name: "log"},
		})
	}
	if got := Analyze(ev.Snapshot(), Options{}).Onset.Says; got != "No onset: there is no series that varies" {
		t.Errorf("%q", got)
	}
}
