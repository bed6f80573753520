package bundled

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/sim/scenario"
)

func night(clock string) time.Time {
	t, err := time.Parse("15:04:05", clock)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 1, 15, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func build(t *testing.T) (*Incident, *incident.View) {
	t.Helper()
	in, err := Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return in, in.Evidence.Snapshot()
}

// TestINC2847 holds what the evidence says against the facts of the incident.
func TestINC2847(t *testing.T) {
	_, v := build(t)
	a := cause.Analyze(v, cause.Options{})

	for _, want := range []string{
		"48291", "SHARE", "stock_reservations", "100 sessions", "240 s of the 1,397 s", "17.2 %", "connection that nobody noticed was dead",
	} {
		if !strings.Contains(a.Sentence, want) {
			t.Errorf("the sentence does not say %q: %s", want, a.Sentence)
		}
	}
	if d := cmp.Diff(incident.Window{From: night("14:23:01"), To: night("14:46:18")}, a.Impact); d != "" {
		t.Errorf("impact (-want +got):\n%s", d)
	}
	if math.Abs(a.Coverage-240.0/1397) > 1e-3 {
		t.Errorf("coverage %v, want %v", a.Coverage, 240.0/1397)
	}
	if len(a.Remainder) != 1 || a.Remainder[0].Window != (incident.Window{From: night("14:27:01"), To: night("14:46:18")}) || a.Remainder[0].Explanation == "" {
		t.Errorf("remainder %+v", a.Remainder)
	}
	endpoints := map[string]incident.Impact{}
	for _, e := range a.Endpoints {
		endpoints[e.Endpoint.String()] = e
	}
	orders := endpoints["POST /api/orders"]
	if n := orders.During.Statuses[502]; n < 1210 || n > 1284 {
		t.Errorf("%d orders answered 502, want 1,247 within 3 %%", n)
	}
	if orders.Before.Failed != 0 || orders.Before.Requests < 40_000 {
		t.Errorf("the 24 hours before: %+v; want many orders and none failed", orders.Before)
	}
	if e := endpoints["GET /api/inventory/:sku"]; e.During.Failed == 0 || !e.Recovered.Equal(night("14:27:01")) {
		t.Errorf("reads of stock failed %d times and recovered at %v; want some, and 14:27:01", e.During.Failed, e.Recovered)
	}
	if e := endpoints["GET /api/orders/:id"]; e.During.Failed+e.Before.Failed+e.After.Failed != 0 {
		t.Errorf("reads of orders were to be unaffected: %+v", e)
	}
	if e := endpoints["POST /api/payments/intent"]; !e.Vanished || e.During.Requests > 1 {
		t.Errorf("payment intents were to stop: %+v", e)
	}
	causes := map[string]bool{}
	for _, f := range a.Findings {
		causes[f.Cause] = true
		if f.Groups() == 0 || len(f.Support) == 0 {
			t.Errorf("finding without proof: %+v", f)
		}
		for _, id := range f.Support {
			if _, ok := v.Get(id); !ok {
				t.Errorf("%s rests on %q, which cannot be opened", f.ID, id)
			}
		}
	}
	if d := cmp.Diff(map[string]bool{
		"lock_root": true, "call_without_deadline": true, "pool_exhausted": true, "retry_amplification": true, "no_keepalive": true,
	}, causes); d != "" {
		t.Errorf("causes (-want +got):\n%s", d)
	}
	for _, m := range a.Derived {
		for _, id := range m.Support {
			if _, ok := v.Get(id); !ok {
				t.Errorf("%q rests on %q, which cannot be opened", m.Text, id)
			}
		}
	}
}

func TestEveryLineIsUnderstood(t *testing.T) {
	_, v := build(t)
	for _, x := range v.Exemplars() {
		if x.Kind == incident.Unparsed {
			t.Errorf("line not understood: %s: %s", x.Note, x.Raw)
		}
	}
}

// TestEvidenceAgreesWithTheRun counts the same orders twice: as the simulator
// knows them and as the log's reader found them.
func TestEvidenceAgreesWithTheRun(t *testing.T) {
	in, v := build(t)
	var log int64
	v.EachBucket(incident.Window{From: in.Scenario.Start, To: in.Scenario.Start.Add(in.Scenario.Length)}, func(b *incident.Bucket) {
		if b.Endpoint.Route == "/api/orders" && b.Status == 502 {
			log += b.Ended
		}
	})
	if int(log) != in.Result.Orders.Answered502 {
		t.Errorf("the log has %d orders answered 502, the run %d", log, in.Result.Orders.Answered502)
	}
	waiters := v.LockWaiters(incident.Window{From: night("14:26:00"), To: night("14:26:10")}, time.Second)
	for _, n := range waiters {
		if n != 100 {
			t.Errorf("lock waiters by second %v, want 100 throughout", waiters)
			break
		}
	}
}

func TestSameNightTwice(t *testing.T) {
	_, a := build(t)
	_, b := build(t)
	fa, fb := a.Facts(), b.Facts()
	if len(fa) != len(fb) {
		t.Fatalf("%d facts, then %d", len(fa), len(fb))
	}
	for i := range fa {
		if fa[i].ID() != fb[i].ID() {
			t.Fatalf("fact %d is %s, then %s", i, fa[i].ID(), fb[i].ID())
		}
	}
	if d := cmp.Diff(cause.Analyze(a, cause.Options{}), cause.Analyze(b, cause.Options{})); d != "" {
		t.Errorf("the analysis differs:\n%s", d)
	}
}

func TestHealthyDayIsSilent(t *testing.T) {
	in, err := FromScenario(context.Background(), scenario.Healthy())
	if err != nil {
		t.Fatal(err)
	}
	a := cause.Analyze(in.Evidence.Snapshot(), cause.Options{})
	if len(a.Findings) != 0 || a.Impact != (incident.Window{}) {
		t.Errorf("findings on a healthy day: %s %+v", a.Sentence, a.Findings)
	}
}

// BenchmarkBuild is what the first screen waits for.
func BenchmarkBuild(b *testing.B) {
	for b.Loop() {
		if _, err := Build(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// A restart is told of the service that was restarted, one replica among several too.
func TestWhoWasRestarted(t *testing.T) {
	sc := scenario.Healthy()
	err := scenario.Set(&sc, "length=3m", "world.order_replicas=2", "fault=restart service=inventory at=1m down=10s", "fault=restart service=order replica=2 at=2m")
	if err != nil {
		t.Fatal(err)
	}
	in, err := FromScenario(t.Context(), sc)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range in.Evidence.Snapshot().Changes() {
		if c.Kind == incident.Restart && c.Origin.Group == "platform" { // the services' pages tell of them too
			got = append(got, c.System+": "+c.Text)
		}
	}
	if d := cmp.Diff([]string{"inventory: inventory service went down for 10s", "order-2: order-2 service restarted"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
