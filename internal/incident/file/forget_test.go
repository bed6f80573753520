package file

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// bulk is a second of many requests.
func bulk(i int) []incident.Fact {
	var all []incident.Fact
	for n := range 20 {
		all = append(all, incident.Bucket{
			At: second(float64(i)), Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: fmt.Sprintf("/some/route/of/a/shop/%d", n)},
			Status: 200, Started: 1, Ended: 1, Origin: incident.Origin{Group: "gateway", Name: "-"},
		})
	}
	return append(all, incident.Exemplar{
		Kind: incident.Sampled, Start: second(float64(i)), End: second(float64(i)), Endpoint: incident.Endpoint{Method: "GET", Route: "/"},
		Status: 200, Raw: strings.Repeat("x", 500), Origin: incident.Origin{Group: "gateway", Name: "-"},
	})
}

func TestForgetGivesRoomBack(t *testing.T) {
	w, path := newFile(t)
	for i := range 600 {
		if err := w.Append(bulk(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append(facts(t), nil); err != nil { // a wait from 1 to 3 s, still open
		t.Fatal(err)
	}
	whole, err := w.Size()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Forget(second(450)); err != nil {
		t.Fatal(err)
	}
	left, err := w.Size()
	if err != nil || left > whole*2/5 {
		t.Errorf("%d of %d bytes left of a quarter of the evidence, %v", left, whole, err)
	}
	span, err := w.Span()
	if err != nil || !span.From.Equal(second(450)) || !span.To.Equal(second(599)) {
		t.Errorf("evidence from %s to %s, %v", span.From, span.To, err)
	}
	v, _ := load(t, path)
	if n := len(v.Buckets()); n != 150*20 {
		t.Errorf("%d buckets, want the %d of 150 s", n, 150*20)
	}
	// The recorder goes on, also with the wait that was forgotten.
	if err := w.Append(append(bulk(600), facts(t)[2]), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > whole/2 {
		t.Errorf("the file has %d bytes of the %d before, %v", info.Size(), whole, err)
	}
	if s, err := Inspect(path); err != nil || len(s.Damage) != 0 {
		t.Errorf("%+v, %v", s.Damage, err)
	}
}

// Names that come and go do not stay.
func TestForgetNames(t *testing.T) {
	w, path := newFile(t)
	for i := range 100 {
		at := second(float64(i * 60))
		err := w.Append([]incident.Fact{
			incident.Series{Name: "c", Labels: map[string]string{"pod": fmt.Sprint(i)}, Points: []incident.Point{{At: at, V: 1}}, Origin: incident.Origin{Group: "grpc", Name: fmt.Sprint("pod-", i)}},
			incident.Bucket{At: at, Width: time.Second, Endpoint: incident.Endpoint{Method: "GET", Route: fmt.Sprint("/", i)}, Status: 200, Started: 1, Origin: incident.Origin{Group: "gateway", Name: "-"}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Forget(at.Add(-10 * time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Tables {
		if (x.Name == "series" || x.Name == "endpoint" || x.Name == "origin") && (x.Rows < 11 || x.Rows > 23) {
			t.Errorf("%d rows in %s, want those of the last ten to twenty minutes", x.Rows, x.Name)
		}
	}
	v, _ := load(t, path)
	if n := len(v.AllSeries()); n != 11 {
		t.Errorf("%d series with points, want 11", n)
	}
}

func TestFitInto(t *testing.T) {
	w, _ := newFile(t)
	for i := range 400 {
		if err := w.Append(bulk(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := w.Size()
	if err != nil {
		t.Fatal(err)
	}
	if before, err := w.FitInto(whole); err != nil || !before.IsZero() {
		t.Errorf("forgot before %s, %v, and all had room", before, err)
	}
	before, err := w.FitInto(whole / 2)
	if err != nil {
		t.Fatal(err)
	}
	left, err := w.Size()
	if err != nil || left > whole/2 || left < whole/4 {
		t.Errorf("%d bytes left, %v; room for %d", left, err, whole/2)
	}
	if span, err := w.Span(); err != nil || span.From.Before(before.Add(-time.Second)) || !span.To.Equal(second(399)) {
		t.Errorf("evidence from %s to %s, forgotten before %s", span.From, span.To, before)
	}
	if _, err := w.FitInto(1000); !errors.Is(err, ErrTooSmall) {
		t.Errorf("into 1,000 bytes: %v, want %v", err, ErrTooSmall)
	}
}
