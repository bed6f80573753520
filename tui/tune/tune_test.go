package tune

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// outline is a stand-in for the simulator with the outline of INC-2847 and round
// numbers: without a deadline or a keepalive on order.inventory orders fail until
// the restart, with one until the lock is released. A breaker rejects.
func outline(_ context.Context, sc sim.Scenario) (*sim.Result, error) {
	n := int(sc.Length / time.Second)
	p := sc.Edges["order.inventory"]
	lockFrom, lockTo, end := 301, 541, 1698
	guarded := p.Deadline > 0 || p.Keepalive.Time > 0
	if guarded {
		end = lockTo + 5
	}
	r := &sim.Result{
		Scenario: sc.Name, Seed: sc.Seed, Start: sc.Start, Length: sc.Length, PoolFullAfter: 45 * time.Second,
		LockFrom: sc.Start.Add(time.Duration(lockFrom) * time.Second), LockTo: sc.Start.Add(time.Duration(lockTo) * time.Second),
		RecoveredAt: sc.Start.Add(time.Duration(end) * time.Second),
	}
	for _, s := range []*[]int{&r.Started, &r.Served, &r.Late, &r.Failed, &r.Rejected, &r.InFlight} {
		*s = make([]int, n)
	}
	for i := range n {
		r.Started[i] = 1
		r.Orders.Started++
		switch {
		case i < lockFrom+30 || i > end:
			r.Served[i]++
			r.Orders.Served++
		case p.Breaker.Library != "" && i%3 > 0:
			r.Rejected[i]++
			r.Orders.Rejected++
			r.Orders.Answered503++
		default:
			r.Failed[i]++
			r.Orders.Answered502++
		}
	}
	r.Orders.Failed = r.Orders.Answered502 + r.Orders.Rejected + int(sc.Seed%4)
	r.Waits = sim.Waits{P50: 30 * time.Second, P99: 30 * time.Second}
	r.Orphans, r.ReserveCalls = 100, 3000
	if guarded {
		r.Waits, r.Orphans, r.ReserveCalls = sim.Waits{P50: 5100 * time.Millisecond, P99: 15 * time.Second}, 3, 2400
	}
	r.Endpoints = []sim.Endpoint{
		{Method: "GET", Route: "/api/inventory/:sku", Requests: 4000, Failed: 330},
		{Method: "POST", Route: "/api/orders", Requests: n, Failed: r.Orders.Failed, FirstFailed: r.LockFrom, LastFailed: r.RecoveredAt},
	}
	if p.Breaker.Library != "" {
		track := sim.BreakerTrack{Edge: "order.inventory"}
		for at := lockFrom + 5; at < end; at += 60 {
			on := sc.Start.Add(time.Duration(at) * time.Second)
			track.Changes = append(track.Changes,
				sim.BreakerChange{At: on, State: policy.Open}, sim.BreakerChange{At: on.Add(55 * time.Second), State: policy.HalfOpen})
		}
		track.Changes = append(track.Changes, sim.BreakerChange{At: sc.Start.Add(time.Duration(end) * time.Second), State: policy.Closed})
		r.Breakers = []sim.BreakerTrack{track}
	}
	return r, nil
}

func loaded(t *testing.T, w, h int, run Run) *Screen {
	t.Helper()
	s, ok := tuitest.Send(tuitest.Loaded(New(Options{Scenario: scenario.INC2847(), Run: run}), w, h-3), screen.VisitMsg{}).(*Screen)
	if !ok {
		t.Fatal("the screen became another one")
	}
	return s
}

// press gives the screen the actions of keys, and raw keys while it captures.
func press(t *testing.T, s *Screen, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if s.Capturing() {
			tuitest.Send(s, key(k))
			continue
		}
		name := ""
		for _, a := range s.Actions() {
			for _, have := range a.Keys {
				if have == k {
					name = a.Name
				}
			}
		}
		if name == "" {
			t.Fatalf("key %q does nothing here", k)
		}
		tuitest.Send(s, screen.ActionMsg{Name: name})
	}
}

func key(k string) tea.KeyPressMsg {
	switch k {
	case "enter":
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	case "esc":
		return tea.KeyPressMsg{Code: tea.KeyEscape}
	case "backspace":
		return tea.KeyPressMsg{Code: tea.KeyBackspace}
	case "left":
		return tea.KeyPressMsg{Code: tea.KeyLeft}
	}
	return tea.KeyPressMsg{Code: rune(k[0]), Text: k}
}

