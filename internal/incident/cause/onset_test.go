package cause

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// shopLog is a gateway's requests of which all fail from 14:23 to 14:33.
var shopLog = []string{
	"requests POST /api/orders from=14:00 to=14:23 rate=5 status=201 took=120ms",
	"requests POST /api/orders from=14:23 to=14:33 rate=5 status=502 took=1s",
	"requests POST /api/orders from=14:33 to=14:40 rate=5 status=201 took=120ms",
}

func evidenceOf(t testing.TB, lines []string) *builder {
	t.Helper()
	b := newBuilder()
	for _, l := range lines {
		if err := b.line(l); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func clockAt(s string) time.Time { return args{kv: map[string]string{"at": s}}.at("at") }

// gauges adds series sampled each 5 s, of which the first change at an instant.
func (b *builder) gauges(n, changing int, when time.Time) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		s := incident.Series{Name: fmt.Sprintf("metric_%02d", i), Unit: "bytes", Origin: incident.Origin{Group: "grpc", Name: "order"}}
		for at := clockAt("14:00"); at.Before(clockAt("14:40")); at = at.Add(5 * time.Second) {
			v := 100 + 5*r.NormFloat64()
			if i < changing && !at.Before(when) {
				v += 100
			}
			s.Points = append(s.Points, incident.Point{At: at, V: v})
		}
		b.ev.Add(s)
	}
}

func TestOnsetOfManySeries(t *testing.T) {
	b := evidenceOf(t, shopLog)
	b.gauges(30, 12, clockAt("14:22:40"))
	a := Analyze(b.ev.Snapshot(), Options{})
	o := a.Onset
	if off := o.At.Sub(clockAt("14:22:40")); off < -o.Err || off > o.Err || o.Err > 30*time.Second {
		t.Errorf("onset %s, want 14:22:40 within its error: %s", o.At, o.Says)
	}
	if !o.Together || !o.Opens {
		t.Errorf("together %v, opens %v: %s", o.Together, o.Opens, o.Says)
	}
	n := 0
	for _, x := range o.Agree {
		if strings.HasPrefix(x.Name, "metric_") {
			n++
			if f, ok := b.ev.Snapshot().Get(x.Support[0]); !ok || f.(incident.Series).Name != x.Name {
				t.Errorf("%s is not supported by its series: %v", x.Name, x.Support)
			}
		}
	}
	if n != 12 {
		t.Errorf("%d gauges agree, want 12: %s", n, o.Says)
	}
	if want := clockAt("14:23"); !a.Impact.From.Equal(want) { // what the log says exactly stays
		t.Errorf("impact from %s, want %s", a.Impact.From, want)
	}
}

// Requests fail, and of forty series none has changed: nobody else agrees.
func TestOnsetNeedsMoreThanTheFailures(t *testing.T) {
	b := evidenceOf(t, shopLog)
	b.gauges(40, 0, time.Time{})
	o := Analyze(b.ev.Snapshot(), Options{}).Onset
	if o.Together || o.Opens || !strings.HasPrefix(o.Says, "No common onset") {
		t.Errorf("together %v, opens %v: %s", o.Together, o.Opens, o.Says)
	}
}

// Series that change long before the requests fail open nothing now.
func TestOnsetFarFromTheImpact(t *testing.T) {
	b := evidenceOf(t, shopLog)
	b.gauges(40, 38, clockAt("14:18"))
	o := Analyze(b.ev.Snapshot(), Options{}).Onset
	if !o.Together || o.Opens {
		t.Errorf("together %v, opens %v: %s", o.Together, o.Opens, o.Says)
	}
}

func TestNoImpactNoOnset(t *testing.T) {
	b := evidenceOf(t, []string{"requests POST /api/orders from=14:00 to=14:40 rate=5 status=201 took=120ms"})
	b.gauges(30, 30, clockAt("14:23"))
	a := Analyze(b.ev.Snapshot(), Options{})
	if d := cmp.Diff(incident.Onset{}, a.Onset); d != "" {
		t.Errorf("a jump that no user notices opens nothing: %s", d)
	}
}

