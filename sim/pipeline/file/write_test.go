package file

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tripcurve/sim"
	"tripcurve/sim/pipeline"
)

// TestWriteReadsBack: what is written is read as the same description, for every
// bundled example, the documented one and one with everything that a name can be.
func TestWriteReadsBack(t *testing.T) {
	texts := map[string]string{"shop": shop}
	for _, name := range ExampleNames() {
		texts[name], _ = Example(name)
	}
	doc, err := os.ReadFile("../../../docs/pipeline-yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```yaml\n")
	texts["docs"], _, _ = strings.Cut(rest, "```")
	texts["shapes"] = `
length: 60s
network: {pareto: {min: 1ms, alpha: 1.5, max: 2s}}
services:
  "on":
    workers: 2
    backlog: 0
    endpoints:
      all: [{work: {log_normal: {median: 2ms, p99: 9ms}}}, {work: {empirical: {p0: 1ms, p99.9: 2ms, p100: 3ms}}, repeat: 3}]
clients:
  "POST /a: \"b\" # é\n": {request: on.all, rate: {steps: {0s: 1/s, 10s: 0.3333333333333333/s, 1m: 7/m}}}
  'null': {request: on.all, rate: {ramp: {0s: 10/s, 30s: 0/s}}}
`
	texts["every edge"] = strings.Replace(shop, "  web.stock:", "  '*': {policy: {cancel: propagate}}\n  web.stock:", 1)
	for name, text := range texts {
		p, err := Read(name, text)
		if err != nil {
			t.Fatal(err)
		}
		written := Write(p, nil)
		again, err := Read(name, written)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, written)
		}
		for _, q := range []*pipeline.Pipeline{p, again} { // an edge of which nothing but a policy is said
			q.Edges = slices.DeleteFunc(q.Edges, func(e pipeline.Edge) bool { return e == pipeline.Edge{Name: e.Name} })
		}
		if diff := cmp.Diff(p, again, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b pipeline.Edge) bool { return a.Name < b.Name })); diff != "" {
			t.Errorf("%s is read back differently:\n%s\n%s", name, diff, written)
		}
	}
}

// TestWriteComments: each stands above its place, is wrapped, and nothing in its text
// ends it.
func TestWriteComments(t *testing.T) {
	p := &pipeline.Pipeline{
		Name: "n", Seed: 1, Start: time.Date(2026, 1, 15, 14, 18, 0, 1, time.UTC), Length: time.Minute,
		Services: []pipeline.Service{{Name: "a", Backlog: pipeline.Unbounded, Endpoints: []pipeline.Endpoint{{
			Name: "b", Steps: []pipeline.Step{{Kind: pipeline.Work, Share: 1, Time: sim.Fixed(time.Millisecond)}},
		}}}},
		Clients: []pipeline.Client{{Name: "GET /", Requests: []string{"a.b"}, Rate: sim.Steady(1)}},
	}
	text := Write(p, Notes{
		"":                         {"head\nseed: 9\x1b[31m", strings.Repeat("word ", 60)},
		"clients.GET /.rate":       {"from 12 requests"},
		"services.a":               {"one"},
		"services.a.endpoints.b.0": {"its time"},
	})
	for _, want := range []string{"# head seed: 9?[31m\n# word", "    # from 12 requests\n    rate: 1/s\n", "  # one\n  a:\n", "        # its time\n        - work: 1ms\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > commentWidth+1 {
			t.Errorf("a line of %d: %s", len(line), line)
		}
	}
	again, err := Read("x", text)
	if err != nil {
		t.Fatal(err)
	}
	if again.Seed != 1 || !again.Start.Equal(p.Start) {
		t.Errorf("read back as seed %d, start %s", again.Seed, again.Start)
	}
}

// TestPercent: the shortest text that gives the share back.
func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0.999: "99.9", 0.5: "50", 1: "100", 0: "0", 0.07: "7"} {
		if got := percent(share); got != want {
			t.Errorf("%v: %s, expected %s", share, got, want)
		}
	}
	if got := percent(math.Pi / 10); len(got) < 10 {
		t.Errorf("%s loses digits", got)
	}
}