// focus moves to a knob by its name.
func focus(t *testing.T, s *Screen, name string) {
	t.Helper()
	press(t, s, "g")
	for range s.rows {
		if s.focused().field.Name == name {
			return
		}
		press(t, s, "j")
	}
	t.Fatalf("no knob %q", name)
}

func TestGolden(t *testing.T) {
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]
		name := fmt.Sprintf("%dx%d", w, h)
		s := loaded(t, w, h, outline)
		tuitest.Golden(t, "as_it_was_"+name, tuitest.Draw(s, w, h-3))
		focus(t, s, "breaker")
		press(t, s, "l")
		focus(t, s, "deadline")
		press(t, s, "L")
		tuitest.Golden(t, "tuned_"+name, tuitest.Draw(s, w, h-3))
	}
	s := loaded(t, 80, 24, outline)
	focus(t, s, "keepalive")
	press(t, s, "enter", "backspace", "backspace", "2", "0", "s")
	tuitest.Send(s, screen.GlyphsMsg{Level: glyph.ASCII})
	tuitest.Golden(t, "typing_ascii_80x24", tuitest.Draw(s, 80, 21))
}

func TestEveryMoveIsSimulatedAndCanBeUndone(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	focus(t, s, "deadline")
	if now, this := s.runs.shown(); now == nil || now != this {
		t.Fatal("before a move this is not now")
	}
	press(t, s, "L", "l")
	if got := s.policy().Deadline; got != 5500*time.Millisecond {
		t.Fatalf("deadline %s after eleven steps of 0.5 s", got)
	}
	now, this := s.runs.shown()
	if now.Orders.Failed <= this.Orders.Failed {
		t.Errorf("failed orders: now %d, this %d", now.Orders.Failed, this.Orders.Failed)
	}
	if _, many := s.runs.pairs(); len(many) != 5 {
		t.Errorf("%d pairs of runs, want 5", len(many))
	}
	press(t, s, "z")
	if got := s.policy().Deadline; got != 5*time.Second {
		t.Errorf("deadline %s after undo", got)
	}
	press(t, s, "z")
	if s.runs.changed() {
		t.Error("all undone, and still something is changed")
	}
	press(t, s, "Z", "Z")
	if got := s.policy().Deadline; got != 5500*time.Millisecond {
		t.Errorf("deadline %s after redo", got)
	}
	press(t, s, "0")
	if got := s.policy().Deadline; got != 0 {
		t.Errorf("deadline %s after reset", got)
	}
}

// A simulation that is under way when a knob moves is cancelled, and what it
// still answers is dropped.
func TestStaleAnswersAreDropped(t *testing.T) {
	var cancelled int
	run := func(ctx context.Context, sc sim.Scenario) (*sim.Result, error) {
		if ctx.Err() != nil {
			cancelled++
			return nil, fmt.Errorf("scenario: %w", ctx.Err())
		}
		return outline(ctx, sc)
	}
	s := loaded(t, 80, 24, run)
	focus(t, s, "deadline")
	_, first := s.Update(screen.ActionMsg{Name: "more"})  // its simulation waits
	_, second := s.Update(screen.ActionMsg{Name: "more"}) // cancels it
	stale := doneMsg{&task{gen: s.runs.gen - 1, seed: 1, this: true}, &sim.Result{}, nil}
	tuitest.Send(s, append(tuitest.Answers(first), stale)...)
	if cancelled != 1 {
		t.Errorf("%d simulations were cancelled, want 1", cancelled)
	}
	if s.runs.this[1] != nil {
		t.Error("a stale answer was taken")
	}
	tuitest.Send(s, tuitest.Answers(second)...)
	if _, many := s.runs.pairs(); len(many) != 5 {
		t.Errorf("%d pairs of runs, want 5", len(many))
	}
}