// Nothing fails, and users wait ten times as long since most series changed.
func TestSlowAnswersOpenToo(t *testing.T) {
	slow := []string{
		"requests POST /api/orders from=14:00 to=14:30 rate=5 status=201 took=120ms",
		"requests POST /api/orders from=14:30 to=14:40 rate=5 status=201 took=1200ms",
	}
	b := evidenceOf(t, slow)
	b.gauges(30, 20, clockAt("14:30"))
	a := Analyze(b.ev.Snapshot(), Options{})
	if off := a.Onset.At.Sub(clockAt("14:30")); !a.Onset.Opens || off < -a.Onset.Err || off > a.Onset.Err {
		t.Fatalf("opens %v at %s: %s", a.Onset.Opens, a.Onset.At, a.Onset.Says)
	}
	if !strings.Contains(a.Sentence, "POST /api/orders takes 1.2") || !strings.Contains(a.Sentence, "no clear cause; 0 of 12,000 requests failed") {
		t.Errorf("the sentence does not say who waits: %s", a.Sentence)
	}
	// The same without anything else that changes is no incident yet.
	b = evidenceOf(t, slow)
	b.gauges(60, 0, time.Time{})
	if a := Analyze(b.ev.Snapshot(), Options{}); a.Onset.Opens {
		t.Errorf("one latency alone opens: %s", a.Onset.Says)
	}
}

// durations adds a histogram's sum and count, scraped each 5 s: rate calls per
// second that take before, and after an instant during.
func (b *builder) durations(metric, process string, labels map[string]string, rate float64, before, during time.Duration, when time.Time) {
	sum := incident.Series{Name: metric + "_sum", Labels: labels, Unit: "s", Kind: incident.Counter, Origin: incident.Origin{Group: "grpc", Name: process + ":/metrics"}}
	count := sum
	count.Name, count.Unit = metric+"_count", "1"
	var total, n float64
	for at := clockAt("14:00"); at.Before(clockAt("14:40")); at = at.Add(5 * time.Second) {
		took := before
		if !at.Before(when) {
			took = during
		}
		n += 5 * rate
		total += 5 * rate * took.Seconds()
		sum.Points = append(sum.Points, incident.Point{At: at, V: total})
		count.Points = append(count.Points, incident.Point{At: at, V: n})
	}
	b.ev.Add(sum)
	b.ev.Add(count)
}

func rpc(service, method string) map[string]string {
	return map[string]string{"grpc_service": service, "grpc_method": method}
}

const ms = time.Millisecond

func TestComponentsByOwnExcess(t *testing.T) {
	when := clockAt("14:23")
	b := evidenceOf(t, shopLog)
	const server, client = "grpc_server_handling_seconds", "grpc_client_handling_seconds"
	b.durations(server, "order", rpc("order.Order", "Checkout"), 5, 30*ms, 530*ms, when)
	b.durations(server, "inventory", rpc("inventory.Inventory", "Reserve"), 5, 10*ms, 505*ms, when)
	b.durations(server, "payment", rpc("payment.Payment", "Pay"), 5, 8*ms, 8*ms, when)
	b.durations(client, "gateway", rpc("order.Order", "Checkout"), 5, 31*ms, 531*ms, when)
	b.durations(client, "order", rpc("inventory.Inventory", "Reserve"), 5, 11*ms, 506*ms, when)
	b.durations(client, "order", rpc("payment.Payment", "Pay"), 5, 9*ms, 9*ms, when)

	a := Analyze(b.ev.Snapshot(), Options{})
	if len(a.Components) != 2 || a.Components[0].Name != "inventory" || a.Components[1].Name != "order" {
		t.Fatalf("components %+v, want inventory, then order", a.Components)
	}
	first := a.Components[0]
	if first.Share < 0.98 || first.Before != 10*ms || first.During != 505*ms || first.CallersView {
		t.Errorf("%+v, want 99 %% of it, 10 ms before and 505 ms since", first)
	}
	if own := a.Components[1].Own; own != 5*ms {
		t.Errorf("order's own is %v a call, want 5ms", own)
	}
	if len(a.Gaps) != 0 {
		t.Errorf("both ends agree, and gaps are told: %+v", a.Gaps)
	}
	for _, id := range first.Support {
		if _, ok := b.ev.Snapshot().Get(id); !ok {
			t.Errorf("support %s is not in the evidence", id)
		}
	}
}

