package bundled

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/sim"
	"tripcurve/sim/fit"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/pipeline/file"
	"tripcurve/sim/scenario"
)

// fitNight is a simulated incident of which it is known what went wrong and when.
type fitNight struct {
	name  string
	seed  uint64
	night trueNight
	edit  func(*Incident)
	// from and length of the fault, from the scenario's beginning, and how often the
	// sources look.
	from, length, sample time.Duration
	want                 pipeline.FaultKind // of the first fault
	faults               int                // how many; 0 is not looked at
}

var fitNights = []fitNight{
	{name: "SHARE lock on writes", seed: 1, night: positives[0], from: faultAt, length: faultFor, sample: time.Second, want: pipeline.LockTable},
	{
		name: "queued ACCESS EXCLUSIVE, three times the checkouts", seed: 2, night: trueNight{set: []string{"rate.checkouts=3"}, fault: positives[1].fault},
		from: faultAt - 20*time.Second, length: faultFor + 20*time.Second, sample: time.Second, want: pipeline.LockTable,
	},
	{
		name: "idle in transaction, no counters of calls", seed: 3, night: trueNight{set: []string{"rate.checkouts=2"}, fault: positives[2].fault}, edit: only("gateway", "postgres"),
		from: faultAt, length: faultFor, sample: time.Second, want: pipeline.LockTable,
	},
	{
		name: "slow dependency", seed: 4, night: trueNight{set: append([]string{"rate.checkouts=1.5"}, positives[4].set...), fault: positives[4].fault, more: positives[4].more},
		from: faultAt, length: faultFor, sample: time.Second, want: pipeline.Slow,
	},
	{name: "disk stall", seed: 5, night: positives[8], from: faultAt, length: faultFor, sample: time.Second, want: pipeline.Slow},
	{name: "a path that swallows what is sent", seed: 1, night: trueNight{fault: faults(paymentLost)}, from: faultAt, length: faultFor, sample: time.Second, want: pipeline.LockTable},
	{
		name: "a third of the calls to inventory fail", seed: 7, night: trueNight{set: []string{"rate.checkouts=4"}, fault: faults(sim.FailCalls{At: faultAt, For: faultFor, Service: "inventory", Share: 0.33})},
		from: faultAt, length: faultFor, sample: time.Second, want: pipeline.FailCalls,
	},
	{name: "CREATE INDEX behind an idle session, writers behind it", seed: 8, night: trueNight{fault: faults(
		sim.LockTable{At: faultAt - 5*time.Second, Hold: 5*time.Second + faultFor, Table: "stock_reservations", Mode: pglock.RowExclusive, PID: 700, User: "ana", Idle: true, Statement: "UPDATE stock_reservations SET sku = sku"},
		sim.LockTable{At: faultAt, Hold: time.Second, Table: "stock_reservations", Mode: pglock.Share, PID: 48291, User: "migrator", Statement: createIndex},
	)}, from: faultAt - 5*time.Second, length: 5*time.Second + faultFor, sample: time.Second, want: pipeline.LockTable, faults: 2},
	{name: "a connection lost until a restart", seed: 9, night: trueNight{set: []string{"gateway.order.attempts=3", "*.cancel=detach", "world.stream_quota=0", "rate.checkouts=3"}, fault: faults(
		sim.BlackHole{At: faultAt, Edge: "order.inventory"}, sim.RestartService{At: faultAt + faultFor, Service: "order"},
	)}, from: faultAt, length: faultFor, sample: time.Second, want: pipeline.Drop, faults: 2},
	{name: "crash loop", seed: 6, night: positives[6], from: faultAt, length: 3 * time.Minute, sample: time.Second, want: pipeline.FailCalls},
}

