package cause

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// TestLiveIsSteady: what is found in each evaluation, what is told after it.
func TestLiveIsSteady(t *testing.T) {
	for _, c := range []struct{ name, found, told, log string }{
		{"the first is told at once", "AB", "AB", "A0>1 B0>2"},
		{"one comes after three", "A BA BA BA", "A A A BA", "A0>1 B0>1 A1>2"},
		{"one that flickers never comes", "A BA A BA BA A BA BA A", "A A A A A A A A A", "A0>1"},
		{"one goes after three", "AB B B B", "AB AB AB B", "A0>1 B0>2 B2>1 A1>0"},
		{"one that is missing now and then stays", "AB B B AB B B AB", "AB AB AB AB AB AB AB", "A0>1 B0>2"},
		{"places change after three", "AB BA BA AB BA BA BA", "AB AB AB AB AB AB BA", "A0>1 B0>2 B2>1 A1>2"},
		{"nothing is told of nothing", "- - -", "- - -", ""},
		{"the first of all waits as well", "- A A A", "- - - A", "A0>1"},
		{"a new one stands before those that it is found before", "AC ABC ABC ABC", "AC AC AC ABC", "A0>1 C0>2 B0>2 C2>3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := NewLive(Options{})
			var told, log []string
			for i, word := range strings.Fields(c.found) {
				var found []incident.Finding
				for _, r := range strings.Trim(word, "-") {
					found = append(found, incident.Finding{ID: string(r)})
				}
				l.at = day.Add(time.Duration(i) * Grid)
				now := strings.Join(ids(l.arrange(found, true)), "")
				if now == "" {
					now = "-"
				}
				told = append(told, now)
			}
			for _, r := range l.Changes() {
				log = append(log, fmt.Sprintf("%s%d>%d", r.Finding, r.From, r.To))
				if r.Why == "" || r.At.IsZero() {
					t.Errorf("a change without its reason or time: %+v", r)
				}
			}
			if d := cmp.Diff(c.told, strings.Join(told, " ")); d != "" {
				t.Errorf("told (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.log, strings.Join(log, " ")); d != "" {
				t.Errorf("log (-want +got):\n%s", d)
			}
			if again := l.Changes(); len(again) > 0 {
				t.Errorf("changes are handed out twice: %v", again)
			}
		})
	}
}

// inBytes is an analysis as bytes.
func inBytes(t *testing.T, a incident.Analysis) string {
	t.Helper()
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func night(t *testing.T) *incident.View {
	t.Helper()
	b := newBuilder()
	for _, line := range inc2847 {
		if err := b.line(line); err != nil {
			t.Fatal(err)
		}
	}
	return b.ev.Snapshot()
}

// TestOrderOfFactsDoesNotMatter: the same facts in any order give the same bytes.
func TestOrderOfFactsDoesNotMatter(t *testing.T) {
	v := night(t)
	want := inBytes(t, Analyze(v, Options{}))
	looks := v.SampleTimes(always)
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 2847))
		facts := v.Facts()
		rng.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		ev := incident.NewEvidence()
		ev.Add(facts...)
		ev.Sampled(looks...)
		for _, s := range v.Sources {
			ev.SetSource(s)
		}
		if got := inBytes(t, Analyze(ev.Snapshot(), Options{})); got != want {
			t.Fatalf("seed %d: %s", seed, cmp.Diff(want, got))
		}
	}
}

// until is what of a fact is known at an instant and was not at the one before; nil
// for nothing.
func until(f incident.Fact, was, now time.Time) incident.Fact {
	in := func(at time.Time) bool { return at.After(was) && !at.After(now) }
	switch f := f.(type) {
	case incident.Bucket:
		if in(f.At.Add(f.Width)) {
			return f
		}
	case incident.Latency:
		if in(f.At.Add(f.Width)) {
			return f
		}
	case incident.Episode:
		if f.From.After(now) || !f.To.After(was) {
			return nil
		}
		if f.To.After(now) {
			f.To, f.Open = now, true
		}
		return f
	case incident.Series:
		s := f
		s.Points = slices.DeleteFunc(slices.Clone(f.Points), func(p incident.Point) bool { return !in(p.At) })
		if len(s.Points) > 0 {
			return s
		}
	case incident.Exemplar:
		if in(f.End) {
			return f
		}
	case incident.Change:
		if in(f.At) {
			return f
		}
	}
	return nil
}

