package simulation

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tripcurve/sim/pipeline"
)

// shop is a run with names of n letters.
func shop(n int) PipelineReport {
	name := strings.Repeat("x", n)
	return PipelineReport{
		Pipeline: "shop", LengthS: 60, Start: "2026-01-15T14:08:01Z",
		Requests: []Request{{Client: "web", Endpoint: name, Started: 12107, OK: 12000, Failed: 107, TimedOut: 7, Late: 50, HungUp: 50, P50S: 0.00103, P99S: 30}},
		Edges:    []Edge{{Name: name, Calls: 12107, Attempts: 12107, OK: 12000}},
		Pools:    []Pool{{Name: name, InUseMax: 20, InUse: []int32{1, 12, 3}}},
		Queues:   []Queue{{Name: name, Enqueued: 12107, Done: 3600, Retried: 11952, Discarded: 4055, DepthMax: 4407, Depth: []int32{0, 4399, 12}}},
		Replications: &PipelineReplications{
			Runs: 30, Level: 0.95, Requests: []RequestMeasures{{Client: "web", Endpoint: name, Measures: []Measure{{Name: "ok_share"}, {Name: "wait_p99_s"}}}},
			Recovery: Recovery{Failed: 30},
		},
	}
}

// TestPipelineTextFitsATerminal: a fitted pipeline's endpoints have long names.
func TestPipelineTextFitsATerminal(t *testing.T) {
	for n := 1; n < 65; n++ {
		var b strings.Builder
		rep := shop(n)
		if err := rep.Text(&b, &rep); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if w := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); w > 80 {
				t.Errorf("names of %d letters: a line of %d columns: %s", n, w, line)
			}
		}
	}
}

// Where nothing ended nothing is known of it, least of all that it ended well: calls that
// hang to the end would have been "100.00 % ok".
func TestNothingEndedIsNoSuccess(t *testing.T) {
	hangs := &pipeline.Result{Requests: []pipeline.RequestResult{{Client: "web", Endpoint: "s.e", Started: 5, InFlight: 5}}}
	some := &pipeline.Result{Requests: []pipeline.RequestResult{{Client: "web", Endpoint: "s.e", Started: 5, OK: 1, Failed: 3, InFlight: 1, P99: time.Second}}}
	for _, c := range []struct {
		runs []*pipeline.Result
		want string
	}{
		{[]*pipeline.Result{hangs, hangs}, "  s.e of web: no request ended in any run\n"},
		{[]*pipeline.Result{hangs, some}, "  s.e of web: 25.00 % ok of the 40.00 % that ended, p99 1 s\n"},
	} {
		rep := PipelineReport{Pipeline: "shop", Requests: []Request{{Client: "web", Endpoint: "s.e", Started: 5, InFlight: 5}}, Replications: pipelineReplications(c.runs)}
		var b strings.Builder
		if err := rep.Text(&b, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), c.want) {
			t.Errorf("not %q in\n%s", c.want, b.String())
		}
		if row := "web, s.e        5   0       0         0          5    -    -\n"; !strings.Contains(b.String(), row) {
			t.Errorf("not %q in\n%s", row, b.String())
		}
	}
}

// Names are anybody's: whatever they do to a terminal is shown and not done.
func TestPipelineTextIsHarmless(t *testing.T) {
	const name = "x\x1b[31m\u202e\ny"
	rep := PipelineReport{
		Pipeline: name, Requests: []Request{{Client: name, Endpoint: name, Started: 2, Failed: 1, TimedOut: 1}},
		Edges: []Edge{{Name: name}}, Pools: []Pool{{Name: name}}, Databases: []Database{{Name: name, LockWaits: 1}}, Queues: []Queue{{Name: name}},
		Story:        []Event{{Kind: "traffic", Text: "3 times as many requests of " + name + " come"}},
		Replications: &PipelineReplications{Runs: 2, Level: 0.95, Requests: []RequestMeasures{{Client: name, Endpoint: name}}},
	}
	var b strings.Builder
	if err := rep.Text(&b, &rep); err != nil {
		t.Fatal(err)
	}
	if got, places := strings.Count(b.String(), `x\x1b[31m\u{202e}\x0ay`), 11; got != places || strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("the name is shown in %d places, want %d and nothing that a terminal does:\n%q", got, places, b.String())
	}
}

