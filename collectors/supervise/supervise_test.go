package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// script is a collector whose n-th Run is the n-th function.
type script struct {
	name string
	runs []func(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error
	n    int
	at   []time.Duration // of each Run since the test began
	t0   time.Time
}

func (s *script) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: s.name, Group: "test"}
}

func (s *script) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	s.at = append(s.at, time.Since(s.t0))
	run := s.runs[min(s.n, len(s.runs)-1)]
	s.n++
	return run(ctx, out, status)
}

// fixed takes the jitter out of the backoff: 0.8 + 0.4*0.5 = 1.
var fixed = Options{Rand: func() float64 { return 0.5 }}

// notes is a writer that keeps everything, and apart who has only begun.
type notes struct {
	facts   []incident.Fact
	sources []incident.SourceStatus
	begun   []string
	dropped int
	batches int
}

func (n *notes) write(_ context.Context, b Batch) error {
	n.facts = append(n.facts, b.Facts...)
	for _, s := range b.Sources {
		if s.State == incident.SourceStarting {
			n.begun = append(n.begun, s.Name)
			continue
		}
		n.sources = append(n.sources, s)
	}
	n.dropped += b.DroppedFacts
	n.batches++
	return nil
}

func (n *notes) states() []string {
	var s []string
	for _, st := range n.sources {
		s = append(s, fmt.Sprintf("%v %s", st.State, st.Detail))
	}
	return s
}

func change(text string) incident.Fact {
	return incident.Change{Kind: incident.Config, Text: text, At: time.Unix(0, 0), Origin: incident.Origin{Group: "test", Name: "pg"}}
}

func TestBackoffDoublesToItsLimitAndStartsAgainAfterALongRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		fail := func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error { return refused }
		c := &script{name: "pg", t0: time.Now()}
		for range 7 {
			c.runs = append(c.runs, fail)
		}
		c.runs = append(c.runs,
			func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error {
				time.Sleep(time.Minute)
				return refused
			}, fail)
		ctx, cancel := context.WithTimeout(t.Context(), 196*time.Second)
		defer cancel()
		var n notes
		if err := New([]Collector{c}, fixed).Run(ctx, n.write); err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, at := range c.at {
			got = append(got, at.Seconds())
		}
		// waits of 1, 2, 4, 8, 16, 30, 30 s, a run of 60 s, then 1 and 2 s again
		want := []float64{0, 1, 3, 7, 15, 31, 61, 91, 152, 154, 158, 166, 182}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("starts, s (-want +got):\n%s", d)
		}
	})
}

func TestWhatCanBeTriedSoonDoesNotWaitLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := func(err error) func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error {
			return func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error { return err }
		}
		cut, full := errors.New("no route to host"), errors.New("too many clients")
		c := &script{name: "pg", t0: time.Now()}
		for _, err := range []error{full, full, Soon(cut), fmt.Errorf("sample: %w", Soon(cut)), full, full, full} {
			c.runs = append(c.runs, fails(err))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 14*time.Second)
		defer cancel()
		if err := New([]Collector{c}, fixed).Run(ctx, new(notes).write); err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, at := range c.at {
			got = append(got, at.Seconds())
		}
		// full waits 1 and 2 s, the cut 1 s each time, full 2, 4 and 8 s.
		if d := cmp.Diff([]float64{0, 1, 3, 4, 5, 7, 11}, got); d != "" {
			t.Errorf("starts, s (-want +got):\n%s", d)
		}
		if Soon(nil) != nil || !errors.Is(Soon(cut), cut) {
			t.Error("Soon does not keep its error")
		}
	})
}

func TestADownSourceLeavesAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t0 := time.Now().UTC()
		sample := func(out chan<- []incident.Fact, status chan<- incident.SourceStatus) {
			out <- []incident.Fact{change("sample")}
			status <- incident.SourceStatus{Name: "pg", Group: "test", State: incident.SourceOK, LastAt: time.Now()}
		}
		c := &script{name: "pg", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(_ context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				sample(out, status)
				time.Sleep(2 * time.Second)
				return errors.New("terminating connection")
			},
			func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error {
				return errors.New("connection refused")
			},
			func(_ context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				sample(out, status)
				return nil
			},
		}}
		var n notes
		if err := New([]Collector{c}, fixed).Run(t.Context(), n.write); err != nil {
			t.Fatal(err)
		}
		var gaps []incident.Episode
		for _, f := range n.facts {
			if e, ok := f.(incident.Episode); ok && e.Kind == incident.Gap {
				gaps = append(gaps, e)
			}
		}
		last := gaps[len(gaps)-1]
		if last.Open || !last.From.Equal(t0) || !last.To.Equal(t0.Add(5*time.Second)) || last.Text != "terminating connection" {
			t.Errorf("gap = %+v, want it closed, from the last word at 0 s to the first at 5 s", last)
		}
		for _, g := range gaps {
			if g.ID() != last.ID() {
				t.Errorf("one time down has two gaps: %s and %s", g.ID(), last.ID())
			}
		}
		want := []string{
			fmt.Sprintf("%v ", incident.SourceOK),
			fmt.Sprintf("%v terminating connection; try 2 in 1s", incident.SourceDown),
			fmt.Sprintf("%v connection refused; try 3 in 2s", incident.SourceDown),
			fmt.Sprintf("%v ", incident.SourceOK),
			fmt.Sprintf("%v ", incident.SourceDone),
		}
		got := n.states()
		for _, w := range want {
			i := 0
			for i < len(got) && got[i] != w {
				i++
			}
			if i == len(got) {
				t.Fatalf("states %q lack %q, in this order", n.states(), w)
			}
			got = got[i+1:]
		}
	})
}

func TestAPanicIsASourceThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		healthy := &script{name: "gw", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(ctx context.Context, out chan<- []incident.Fact, _ chan<- incident.SourceStatus) error {
				<-ctx.Done()
				out <- []incident.Fact{change("still here")}
				return ctx.Err()
			},
		}}
		broken := &script{name: "pg", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error {
				var m map[string]int
				m["x"]++ //nolint:staticcheck // the collector is to panic as the runtime does
				return nil
			},
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var n notes
		if err := New([]Collector{healthy, broken}, fixed).Run(ctx, n.write); err != nil {
			t.Fatal(err)
		}
		if len(n.sources) != 1 || n.sources[0].Name != "pg" || n.sources[0].State != incident.SourceDown ||
			!strings.Contains(n.sources[0].Detail, "panic: assignment to entry in nil map at supervise_test.go:") {
			t.Errorf("sources = %+v, want pg down with the panic and its place", n.sources)
		}
		if !slices.ContainsFunc(n.facts, func(f incident.Fact) bool { c, ok := f.(incident.Change); return ok && c.Text == "still here" }) {
			t.Errorf("what was received while stopping is not written: %v", n.facts)
		}
	})
}

func TestAnErrorThatCannotBeMendedIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &script{name: "gw", t0: time.Now(), runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error {
				return Permanent(errors.New("unknown format"))
			},
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var n notes
		if err := New([]Collector{c}, fixed).Run(ctx, n.write); err != nil {
			t.Fatal(err)
		}
		if len(c.at) != 1 || n.sources[0].Detail != "unknown format" {
			t.Errorf("started %d times, status %q; want once and \"unknown format\"", len(c.at), n.sources[0].Detail)
		}
	})
}

func TestASilentSourceIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &script{name: "grpc", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				status <- incident.SourceStatus{Name: "grpc", Group: "test", State: incident.SourceOK, LastAt: time.Now()}
				time.Sleep(42 * time.Second)
				out <- []incident.Fact{change("late")}
				return nil
			},
		}}
		var n notes
		if err := New([]Collector{c}, fixed).Run(t.Context(), n.write); err != nil {
			t.Fatal(err)
		}
		want := []string{
			fmt.Sprintf("%v ", incident.SourceOK), fmt.Sprintf("%v ", incident.SourceStale),
			fmt.Sprintf("%v ", incident.SourceOK), fmt.Sprintf("%v ", incident.SourceDone),
		}
		got := n.states()
		if len(got) == 3 { // the writer may see the last two in one batch, where the newest counts
			want = append(want[:2], want[3])
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("states (-want +got):\n%s", d)
		}
	})
}

// slowly is a collector that has news each 20 s.
type slowly struct{ *script }

