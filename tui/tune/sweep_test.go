package tune

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/policy/library"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	search "tripcurve/sim/tune"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// swept is a search that finds two settings of whatever is asked for, after telling
// three times how far it is.
func swept(_ context.Context, sc sim.Scenario, edge, name string, told func(search.Progress)) (*search.Result, error) {
	l, _ := library.ByName(name)
	r := &search.Result{
		Problem: search.Problem{Name: sc.Name, Edge: edge, Requests: "checkouts", Cases: []search.Case{{Name: "hang", What: "it hangs"}}},
		Library: l, Space: search.Space{{Path: "breaker.timeout", Shows: "ms"}}, Tried: 60, Sees: true, Opens: true,
		Options: search.Options{Configs: 60, Finalists: 5, Seeds: 20, Seed: sc.Seed},
	}
	for i, timeout := range []string{"2300", "1900"} {
		told(search.Progress{Stage: "first", Done: float64(i + 1), Of: 3})
		p := sc.Edges[edge]
		if err := p.Set("breaker", name); err != nil {
			return nil, err
		}
		if err := p.Set("breaker.timeout", timeout); err != nil {
			return nil, err
		}
		mean := search.Values{0.5, 5 - 3*float64(i), 4, 0, 0, 1}
		runs := slices.Repeat([]search.Values{mean}, 20)
		r.Finalists = append(r.Finalists, search.Point{
			Policy: p, Runs: runs, Mean: runs[0], Recovered: 80, Tried: 80, Holds: true, Front: 1,
			Cases: []search.CaseMean{{Came: 90, Runs: 20, Recovered: 20}},
		})
	}
	told(search.Progress{Stage: "finalists", Done: 3, Of: 3})
	r.Chosen, r.Runner = &r.Finalists[0], &r.Finalists[1]
	return r, nil
}

// sent gives a screen messages to the end and keeps all that it said to the root.
func sent(s *Screen, msgs ...tea.Msg) (said []tea.Msg) {
	for _, msg := range msgs {
		_, cmd := s.Update(msg)
		answers := tuitest.Answers(cmd)
		said = append(append(said, answers...), sent(s, answers...)...)
	}
	return said
}

func asked(name string) tea.Msg { return screen.ActionMsg{Name: name} }

// statuses are the lines that were said, and the titles of texts that were opened.
func statuses(said []tea.Msg) string {
	var all []string
	for _, msg := range said {
		switch msg := msg.(type) {
		case screen.StatusMsg:
			all = append(all, msg.Text)
		case screen.SheetMsg:
			all = append(all, "sheet "+msg.Title)
			for _, p := range msg.Parts {
				all = append(all, p.Head, p.Text, p.Quote)
			}
		}
	}
	return strings.Join(all, "\n")
}

func sweeper(t *testing.T, run Sweep) *Screen {
	t.Helper()
	s, _ := tuitest.Loaded(New(Options{Scenario: scenario.INC2847(), Run: outline, Sweep: run}), 80, 21).(*Screen)
	sent(s, screen.VisitMsg{})
	return s
}

// w searches the edge's library, shows what it found, and n goes through it.
func TestSweep(t *testing.T) {
	s := sweeper(t, swept)
	if got := statuses(sent(s, asked("next-point"))); !strings.Contains(got, "w sweeps first") {
		t.Errorf("n before a sweep says %q", got)
	}
	_, cmd := s.Update(asked("sweep"))
	news := make(chan search.Progress)
	close(news)
	progress := false
	for _, msg := range sent(s, sweepMsg{s.sweeps.gen, search.Progress{Stage: "first", Done: 1, Of: 4}, news}) {
		progress = progress || msg == screen.BusyMsg{What: "sweep (w on Tune ends it): first", Part: 0.25}
	}
	said := tuitest.Answers(cmd)
	said = append(said, sent(s, said...)...)
	got := statuses(said)
	for _, want := range []string{
		"sheet sweep of order.inventory for opossum",
		"as many more, on which nothing was chosen", "timeout 2300 ms: of 60 settings it is the one that recovers (80 of 80 runs", "2 finalists", "1  timeout 2300 ms", "not served 0.5   wait p99 5 s   load 4",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("a sweep does not say %q:\n%s", want, got)
		}
	}
	if !progress || s.sweeps.cancel != nil {
		t.Errorf("no progress was shown (%v), or the sweep never ends", progress)
	}
	press(t, s, "c", "c", "c")
	tuitest.Golden(t, "front_80x24", tuitest.Draw(s, 80, 21))
	press(t, s, "c")
	for _, want := range []string{"2300", "1900", "2300"} {
		sent(s, asked("next-point"))
		if got := s.policy().Breaker.Params["timeout"]; got != want || s.policy().Breaker.Library != "opossum" {
			t.Errorf("n sets the timeout to %q, expected %s", got, want)
		}
	}
	sent(s, asked("undo"), asked("undo"), asked("undo"))
	if s.policy().Breaker.Library != "" {
		t.Errorf("undone three times there is %s", s.policy().Breaker.Library)
	}
}

