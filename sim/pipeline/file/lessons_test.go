package file

import (
	"strings"
	"testing"
	"time"

	"tripcurve/sim/pipeline"
)

// example runs a bundled description with policies changed, each as path=value, and
// its text changed before it is read.
func example(t *testing.T, name string, edit func(string) string, settings ...string) *pipeline.Result {
	t.Helper()
	text, ok := Example(name)
	if !ok {
		t.Fatalf("no example %s", name)
	}
	if edit != nil {
		changed := edit(text)
		if changed == text {
			t.Fatal("the edit changed nothing")
		}
		text = changed
	}
	p, err := Read(name+".yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		path, value, _ := strings.Cut(s, "=")
		if err := p.Policies.Set(path, value); err != nil {
			t.Fatal(err)
		}
	}
	r, err := pipeline.Run(t.Context(), p, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sum is a series from one second to another.
func sum(series []int32, from, to int) (n int) {
	for _, v := range series[from:to] {
		n += int(v)
	}
	return n
}

// One shard of ten is slow: a tenth of its calls, and nearly every search.
func TestOneSlowShardSlowsEverySearch(t *testing.T) {
	slow := func(r *pipeline.Result) (searches, calls float64) {
		return float64(r.Requests[0].P50), float64(r.Endpoints[1].P50)
	}
	always := func(s string) string { return strings.Replace(s, "at: 60s, for: 60s", "at: 0s", 1) }
	search, call := slow(example(t, "fan-out", always))
	if search < 5*call {
		t.Errorf("the median search takes %s and the median call of a shard %s: the slow one does not show", time.Duration(search), time.Duration(call))
	}
	nine, _ := slow(example(t, "fan-out", func(s string) string { return strings.Replace(always(s), "need: 10", "need: 9", 1) }))
	if nine > search/3 {
		t.Errorf("nine answers of ten take %s, ten take %s", time.Duration(nine), time.Duration(search))
	}
	healthy, _ := slow(example(t, "fan-out", func(s string) string { return strings.Replace(s, "factor: 10", "factor: 1", 1) }))
	if nine > 1.5*healthy {
		t.Errorf("nine answers of ten take %s, a healthy search %s", time.Duration(nine), time.Duration(healthy))
	}
}

// Three layers of three tries: the outage outlives its trigger for as long as one
// looks, unless fewer layers try again or a budget bounds them.
func TestRetriesOfThreeLayersKeepTheOutageAlive(t *testing.T) {
	const after, end = 100, 170 // s: half a minute after the trigger's end, and a while before the run's
	storm := example(t, "retry-storm", nil)
	q := storm.Requests[0]
	if ok := sum(q.OKAt, after, end); ok > sum(q.StartedAt, after, end)/10 {
		t.Errorf("%d requests of %d were served long after the trigger", ok, sum(q.StartedAt, after, end))
	}
	if before := sum(q.OKAt, 10, 60); before < sum(q.StartedAt, 10, 60)*999/1000 {
		t.Errorf("only %d were served before it", before)
	}
	back := storm.Edges[1]
	if perRequest := float64(back.Attempts) / float64(q.Started); perRequest < 9 {
		t.Errorf("%.1f calls of the back end for a request, want the layers' tries multiplied", perRequest)
	}
	if !storm.RecoveredAt.IsZero() && storm.RecoveredAt.Before(storm.TriggerEnd.Add(time.Minute)) {
		t.Errorf("recovered at %s", storm.RecoveredAt)
	}
	for _, remedy := range [][]string{
		{"front.middle.attempts=1", "middle.back.attempts=1"},
		{"*.retry_budget=0.1"},
	} {
		r := example(t, "retry-storm", nil, remedy...)
		if q := r.Requests[0]; sum(q.OKAt, after, end) < sum(q.StartedAt, after, end)*99/100 {
			t.Errorf("%v: %d of %d were served long after the trigger", remedy, sum(q.OKAt, after, end), sum(q.StartedAt, after, end))
		}
	}
}

// The database behind a cache has a hidden capacity: ten seconds without the cache
// are many more of late answers, unless what it cannot do is turned away.
func TestWithoutItsCacheTheDatabaseIsLate(t *testing.T) {
	const back, calm = 41, 50 // s: the cache is back; the limited database is calm at once
	as, limited := example(t, "cache", nil), example(t, "cache", nil, "web.store.max_concurrent=20")
	late := func(r *pipeline.Result) int { return sum(r.Requests[0].FailedAt, back, calm) }
	if n := late(as); n < 5000 {
		t.Errorf("%d reads failed in the nine seconds after the cache was back, want thousands that still wait", n)
	}
	if n := late(limited); n != 0 {
		t.Errorf("with a limit %d reads failed after the cache was back", n)
	}
	if n := sum(limited.Requests[0].RejectedAt, 30, 40); n == 0 {
		t.Error("the limit turned nobody away while the cache was down")
	}
	if a, b := sum(as.Requests[0].OKAt, 31, 60), sum(limited.Requests[0].OKAt, 31, 60); b <= a {
		t.Errorf("%d reads served with the limit, %d without", b, a)
	}
}