func (slowly) Every() time.Duration { return 20 * time.Second }

func TestLinesThatNobodyReadsMakeNoSourceWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		garbage := incident.Exemplar{Kind: incident.Unparsed, Raw: "garbage"}
		c := &script{name: "access.log", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(_ context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				status <- incident.SourceStatus{Name: "access.log", Group: "test", State: incident.SourceStale, Detail: "none is understood"}
				out <- []incident.Fact{garbage}
				return Permanent(errors.New("unknown format"))
			},
		}}
		var n notes
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := New([]Collector{c}, fixed).Run(ctx, n.write); err != nil {
			t.Fatal(err)
		}
		for _, s := range n.sources {
			if s.State == incident.SourceOK {
				t.Errorf("the source was well: %v", n.states())
			}
		}
		if len(n.facts) == 0 {
			t.Error("the line was not kept")
		}
	})
}

func TestASlowSourceIsNotStaleBetweenItsLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := slowly{&script{name: "datadog", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(_ context.Context, _ chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				for range 4 {
					status <- incident.SourceStatus{Name: "datadog", Group: "test", State: incident.SourceOK, LastAt: time.Now()}
					time.Sleep(20 * time.Second)
				}
				return nil
			},
		}}}
		var n notes
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := New([]Collector{c}, fixed).Run(ctx, n.write); err != nil {
			t.Fatal(err)
		}
		for _, s := range n.sources {
			if s.State == incident.SourceStale {
				t.Errorf("stale: %+v", n.states())
			}
		}
	})
}

func TestASlowWriterStopsNoCollectorAndMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sent = 10_000
		c := &script{name: "pg", t0: time.Now(), runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(_ context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				began := time.Now()
				for i := range sent {
					out <- []incident.Fact{change(fmt.Sprint(i))}
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("sending took %s", took)
				}
				status <- incident.SourceStatus{Name: "pg", Group: "test", State: incident.SourceOK, LastAt: time.Now()}
				return nil
			},
		}}
		opts := fixed
		opts.MaxFacts = 1000
		var n notes
		most := 0
		err := New([]Collector{c}, opts).Run(t.Context(), func(ctx context.Context, b Batch) error {
			time.Sleep(time.Minute) // a screen over a bad link
			most = max(most, len(b.Facts))
			return n.write(ctx, b)
		})
		if err != nil {
			t.Fatal(err)
		}
		if most > 1000 {
			t.Errorf("a batch of %d facts, the limit is 1000", most)
		}
		if n.dropped == 0 || n.dropped+len(n.facts) != sent {
			t.Errorf("%d written + %d dropped of %d sent", len(n.facts), n.dropped, sent)
		}
		last := n.sources[len(n.sources)-1]
		if want := fmt.Sprintf("%d facts dropped: the writer is too slow", n.dropped); last.Detail != want {
			t.Errorf("detail %q, want %q", last.Detail, want)
		}
	})
}

func TestAFailingWriterEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left on device")
		c := &script{name: "pg", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(ctx context.Context, out chan<- []incident.Fact, _ chan<- incident.SourceStatus) error {
				for ctx.Err() == nil {
					out <- []incident.Fact{change("x")}
					time.Sleep(time.Second)
				}
				return ctx.Err()
			},
		}}
		err := New([]Collector{c}, fixed).Run(t.Context(), func(context.Context, Batch) error { return full })
		if !errors.Is(err, full) {
			t.Errorf("Run = %v, want %v", err, full)
		}
	})
}