func TestTyping(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	focus(t, s, "keepalive")
	press(t, s, "enter")
	if !s.Capturing() {
		t.Fatal("enter opened no input")
	}
	press(t, s, "x", "enter")
	if !s.Capturing() || s.policy().Keepalive.Time != 0 {
		t.Error("nonsense was taken")
	}
	press(t, s, "esc")
	press(t, s, "enter")
	if got := frame(s); !strings.Contains(got, "type over it") {
		t.Errorf("nobody is told that letters replace what is there:\n%s", got)
	}
	press(t, s, "2", "0", "s", "enter")
	if s.Capturing() || s.policy().Keepalive.Time != 20*time.Second {
		t.Errorf("keepalive %s after typing 20s", s.policy().Keepalive.Time)
	}
	press(t, s, "enter", "left", "backspace", "5", "enter") // editing it keeps the rest
	if s.policy().Keepalive.Time != 25*time.Second {
		t.Errorf("keepalive %s after making 25s of 20s", s.policy().Keepalive.Time)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.breaker=opossum"})
	focus(t, s, "breaker.timeout")
	press(t, s, "enter", "6", "s", "enter") // in place of 5000, and not behind it
	if got := value(s.focused().field, s.policy()); got != "6000 ms" {
		t.Errorf("timeout shows %q after typing 6s", got)
	}
	focus(t, s, "breaker.resetTimeout")
	if got := value(s.focused().field, s.policy()); got != "30000 ms" {
		t.Errorf("resetTimeout shows %q", got)
	}
}

func TestEdges(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	if s.edgeName() != "order.inventory" {
		t.Fatalf("the first edge is %s", s.edgeName())
	}
	press(t, s, "e")
	if s.edgeName() != "order.payment" {
		t.Errorf("the next edge is %s", s.edgeName())
	}
	press(t, s, "E", "g", "h")
	if s.edgeName() != "inventory.postgres" {
		t.Errorf("h on the edge's row goes to %s", s.edgeName())
	}
}

func TestFocusGoesToTheDeadline(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	tuitest.Send(s, screen.FocusMsg{Subject: incident.Subject{Edge: "gateway.order"}})
	if s.edgeName() != "gateway.order" || s.focused().field.Name != "deadline" {
		t.Errorf("on %s of %s", s.focused().field.Name, s.edgeName())
	}
}

// The numbers change once, from the own seed to all of them, and the strip shows
// a probe however much time a column covers.
func TestNumbersAndStripSayWhatTheyAre(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	focus(t, s, "breaker")
	press(t, s, "l")
	if got := s.runs.said(); got != "mean of 5 seeds (68..72)" {
		t.Errorf("numbers of %q", got)
	}
	delete(s.runs.this, 72)
	if now, this := s.runs.compared(); len(now) != 1 || len(this) != 1 || s.runs.said() != "seed 68" {
		t.Errorf("%d and %d runs compared, said to be %q", len(now), len(this), s.runs.said())
	}
	at := tuitest.At("14:20:00")
	track := &sim.BreakerTrack{Changes: []sim.BreakerChange{
		{At: at, State: policy.Open}, {At: at.Add(30 * time.Second), State: policy.HalfOpen}, {At: at.Add(31 * time.Second), State: policy.Closed},
	}}
	var strip []rune
	for i := range 4 {
		r, _ := stateAt(track, at.Add(time.Duration(i-1)*15*time.Second), at.Add(time.Duration(i)*15*time.Second))
		strip = append(strip, r)
	}
	if r, _ := stateAt(track, at, at.Add(90*time.Second)); string(strip) != "#..~" && r != '~' {
		t.Errorf("strip %q, in one column %q", string(strip), r)
	}
}

func TestABreakerThatStaysClosedIsShownClosed(t *testing.T) {
	s := loaded(t, 80, 24, outline) // its simulations say nothing of the breaker on this edge
	press(t, s, "e")
	if got := frame(s); !strings.Contains(got, "no breaker on this edge") {
		t.Errorf("no breaker, and nothing says so:\n%s", got)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.payment.breaker=opossum"})
	if got := frame(s); !strings.Contains(got, "########") || strings.Contains(got, "no breaker on this edge") {
		t.Errorf("a breaker that never opened is not shown as closed:\n%s", got)
	}
}

func TestThePolicyIsTold(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	focus(t, s, "attempts")
	_, cmd := s.Update(screen.ActionMsg{Name: "more"})
	var told *screen.PolicyMsg
	for _, m := range tuitest.Answers(cmd) {
		if m, ok := m.(screen.PolicyMsg); ok {
			told = &m
		}
	}
	if told == nil || told.Edge != "order.inventory" || told.Edges["order.inventory"].Retry.Attempts != 2 {
		t.Errorf("told %+v", told)
	}
	if s.opt.Scenario.Edges["order.inventory"].Retry.Attempts != 0 {
		t.Error("what was has been changed")
	}
}

func TestAFailingSimulationIsSaid(t *testing.T) {
	s := loaded(t, 80, 24, func(context.Context, sim.Scenario) (*sim.Result, error) {
		return nil, errors.New("scenario inc-2847: books do not balance")
	})
	frame := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n")
	if !strings.Contains(frame, "books do not balance") {
		t.Errorf("the error is not on the screen:\n%s", frame)
	}
}

// TestBlindBreakerIsSaid: gobreaker has no time limit, so that it is told of no hang; the user
// must not be left to find that out from numbers that stay the same.
func TestBlindBreakerIsSaid(t *testing.T) {
	hangs := func(ctx context.Context, sc sim.Scenario) (*sim.Result, error) {
		edges := sc.Edges.Clone()
		p := edges["order.inventory"]
		if p.Timeout == 0 && p.Deadline == 0 {
			p.Breaker.Library = ""
			edges["order.inventory"], sc.Edges = p, edges
		}
		return outline(ctx, sc)
	}
	s := loaded(t, 80, 24, hangs)
	const said = "set a timeout or deadline"
	if got := frame(s); strings.Contains(got, said) {
		t.Errorf("said before any knob was turned:\n%s", got)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.breaker=gobreaker"})
	if got := frame(s); !strings.Contains(got, said) {
		t.Errorf("it changes nothing, and nothing says why:\n%s", got)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.deadline=5s"})
	if got := frame(s); strings.Contains(got, said) {
		t.Errorf("said although there is a deadline:\n%s", got)
	}
}

func TestYank(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	focus(t, s, "deadline")
	press(t, s, "L")
	tuitest.GoldenText(t, "yank", s.yank(false)+"\n"+s.yank(true))
}

// The real simulator: a deadline of 5 s leaves the failures of the lock alone.
func TestWithTheSimulator(t *testing.T) {
	run := func(ctx context.Context, sc sim.Scenario) (*sim.Result, error) {
		return scenario.Run(ctx, sc, scenario.Observers{})
	}
	s, ok := tuitest.Send(New(Options{Scenario: scenario.INC2847(), Run: run, Seeds: 1}), screen.SizeMsg{W: 80, H: 21}, tuitest.Incident(), screen.VisitMsg{}).(*Screen)
	if !ok {
		t.Fatal("the screen became another one")
	}
	focus(t, s, "deadline")
	press(t, s, "L")
	now, this := s.runs.shown()
	if now.Orders.Failed < 1000 || this.Orders.Failed > now.Orders.Failed/3 {
		t.Errorf("failed orders: now %d, with a deadline of 5 s %d", now.Orders.Failed, this.Orders.Failed)
	}
}

// A move shows a draft of the curve first, beside the numbers of before, which say that
// they are; then the whole run's curve and numbers.
func TestAMoveShowsADraftFirst(t *testing.T) {
	var asked []sim.Scenario
	s := loaded(t, 80, 24, func(ctx context.Context, sc sim.Scenario) (*sim.Result, error) {
		asked = append(asked, sc)
		return outline(ctx, sc)
	})
	focus(t, s, "deadline")
	asked = nil
	before := s.runs.now[s.runs.seeds[0]]
	_, cmd := s.Update(screen.ActionMsg{Name: "more"})
	if _, this := s.runs.shown(); this != before || s.runs.fresh() {
		t.Errorf("before the draft is there, what was shown is gone")
	}
	steps := tuitest.Answers(cmd)
	if len(asked) != 1 || asked[0].OrderReads != (sim.Ramp{}) || asked[0].Length >= s.opt.Scenario.Length {
		t.Fatalf("asked for %d runs first, not for one draft", len(asked))
	}
	var more tea.Cmd
	for _, msg := range steps {
		if done, ok := msg.(doneMsg); ok {
			more = s.runs.done(done)
		}
	}
	_, this := s.runs.shown()
	_, many := s.runs.compared()
	if this != s.runs.draft || len(many) != 1 || many[0] != before || s.runs.fresh() {
		t.Errorf("the draft is not the curve beside the numbers of before")
	}
	if drawn := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n"); strings.Count(drawn, "this"+s.Set().More) != 2 {
		t.Errorf("nothing says that the numbers are those of before, and the curve not whole:\n%s", drawn)
	}
	tuitest.Send(s, tuitest.Answers(more)...)
	_, this = s.runs.shown()
	if len(asked) < 2 || asked[1].Length != s.opt.Scenario.Length || this == s.runs.draft || !s.runs.fresh() {
		t.Errorf("after the draft comes no whole run")
	}
	if drawn := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n"); strings.Contains(drawn, "this"+s.Set().More) {
		t.Errorf("the whole run is called a part:\n%s", drawn)
	}
}