// What a sweep found stays that of its edge while one of another edge is under way, and
// its command has what was set when it began.
func TestSweepOfAnotherEdge(t *testing.T) {
	s := sweeper(t, swept)
	if got := behindText(s); strings.Contains(got, "sweep") {
		t.Errorf("before a sweep:\n%s", got)
	}
	sent(s, screen.ActionMsg{Name: "set", Args: "order.payment.deadline=3s"})
	sent(s, asked("sweep"))
	sent(s, screen.ActionMsg{Name: "set", Args: "order.payment.deadline=9s"})
	want := "sweep of order.inventory\n60 settings, 5 finalists, 20 runs of each in each case. This finds the same, and holds the chosen one against others:\n" +
		"tripcurve tune inc-2847 --for opossum --edge order.inventory --seed 68 --configs 60 --finalists 5 --seeds 20 \\\n  --set order.payment.deadline=3s\n"
	if got := behindText(s); !strings.Contains(got, want) {
		t.Errorf("no %q in:\n%s", want, got)
	}
	sent(s, asked("edge"))
	if s.edgeName() == "order.inventory" {
		t.Fatal("the edge is the same")
	}
	s.Update(asked("sweep")) // under way
	if got := behindText(s); !strings.Contains(got, want) {
		t.Errorf("while another one is under way, no %q in:\n%s", want, got)
	}
	sent(s, asked("next-point"))
	if s.edgeName() != "order.inventory" || s.policy().Breaker.Params["timeout"] != "2300" {
		t.Errorf("n sets %s to %v", s.edgeName(), s.policy().Breaker)
	}
	sent(s, asked("sweep")) // ends it
}

// A sweep that is ended gives the best so far or nothing, and one that cannot be made
// says why; a late answer of another one is dropped.
func TestSweepsThatEndOtherwise(t *testing.T) {
	s := sweeper(t, nil)
	if got := statuses(sent(s, asked("sweep"))); !strings.Contains(got, "`tripcurve tune` does") {
		t.Errorf("without a sweep: %q", got)
	}
	s = sweeper(t, func(ctx context.Context, _ sim.Scenario, _, _ string, _ func(search.Progress)) (*search.Result, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_, cmd := s.Update(asked("sweep")) // under way
	if got := statuses(sent(s, asked("sweep"))); !strings.Contains(got, "ending the sweep") {
		t.Errorf("ended: %q", got)
	}
	if got := statuses(sent(s, tuitest.Answers(cmd)...)); !strings.Contains(got, "ended before anything was known") || s.sweeps.cancel != nil {
		t.Errorf("ended: %q", got)
	}
	s = sweeper(t, func(context.Context, sim.Scenario, string, string, func(search.Progress)) (*search.Result, error) {
		return nil, errors.New("edge \"x\": expected one on the way of a checkout")
	})
	bad := false
	for _, msg := range sent(s, asked("sweep")) {
		f, ok := msg.(screen.FailedMsg)
		bad = bad || ok && strings.Contains(f.Err.Error(), "on the way of a checkout")
	}
	if !bad {
		t.Error("a sweep that cannot be made does not say why")
	}
	if s.swept(sweptMsg{gen: 99}) != nil || s.sweeps.found != nil {
		t.Error("an answer of another sweep is taken")
	}
}

// v keeps a setting as what others are compared with, and goes back.
func TestTwoSettingsSideBySide(t *testing.T) {
	s := sweeper(t, nil)
	if got := statuses(sent(s, asked("against"))); !strings.Contains(got, "turn a knob first") {
		t.Errorf("v with nothing turned: %q", got)
	}
	set := func(value string) {
		t.Helper()
		sent(s, screen.ActionMsg{Name: "set", Args: value})
	}
	failed := func() line { return s.lines([]int{0})[0] }
	set("order.inventory.deadline=5s")
	first := failed()
	sent(s, asked("against"))
	if got := failed(); got.now != first.this || s.runs.base() != "kept" || s.runs.changed() {
		t.Errorf("kept: %+v, before %+v", got, first)
	}
	set("order.inventory.deadline=0s")
	if got := failed(); got.now != first.this || got.this != first.now {
		t.Errorf("what was against what was kept: %+v, the other way round %+v", got, first)
	}
	if text := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n"); !strings.Contains(text, "kept") {
		t.Errorf("nothing says what is compared:\n%s", text)
	}
	set("order.inventory.deadline=5s")
	sent(s, asked("against"))
	if got := failed(); got.now != first.now || got.this != first.this || s.runs.base() != "now" {
		t.Errorf("back: %+v, before %+v", got, first)
	}
}

// o says what pods do that have the setting and that have it not yet.
func TestRollout(t *testing.T) {
	var on []int
	s, _ := tuitest.Loaded(New(Options{Scenario: scenario.INC2847(), Run: func(ctx context.Context, sc sim.Scenario) (*sim.Result, error) {
		if sc.World.OrderReplicas == pods {
			on = append(on, sc.Rollout.Replicas)
			if p := sc.Rollout.Edges["order.inventory"]; p.Deadline == 0 || sc.Edges["order.inventory"].Deadline != 0 {
				t.Errorf("rolled out %+v over %+v", p, sc.Edges["order.inventory"])
			}
		}
		return outline(ctx, sc)
	}}), 80, 21).(*Screen)
	sent(s, screen.VisitMsg{})
	if got := statuses(sent(s, asked("rollout"))); !strings.Contains(got, "turn a knob of order.inventory first") {
		t.Errorf("with nothing turned: %q", got)
	}
	sent(s, screen.ActionMsg{Name: "set", Args: "order.inventory.deadline=5s"})
	got := statuses(sent(s, asked("rollout")))
	for _, want := range []string{"sheet rollout of order.inventory", "order.inventory.deadline=5s", "0 of 4", "4 of 4", "so many pods have it"} {
		if !strings.Contains(got, want) {
			t.Errorf("a rollout does not say %q:\n%s", want, got)
		}
	}
	if len(on) != pods+1 || on[0] != 0 || on[pods] != pods {
		t.Errorf("simulated with %v pods", on)
	}
	sent(s, screen.ActionMsg{Name: "edge", Args: "gateway.order"})
	if got := statuses(sent(s, asked("rollout"))); !strings.Contains(got, "does not leave them") {
		t.Errorf("of another service's edge: %q", got)
	}
}