// The states of a source, each with since when: starting, ok, degraded, down and ok
// again; what is measured of its clock is kept where it is not said.
func TestStatesSayWhySinceWhenAndOfWhichClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t0 := time.Now()
		say := func(status chan<- incident.SourceStatus, state incident.SourceState, why string, c incident.Clock) {
			time.Sleep(time.Second)
			status <- incident.SourceStatus{Name: "pg", Group: "test", State: state, Detail: why, Clock: c}
		}
		clock := incident.Clock{Ahead: -2 * time.Second, Within: time.Millisecond}
		c := &script{name: "pg", runs: []func(context.Context, chan<- []incident.Fact, chan<- incident.SourceStatus) error{
			func(_ context.Context, _ chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				say(status, incident.SourceOK, "", clock)
				say(status, incident.SourceDegraded, "sample missed", incident.Clock{})
				say(status, incident.SourceDegraded, "sample missed again", incident.Clock{})
				time.Sleep(time.Second)
				return errors.New("connection lost")
			},
			func(_ context.Context, _ chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
				say(status, incident.SourceOK, "", clock)
				time.Sleep(time.Second)
				return nil
			},
		}}
		var got []string
		err := New([]Collector{c}, fixed).Run(t.Context(), func(_ context.Context, b Batch) error {
			for _, s := range b.Sources {
				got = append(got, fmt.Sprintf("%s since %s %q clock %s", s.State, s.Since.Sub(t0), s.Detail, s.Clock))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		const behind = "clock 2s behind ours, within 1ms"
		want := []string{
			`starting since 0s "" clock not measured`,
			`ok since 1s "" ` + behind,
			`degraded since 2s "sample missed" ` + behind,
			`degraded since 2s "sample missed again" ` + behind,
			`down since 4s "connection lost; try 2 in 1s" ` + behind,
			`ok since 6s "" ` + behind,
			`done since 7s "" ` + behind,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

// While the writer is slow, a source that bursts loses what it sent, and one beside
// it nothing.
func TestABurstCostsNoOtherSource(t *testing.T) {
	q := newQueue(100)
	one := func(name string, n int) incident.Fact {
		return incident.Change{At: time.Unix(int64(n), 0), Text: fmt.Sprint(n), Origin: incident.Origin{Group: "test", Name: name}}
	}
	for n := range 2000 {
		q.add(event{facts: []incident.Fact{one("log", n)}})
		if n%100 == 0 {
			q.add(event{facts: []incident.Fact{one("pg", n)}})
		}
	}
	q.add(event{status: &incident.SourceStatus{Name: "log", Group: "test"}})
	q.add(event{status: &incident.SourceStatus{Name: "pg", Group: "test", Detail: "fine"}})
	b := q.batch()
	pg := 0
	for _, f := range b.Facts {
		if f.Source().Name == "pg" {
			pg++
		}
	}
	if pg != 20 || len(b.Facts) > 100 || b.DroppedFacts != 2020-len(b.Facts) {
		t.Errorf("%d of the quiet source's 20 facts are left, %d in all, %d dropped", pg, len(b.Facts), b.DroppedFacts)
	}
	if d := cmp.Diff([]string{fmt.Sprintf("%d facts dropped: the writer is too slow", b.DroppedFacts), "fine"}, []string{b.Sources[0].Detail, b.Sources[1].Detail}); d != "" {
		t.Errorf("details (-want +got):\n%s", d)
	}
	// The same of series whose points are many.
	q = newQueue(10)
	series := func(name string, points int) incident.Fact {
		return incident.Series{Name: "x", Origin: incident.Origin{Group: "test", Name: name}, Points: make([]incident.Point, points)}
	}
	q.add(event{facts: []incident.Fact{series("pg", 8)}})
	q.add(event{facts: []incident.Fact{series("prom", 100)}})
	if b := q.batch(); len(b.Facts) != 1 || b.Facts[0].Source().Name != "pg" {
		t.Errorf("left are %v", b.Facts)
	}
}

func TestTheQueueJoinsWhatIsTheSame(t *testing.T) {
	at := time.Unix(1768487000, 0).UTC()
	q := newQueue(100)
	wait := incident.Episode{Kind: incident.LockWait, From: at, To: at, Open: true, Session: incident.Session{PID: 7}}
	gauge := incident.Series{Name: "lock_waiters", Unit: "1", Points: []incident.Point{{At: at, V: 1}}}
	q.add(event{facts: []incident.Fact{wait, gauge}})
	wait.To = at.Add(time.Second)
	gauge.Points = []incident.Point{{At: at.Add(time.Second), V: 2}}
	q.add(event{facts: []incident.Fact{wait, gauge}})

	joined := gauge
	joined.Points = []incident.Point{{At: at, V: 1}, {At: at.Add(time.Second), V: 2}}
	if d := cmp.Diff([]incident.Fact{wait, joined}, q.batch().Facts); d != "" {
		t.Errorf("queue (-want +got):\n%s", d)
	}
}