func TestPipelineTextTables(t *testing.T) {
	for _, c := range []struct {
		letters int
		want    string
	}{
		{12, `
    client, request  started      ok  failed  rejected  in flight      p50   p99
  web, xxxxxxxxxxxx   12,107  12,000     107         0          0  1.03 ms  30 s
`},
		{20, `
  started      ok  failed  rejected  in flight      p50   p99
web, xxxxxxxxxxxxxxxxxxxx
   12,107  12,000     107         0          0  1.03 ms  30 s
`},
		{9, `
queue xxxxxxxxx: 12,107 jobs came, 3,600 done, 4,055 given up, 11,952 further
  tries; 4,407 waiting at most, 12 at the end
`},
	} {
		var b strings.Builder
		if err := shop(c.letters).Text(&b, nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), c.want[1:]) {
			t.Errorf("names of %d letters: want%s\nin\n%s", c.letters, c.want, b.String())
		}
	}
}

// A fault that is for good fails the last requests or does not, by chance: the runs of a
// third of the calls failing for good had all "recovered, half of them within 598.9 s of the
// last fault's end".
func TestNoEndOfTheFaultIsNoRecovery(t *testing.T) {
	start := time.Unix(0, 0).UTC()
	run := &pipeline.Result{
		Start: start, Length: time.Minute, TriggerEnd: start, Disturbed: true, RecoveredAt: start.Add(59 * time.Second),
		Requests: []pipeline.RequestResult{{Client: "web", Endpoint: "s.e", Started: 5, OK: 4, Failed: 1}},
	}
	text := func() string {
		rep := NewPipeline(run, []*pipeline.Result{run, run})
		var b strings.Builder
		if err := rep.Text(&b, nil); err != nil {
			t.Fatal(err)
		}
		return flat(b.String())
	}
	if got, want := text(), "requests succeed again for good"; !strings.Contains(got, want) {
		t.Errorf("text %s\nhas no %q", got, want)
	}
	if got, want := text(), "2 of those recovered before the run ended, half of them within 59 s of the last fault's end."; !strings.Contains(got, want) {
		t.Errorf("text %s\nhas no %q", got, want)
	}
	run.Lasting = true
	if got, want := text(), "no request fails any more before the run ends, though a fault goes on"; !strings.Contains(got, want) {
		t.Errorf("text %s\nhas no %q", got, want)
	}
	if got, want := text(), "requests failed after the first fault in 2 of 2 runs, and a fault is not over when they end; in 2 of those the last requests succeeded."; !strings.Contains(got, want) {
		t.Errorf("text %s\nhas no %q", got, want)
	}
}

// TestOneOtherSeed is one, and half of one run is none.
func TestOneOtherSeed(t *testing.T) {
	start := time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC)
	run := &pipeline.Result{
		Start: start, Length: time.Minute, Disturbed: true, TriggerEnd: start.Add(20 * time.Second), RecoveredAt: start.Add(25 * time.Second),
		Requests: []pipeline.RequestResult{{Client: "web", Endpoint: "s.e", Started: 4, OK: 3, Failed: 1, P99: time.Second}},
	}
	var b strings.Builder
	pipelineReplications([]*pipeline.Result{run}).text(&b)
	for _, want := range []string{
		"\nOver 1 other seed (mean", "requests failed after the first fault in 1 of 1 run; 1 of those recovered before the run ended, that one within 5 s of the last fault's end.",
	} {
		if !strings.Contains(b.String(), want) && !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