// TestLiveAgreesWithAnalyze follows the night as a collector would see it. The findings
// come when three evaluations say so, and at the end live and the analysis of the
// recording are the same to the byte.
func TestLiveAgreesWithAnalyze(t *testing.T) {
	v := night(t)
	facts, looks := v.Facts(), v.SampleTimes(always)
	ev := incident.NewEvidence()
	l := NewLive(Options{})
	was := v.Window.From.Add(-time.Second)
	in := map[string]int{} // evaluations in a row that found it, before this one
	told := map[string]bool{}
	step := func(to time.Time) incident.Analysis {
		for _, f := range facts {
			if part := until(f, was, to); part != nil {
				ev.Add(part)
			}
		}
		for _, at := range looks {
			if at.After(was) && !at.After(to) {
				ev.Sampled(at)
			}
		}
		was = to
		return l.Observe(ev.Snapshot())
	}
	at := func(clock string) time.Time { return args{kv: map[string]string{"at": clock}}.at("at") }
	step(at("14:22:00"))
	for now := at("14:22:02"); now.Before(at("14:24:10")); now = now.Add(Grid) {
		a := step(now)
		found := Analyze(ev.Snapshot(), Options{}).Findings
		for id := range in {
			if find(found, id) < 0 {
				delete(in, id)
			}
		}
		for _, f := range found {
			in[f.ID]++
		}
		for _, f := range a.Findings {
			if !told[f.ID] && in[f.ID] < steady {
				t.Errorf("%s: %s is told after %d evaluations", clock(now), f.ID, in[f.ID])
			}
			told[f.ID] = true
		}
	}
	if !told["lock_root/48291/stock_reservations"] {
		t.Errorf("70 s into the lock these are told: %v", told)
	}
	for _, c := range l.Changes() {
		t.Log(c)
	}
	for now := at("14:25:00"); now.Before(v.Window.To); now = now.Add(2 * time.Minute) {
		step(now)
	}
	step(v.Window.To.Add(time.Hour)) // the rest, whatever ends last
	want := inBytes(t, Analyze(ev.Snapshot(), Options{}))
	if got := inBytes(t, l.Settle(ev.Snapshot())); got != want {
		t.Errorf("live and analysis differ at the end: %s", cmp.Diff(want, got))
	}
	if got, want := Analyze(ev.Snapshot(), Options{}).Sentence, Analyze(v, Options{}).Sentence; got != want {
		t.Errorf("the evidence that came bit by bit says: %s\nthat which came at once: %s", got, want)
	}
}

// BenchmarkAnalyzeLive is one evaluation of the grid, with what came since the one
// before: INC-2847 at its middle among 1,000 series of ten minutes, of which 50
// services count their calls of each other. The budget is 20 ms.
func BenchmarkAnalyzeLive(b *testing.B) {
	build := newBuilder()
	for _, line := range inc2847 {
		if err := build.line(line); err != nil {
			b.Fatal(err)
		}
	}
	from := day.Add(14*time.Hour + 30*time.Minute)
	for i := range 1000 {
		s := incident.Series{Name: fmt.Sprintf("metric_%d", i), Kind: incident.Gauge, Origin: incident.Origin{Group: "grpc", Name: fmt.Sprintf("svc%d", i%50)}}
		if i < 100 {
			caller, callee := i%50, (i%50+1)/2
			s.Kind, s.Labels = incident.Counter, map[string]string{"client": fmt.Sprintf("svc%d", caller), "grpc_service": fmt.Sprintf("svc%d.Svc%d", callee, callee), "grpc_method": "M"}
			s.Name = "grpc_client_started_total"
			if i >= 50 {
				s.Name, s.Labels["grpc_code"] = "grpc_client_handled_total", "OK"
			}
		}
		for j := range 600 {
			s.Points = append(s.Points, incident.Point{At: from.Add(time.Duration(j) * time.Second), V: float64(j)})
		}
		build.ev.Add(s)
	}
	l := NewLive(Options{})
	l.Observe(build.ev.Snapshot())
	at := build.ev.Snapshot().Window.To
	for b.Loop() {
		at = at.Add(Grid)
		build.ev.Add(incident.Series{Name: "metric_999", Kind: incident.Gauge, Origin: incident.Origin{Group: "grpc", Name: "svc49"}, Points: []incident.Point{{At: at, V: 1}}})
		if a := l.Observe(build.ev.Snapshot()); len(a.Findings) != 5 {
			b.Fatalf("%d findings: %v", len(a.Findings), ids(a.Findings))
		}
	}
}

// TestSameSubjectTwice: two transactions of one session on one table are two findings,
// told apart also while they come and change places. They had one ID, and a recording of
// the lab's slow-query ended in a panic.
func TestSameSubjectTwice(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	of := func(second int, claim string) incident.Finding {
		from := at.Add(time.Duration(second) * time.Second)
		return incident.Finding{ID: "lock_root/7/t", Claim: claim, Window: incident.Window{From: from, To: from.Add(time.Second)}}
	}
	found := []incident.Finding{of(1, "a"), {ID: "other"}, of(2, "b"), of(2, "c")}
	nameApart(found)
	seen := map[string]bool{}
	for _, f := range found {
		if seen[f.ID] {
			t.Errorf("%s twice", f.ID)
		}
		seen[f.ID] = true
	}
	if found[0].ID != "lock_root/7/t" {
		t.Errorf("the first is now called %s", found[0].ID)
	}
	l := NewLive(Options{})
	for n := range 12 {
		now := slices.Clone(found[:1+n%4])
		if n > 6 {
			slices.Reverse(now)
		}
		if told := l.arrange(now, true); len(told) == 0 {
			t.Error("nothing is told")
		}
	}
}