// TestLongFit: the pipelines fitted to simulated incidents reproduce them, have the
// fault where it was, and are the same when they are read again from their file.
func TestLongFit(t *testing.T) {
	for _, n := range fitNights {
		t.Run(n.name, func(t *testing.T) {
			n.night.name = n.name
			in := n.night.build(t, n.seed)
			if n.edit != nil {
				n.edit(in)
			}
			f := fitted(t, in.Evidence.Snapshot())
			at := in.Scenario.Start.Add(n.from)
			sample := max(n.sample, meanGap(f))
			if off := f.Fault.From.Sub(at).Abs(); off > 2*sample {
				t.Errorf("the fault begins at %s, it was %s: %s off, of samples of %s", f.Fault.From, at, off, sample)
			}
			if off := f.Fault.To.Sub(at.Add(n.length)).Abs(); off > 2*sample {
				t.Errorf("the fault ends at %s, it was %s: %s off, of samples of %s", f.Fault.To, at.Add(n.length), off, sample)
			}
			if got := f.Pipeline.Faults[0].What; got != n.want {
				t.Errorf("the first fault is %s, expected %s", got, n.want)
			}
			if got := len(f.Pipeline.Faults); n.faults > 0 && got != n.faults {
				t.Errorf("%d faults, expected %d: %+v", got, n.faults, f.Pipeline.Faults)
			}
		})
	}
}

// TestLongFitNight: the bundled incident, with the retries, the pool and the dead
// connection that made it last.
func TestLongFitNight(t *testing.T) {
	in, err := Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f := fitted(t, in.Evidence.Snapshot())
	lock := in.Scenario.Faults[0].(sim.LockTable)
	first := f.Pipeline.Faults[0]
	if got, want := f.Window.From.Add(first.At), in.Scenario.Start.Add(lock.At); !got.Equal(want) || first.For != lock.Hold || first.Mode != lock.Mode {
		t.Errorf("%s from %s for %s; it was %s from %s for %s", first.Mode, got, first.For, lock.Mode, want, lock.Hold)
	}
	gateway := f.Pipeline.Policies["gateway.order"]
	if gateway.Timeout != 10*time.Second || gateway.Retry.Attempts != 3 {
		t.Errorf("the gateway makes %d tries of %s", gateway.Retry.Attempts, gateway.Timeout)
	}
	size := 0
	for _, s := range f.Pipeline.Services {
		for _, p := range s.Pools {
			size = p.Size
		}
	}
	if size != in.Scenario.World.PoolSize {
		t.Errorf("a pool of %d, expected %d", size, in.Scenario.World.PoolSize)
	}
	// What would have helped then helps in the fitted pipeline, too.
	for path, most := range map[string]float64{"order.inventory.keepalive=20s": 0.25, "order.inventory.deadline=5s": 0.25} {
		p := *f.Pipeline
		p.Policies = p.Policies.Clone()
		name, value, _ := strings.Cut(path, "=")
		if err := p.Policies.Set(name, value); err != nil {
			t.Fatal(err)
		}
		was, is := failedOrders(t, f.Pipeline), failedOrders(t, &p)
		if is > most*was {
			t.Errorf("%s: %.0f orders fail, %.0f without", path, is, was)
		}
	}
}

func failedOrders(t *testing.T, p *pipeline.Pipeline) float64 {
	t.Helper()
	r, err := pipeline.Run(t.Context(), p, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return float64(r.Requests[0].Failed)
}

// fitted fits, and holds what is promised of every fit.
func fitted(t *testing.T, v *incident.View) *fit.Fit {
	t.Helper()
	f, err := fit.Of(t.Context(), v, fit.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	text := file.Write(f.Pipeline, f.Notes)
	for _, q := range f.Report.Quantities {
		t.Logf("%-26s %-13s %10.4f %10.4f  off %.4f, at most %.3f", q.Of, q.Name, q.Recorded, q.Simulated, q.Error, q.Bound)
		if !q.Holds() || math.IsNaN(q.Error) {
			t.Errorf("%s %s: recorded %v, simulated %v: off by %v, at most %v", q.Of, q.Name, q.Recorded, q.Simulated, q.Error, q.Bound)
		}
	}
	again, err := file.Read("fitted.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again.Edges = slices.DeleteFunc(again.Edges, func(e pipeline.Edge) bool { return e == pipeline.Edge{Name: e.Name} }) // of which only a policy is said
	if diff := cmp.Diff(f.Pipeline, again, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read again it is another:\n%s", diff)
	}
	return f
}

// meanGap is how far apart the requests are of the endpoint that failed most.
func meanGap(f *fit.Fit) time.Duration {
	return time.Duration(float64(f.Window.Length()) / f.Report.Quantities[0].Recorded)
}

// TestLongFitRefuses: what cannot be fitted is refused, and why is said.
func TestLongFitRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		night trueNight
		edit  func(*Incident)
		want  string
	}{
		{"nothing wrong", trueNight{}, nil, "no fault"},
		{"a pool that is always full", positives[3], nil, "no healthy window"},
		{"traffic that fills a pool", positives[7], nil, "a pool that the work itself fills"},
		{"no gateway's log", positives[0], only("postgres"), "no requests"},
		{"nobody holds the lock", positives[0], func(in *Incident) { unheld(in) }, "unknown lock holder"},
		{"few requests", trueNight{set: []string{"rate.checkouts=0.17"}, fault: positives[0].fault}, nil, "too few requests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.night.name = c.name
			in := c.night.build(t, 1)
			if c.edit != nil {
				c.edit(in)
			}
			_, err := fit.Of(t.Context(), in.Evidence.Snapshot(), fit.Options{Workers: 2})
			reasons, refused := fit.IsRefused(err)
			if !refused {
				t.Fatalf("not refused: %v", err)
			}
			var lacks []string
			for _, r := range reasons {
				lacks = append(lacks, r.Lacks)
			}
			if !strings.Contains(strings.Join(lacks, ", "), c.want) {
				t.Errorf("refused for %s, expected %q", strings.Join(lacks, ", "), c.want)
			}
			t.Log(err)
		})
	}
}

