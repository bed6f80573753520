package tune

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
)

// shop is a small pipeline: one service that calls another, whose policy is tuned.
func shop(p policy.Policy, rate float64, faults ...pipeline.Fault) *pipeline.Pipeline {
	return &pipeline.Pipeline{
		Name: "shop", Seed: 5, Start: time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC), Length: 5 * time.Minute, Network: sim.Fixed(time.Millisecond),
		Services: []pipeline.Service{
			{Name: "web", Endpoints: []pipeline.Endpoint{{Name: "buy", Steps: []pipeline.Step{{Kind: pipeline.Call, To: "stock.take", Share: 1}}}}},
			{Name: "stock", Workers: 20, Backlog: pipeline.Unbounded, Endpoints: []pipeline.Endpoint{{Name: "take", Steps: []pipeline.Step{
				{Kind: pipeline.Work, Share: 1, Time: sim.Dist{Shape: sim.Exponential, A: 50 * time.Millisecond}},
			}}}},
		},
		Policies: policy.Edges{"web.stock": p},
		Clients:  []pipeline.Client{{Name: "shoppers", Requests: []string{"web.buy"}, Rate: sim.Steady(rate), Patience: 5 * time.Second}},
		Faults:   faults,
	}
}

func problemOf(t testing.TB, p *pipeline.Pipeline) Problem {
	t.Helper()
	prob, err := OfPipeline(context.Background(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	return prob
}

func mustSearch(t testing.TB, p Problem, o Options) *Result {
	t.Helper()
	r, err := Search(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found is what of a result must not depend on how it came about.
func found(r *Result) any {
	type point struct {
		Key    string
		Mean   Values
		Front  float64
		Holds  bool
		Alike  bool
		Values []Values
	}
	var all []point
	for _, p := range r.Finalists {
		all = append(all, point{keyOf(p.Policy), p.Mean, p.Front, p.Holds, p.Alike, p.Runs})
	}
	for _, p := range []*Point{r.Chosen, r.Runner} {
		if p != nil {
			all = append(all, point{Key: keyOf(p.Policy), Mean: p.Mean, Values: p.Runs})
		}
	}
	return []any{all, r.Rungs, r.Sensitivity}
}

func same(t *testing.T, what string, a, b *Result) {
	t.Helper()
	if d := cmp.Diff(found(a), found(b), cmpopts.EquateNaNs()); d != "" {
		t.Errorf("%s:\n%s", what, d)
	}
}

// The same search finds the same, whatever the number of workers; stopped in the
// middle, or killed in the middle of a line, it goes on where it was and finds the same
// again, without a run made twice.
func TestASearchGoesOnWhereItWas(t *testing.T) {
	p := problemOf(t, shop(policy.Policy{Deadline: 2 * time.Second}, 0.5))
	p.Healthy = newTraffic(5, 0.05, p.Healthy.P50, p.Healthy.P99) // few calls: nothing here is about them
	o := Options{Library: "opossum", Configs: 6, Finalists: 4, Seeds: 25, Seed: 3, Workers: 1}
	whole := mustSearch(t, p, o)
	o.Workers = 3
	same(t, "three workers", whole, mustSearch(t, p, o))

	var file bytes.Buffer
	journal := func(text string) *Journal {
		j, keep, err := OpenJournal("runs", strings.NewReader(text), p.Fingerprint(), "v1")
		if err != nil {
			t.Fatal(err)
		}
		file.Reset()
		file.WriteString(text[:keep])
		if err := j.Write(&file, keep == 0, p.Fingerprint(), "v1"); err != nil {
			t.Fatal(err)
		}
		return j
	}
	ctx, stop := context.WithCancel(context.Background())
	o.Journal = journal("")
	o.Progress = func(at Progress) {
		if at.Stage == "more seeds" {
			stop()
		}
	}
	r, err := Search(ctx, p, o)
	if err != nil || !r.Interrupted || r.Chosen == nil || len(r.Finalists) == 0 {
		t.Fatalf("stopped: %v, %+v", err, r)
	}
	made := r.Runs
	o.Progress = nil
	o.Journal = journal(file.String()[:file.Len()-7]) // killed in the middle of the last line
	again := mustSearch(t, p, o)
	same(t, "stopped and resumed", whole, again)
	if again.Runs != whole.Runs-made+1 {
		t.Errorf("%d runs made after %d of %d were known", again.Runs, made-1, whole.Runs)
	}
	o.Journal = journal(file.String())
	if all := mustSearch(t, p, o); all.Runs != 0 {
		t.Errorf("%d runs made though all are known", all.Runs)
	}
	if _, err := Search(ctx, p, Options{Library: "opossum", Configs: 6, Workers: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped before anything was known: %v", err)
	}
}

// Every library has a space, whose values it takes at both ends and between, and writes
// as they are tried.
func TestSpacesOfAllLibraries(t *testing.T) {
	for _, l := range library.All() {
		space, err := SpaceOf(l, policy.Policy{}, CallKnobs())
		if err != nil {
			t.Errorf("%s: %v", l.Name, err)
			continue
		}
		s := &search{space: space, o: Options{Library: l.Name, Configs: 200, Seed: 1}}
		if s.base, err = baseOf(Problem{Hosts: 2}, l); err != nil {
			t.Fatal(err)
		}
		for _, u := range []float64{0, 0.3, 0.999999} {
			for _, k := range space {
				p := s.base
				if err := p.Set(k.Path, k.Value(u)); err != nil {
					t.Errorf("%s: %s: %v", l.Name, k.Path, err)
					continue
				}
				text, _ := p.Get(k.Path)
				if back := k.Value(k.place(text)); back != k.Value(u) {
					t.Errorf("%s: %s: %s is read back as %s", l.Name, k.Path, k.Value(u), back)
				}
			}
		}
		// attempts of the edge beside the library's own are refused; a third is left.
		if n := len(s.sample()); n < 60 {
			t.Errorf("%s: %d of 200 settings", l.Name, n)
		}
	}
	if _, err := SpaceOf(library.All()[0], policy.Policy{}, []string{"deadlines"}); err == nil || !strings.Contains(err.Error(), "did you mean deadline?") {
		t.Errorf("an unknown knob: %v", err)
	}
}

// Who has a time limit of its own can see a hang, and who has none cannot, in any of its
// settings; and which library has no breaker to leave out.
func TestWhoSeesAHang(t *testing.T) {
	for _, l := range library.All() {
		p := Problem{Name: "p", Edge: "a.b", Cases: []Case{{Name: "c"}}}
		s, err := newSearch(p, Options{Library: l.Name, Configs: 50, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		blind := l.Name == "gobreaker" || l.Name == "semian"
		if s.res.Sees == blind || s.res.Opens == (l.Name == "grpc") {
			t.Errorf("%s: sees a hang %v, opens %v", l.Name, s.res.Sees, s.res.Opens)
		}
		p.Today.Deadline = time.Second
		if s, err = newSearch(p, Options{Library: l.Name, Configs: 5}); err != nil || !s.res.Sees {
			t.Errorf("%s with a deadline on the edge: %v", l.Name, err)
		}
		bare, ok := without(s.pool[0].policy)
		if ok != s.res.Opens || bare.Breaker.Library != "" && ok || policy.Shortest(bare.Timeout, bare.Deadline) == 0 {
			t.Errorf("%s without its breaker: %+v, %v", l.Name, bare, ok)
		}
	}
}

// What a journal must not be.
func TestJournalsThatAreNone(t *testing.T) {
	const first = `{"schema":"tripcurve.tune.runs/1","problem":"p","program":"v1"}` + "\n"
	for text, want := range map[string]string{
		"hello\n": "runs:1:1: found something else, expected the first line",
		`{"schema":"tripcurve.tune.runs/2","problem":"p","program":"v1"}` + "\n": "runs:1:1: found something else",
		`{"schema":"tripcurve.tune.runs/1","problem":"q","program":"v1"}` + "\n": "runs:1:1: found the runs of another problem",
		`{"schema":"tripcurve.tune.runs/1","problem":"p","program":"v0"}` + "\n": "runs:1:1: found runs of another version",
		first + "{}\n": "runs:2:1: found a run with something left out",
		first + `{"setting":"a","case":"own","n":1,"seen":{"came":-1}}` + "\n":      "runs:2:1: found a run with a negative figure",
		first + `{"setting":"a","case":"own","n":1,"seen":{"came":1,"x":2}}` + "\n": `runs:2:1: found no run (unknown field "x")`,
		first + `{"setting":"a","case":"own","n":1,"seen":{"came":1}} {}` + "\n":    "runs:2:1: found no run (more than one value",
		first + strings.Repeat("x", 5000) + "\n":                                    "runs:2:1: found a line of more than 4096 bytes",
		first + `{"setting":"a","case":"own","n":1,"seen":{"came":1e400}}` + "\n":   "runs:2:1: found no run",
	} {
		_, _, err := OpenJournal("runs", strings.NewReader(text), "p", "v1")
		var at *JournalError
		if !errors.As(err, &at) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: %v, expected %s", text, err, want)
		}
	}
	j, keep, err := OpenJournal("runs", strings.NewReader(first+`{"setting":"a","case":"own","n":1,"seen":{"came":3}}`+"\n{\"sett"), "p", "v1")
	if err != nil || j.Known() != 1 || int(keep) != len(first)+53 {
		t.Errorf("a cut line: %d known, %d kept, %v", j.Known(), keep, err)
	}
}

func FuzzJournal(f *testing.F) {
	const first = `{"schema":"tripcurve.tune.runs/1","problem":"p","program":"v1"}` + "\n"
	f.Add(first)
	f.Add(first + `{"setting":"a","case":"own","n":1,"whole":true,"seen":{"came":3,"not_served":1,"wait_s":0.5,"recovered":true}}` + "\n")
	f.Add(first + "{\n")
	f.Fuzz(func(t *testing.T, text string) {
		j, keep, err := OpenJournal("runs", strings.NewReader(text), "p", "v1")
		if err != nil {
			return
		}
		if keep < 0 || keep > int64(len(text)) || keep > 0 && text[keep-1] != '\n' {
			t.Fatalf("keeps %d of %d bytes", keep, len(text))
		}
		// What is kept is read again as it was.
		k, again, err := OpenJournal("runs", io.LimitReader(strings.NewReader(text), keep), "p", "v1")
		if err != nil || again != keep || !cmp.Equal(j.known, k.known, cmp.AllowUnexported(unit{})) {
			t.Fatalf("read again: %v, %d and %d bytes", err, keep, again)
		}
	})
}