// Callers wait half a second for inventory, which works for 10 ms as ever: what
// lies between them is named, and inventory is what the edges share.
func TestGapsBetweenTheEnds(t *testing.T) {
	when := clockAt("14:23")
	b := evidenceOf(t, shopLog)
	const server, client = "grpc_server_handling_seconds", "grpc_client_handling_seconds"
	b.durations(server, "inventory", rpc("inventory.Inventory", "Reserve"), 10, 10*ms, 10*ms, when)
	b.durations(server, "payment", rpc("payment.Payment", "Pay"), 5, 8*ms, 8*ms, when)
	b.durations(client, "order", rpc("inventory.Inventory", "Reserve"), 5, 11*ms, 500*ms, when)
	b.durations(client, "search", rpc("inventory.Inventory", "Reserve"), 5, 11*ms, 500*ms, when)
	b.durations(client, "order", rpc("payment.Payment", "Pay"), 5, 9*ms, 9*ms, when)
	b.durations(client, "search", rpc("payment.Payment", "Pay"), 5, 9*ms, 9*ms, when)

	a := Analyze(b.ev.Snapshot(), Options{})
	var edges []string
	for _, g := range a.Gaps {
		edges = append(edges, g.Caller+"."+g.Callee)
		if g.Growth() != 489*ms || !strings.Contains(g.Says, "the gaps have inventory in common") {
			t.Errorf("%+v: growth %v, want 489ms and inventory in common", g, g.Growth())
		}
	}
	if d := cmp.Diff([]string{"order.inventory", "search.inventory"}, slices.Sorted(slices.Values(edges))); d != "" {
		t.Error(d)
	}
	for _, c := range a.Components {
		t.Errorf("no service is slower by its own clock, and one is told: %s", c.Says)
	}
}

// BenchmarkOnset is what the onset and the components add to an evaluation of
// 1,000 series of one sample a second and 50 services with both ends. Promised:
// 20 ms.
func BenchmarkOnset(b *testing.B) {
	build := evidenceOf(b, shopLog)
	r := rand.New(rand.NewPCG(1, 2))
	when := clockAt("14:23")
	for i := range 800 {
		s := incident.Series{Name: fmt.Sprintf("metric_%03d", i), Unit: "bytes", Origin: incident.Origin{Group: "grpc", Name: "order"}}
		for at := clockAt("14:10"); at.Before(clockAt("14:26")); at = at.Add(time.Second) {
			v := 100 + 5*r.NormFloat64()
			if i < 300 && !at.Before(when) {
				v += 100
			}
			s.Points = append(s.Points, incident.Point{At: at, V: v})
		}
		build.ev.Add(s)
	}
	for i := range 50 {
		service := fmt.Sprintf("s%d.S%d", i, i)
		during := 10 * ms
		if i < 5 {
			during = 500 * ms
		}
		build.durations("grpc_server_handling_seconds", fmt.Sprintf("s%d", i), rpc(service, "M"), 5, 10*ms, during, when)
		build.durations("grpc_client_handling_seconds", fmt.Sprintf("s%d", i/2), rpc(service, "M"), 5, 11*ms, during+ms, when)
	}
	v := build.ev.Snapshot()
	s := &scene{v: v, told: map[string]string{}}
	s.findImpact(time.Time{})
	before := used(b)
	for b.Loop() {
		o := s.onset()
		if components, _ := s.components(o); !o.Together || len(components) == 0 {
			b.Fatalf("%s; %d components", o.Says, len(components))
		}
	}
	b.ReportMetric(float64(used(b)-before)/float64(b.N)/1e6, "cpu-ms/evaluation")
}

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