// unheld leaves the waits in the evidence and takes away who held what.
func unheld(in *Incident) {
	v, ev := in.Evidence.Snapshot(), incident.NewEvidence()
	for _, f := range v.Facts() {
		if e, is := f.(incident.Episode); is {
			if e.Kind == incident.SessionState {
				continue
			}
			e.Blockers, e.Was = nil, nil
			f = e
		}
		ev.Add(f)
	}
	for _, s := range v.Sources {
		ev.SetSource(s)
	}
	in.Evidence = ev
}

// TestLongFitSameBytes: a fit does not depend on how many workers run it.
func TestLongFitSameBytes(t *testing.T) {
	in := positives[0].build(t, 2)
	var texts [2]string
	for i := range texts {
		f, err := fit.Of(t.Context(), in.Evidence.Snapshot(), fit.Options{Workers: i + 1})
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = file.Write(f.Pipeline, f.Notes)
		for _, q := range f.Report.Quantities {
			texts[i] += q.Name + time.Duration(q.Simulated*1e9).String()
		}
	}
	if texts[0] != texts[1] {
		t.Error("one worker and two make different fits")
	}
	if sc := scenario.Healthy(); !strings.Contains(texts[0], sc.Start.Format("2006-01-02")) {
		t.Error("the fit does not begin on the recording's day")
	}
}

// TestLongFitAnyEvidence: whatever part of a recording there is, it is refused, or what
// is fitted is sound and can be written and read again.
func TestLongFitAnyEvidence(t *testing.T) {
	fitted, refused := 0, 0
	for n := range uint64(16) {
		of := positives[int(n)%len(positives)]
		in := of.build(t, 30+n)
		r := rand.New(rand.NewPCG(n, 1))
		v, ev := in.Evidence.Snapshot(), incident.NewEvidence()
		cut := in.Scenario.Start.Add(time.Duration(r.IntN(420)) * time.Second)
		keep := 0.5 + r.Float64()/2
		for _, f := range v.Facts() {
			var at time.Time
			switch f := f.(type) {
			case incident.Bucket:
				at = f.At
			case incident.Latency:
				at = f.At
			case incident.Episode:
				at = f.From
			}
			ends := n%4 == 1 && at.After(cut) || n%4 == 2 && !at.IsZero() && at.Before(cut)
			if !ends && (n%4 != 3 || r.Float64() < keep) {
				ev.Add(f)
			}
		}
		for _, s := range v.Sources {
			ev.SetSource(s)
		}
		f, err := fit.Of(t.Context(), ev.Snapshot(), fit.Options{Workers: 2, Force: n%2 == 0})
		if reasons, is := fit.IsRefused(err); is {
			refused++
			if len(reasons) == 0 {
				t.Errorf("%d, %s: refused without a reason", n, of.name)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d, %s: %v", n, of.name, err)
		}
		fitted++
		text := file.Write(f.Pipeline, f.Notes)
		if _, err := file.Read("any.yaml", text); err != nil {
			t.Errorf("%d, %s: %v\n%s", n, of.name, err, text)
		}
	}
	if fitted == 0 || refused == 0 {
		t.Errorf("%d fitted, %d refused: one of the two was not tried", fitted, refused)
	}
	t.Logf("%d fitted, %d refused", fitted, refused)
}
