package tune

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	search "tripcurve/sim/tune"
	"tripcurve/tui/screen"
)

// runs are the simulations: which are there, which one is under way, and which
// comes next. One runs at a time, away from the event loop. Every change of the
// policies begins a new generation; an answer of an older one about "this" is
// dropped, and its simulation is cancelled, while "now" stays valid for good.
type runs struct {
	ctx      context.Context
	run      Run
	scenario sim.Scenario
	seeds    []uint64 // the scenario's own first; the same for now and this

	now, this map[uint64]*sim.Result
	draft     *sim.Result  // of "this", the part around the trigger, until its own run is there; see search.Draft
	stale     shown        // what was shown before the last change, until there is something new
	edges     policy.Edges // of "this"; nil while it is "now"
	kept      bool         // "now" is a setting that was kept, and was the results of what was
	was       map[uint64]*sim.Result
	since     uint64 // generation from which on "now" is what it is
	gen       uint64
	version   uint64 // rises with every result that is shown
	current   *task
	cancel    context.CancelFunc
	err       error
}

// shown is what is drawn of "this".
type shown struct {
	curve     *sim.Result
	now, this []*sim.Result // the pairs that the numbers are made of
}

// task is one simulation.
type task struct {
	gen   uint64
	seed  uint64
	this  bool
	draft bool
}

// doneMsg is the end of one.
type doneMsg struct {
	task *task
	res  *sim.Result
	err  error
}

func newRuns(opt Options) runs {
	r := runs{
		ctx: opt.Context, run: opt.Run, scenario: opt.Scenario,
		now: map[uint64]*sim.Result{}, this: map[uint64]*sim.Result{},
	}
	for i := range uint64(opt.Seeds) {
		r.seeds = append(r.seeds, opt.Scenario.Seed+i)
	}
	return r
}

// changed says whether "this" differs from "now".
func (r *runs) changed() bool { return r.edges != nil }

// set gives "this" other policies and begins to simulate them.
func (r *runs) set(edges policy.Edges) tea.Cmd {
	r.take(edges)
	return r.start(true)
}

// take gives "this" other policies.
func (r *runs) take(edges policy.Edges) {
	_, curve := r.shown()
	now, this := r.compared()
	r.stale = shown{curve, now, this}
	r.edges = edges
	if reflect.DeepEqual(edges, r.scenario.Edges) {
		r.edges = nil
	}
	r.gen++
	r.this, r.draft = map[uint64]*sim.Result{}, nil
	r.version++
	r.err = nil
	if r.current != nil && r.current.this {
		r.stop()
	}
}

func (r *runs) stop() {
	r.cancel()
	r.current, r.cancel = nil, nil
}

// start begins the next simulation that is wanted, unless one is under way. The
// spread is only asked for once something was changed: until then nobody looks.
func (r *runs) start(spread bool) tea.Cmd {
	if r.current != nil || r.run == nil || r.err != nil {
		return nil
	}
	t := r.next(spread)
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(r.ctx)
	r.current, r.cancel = t, cancel
	s := r.scenario
	s.Seed = t.seed
	if t.this {
		s.Edges = r.edges
	}
	if t.draft {
		s = search.Draft(s)
	}
	run := r.run
	simulate := func() tea.Msg {
		res, err := run(ctx, s)
		return doneMsg{t, res, err}
	}
	return tea.Batch(simulate, r.busy)
}

// next is the simulation that teaches most: first the scenario's own seed of now
// and of this, for the curve, and of this a draft before it; then, seed by seed, both, for the spread.
func (r *runs) next(spread bool) *task {
	for i, seed := range r.seeds {
		if i > 0 && (!spread || !r.changed()) {
			return nil
		}
		if r.changed() && r.this[seed] == nil {
			return &task{gen: r.gen, seed: seed, this: true, draft: i == 0 && r.draft == nil}
		}
		if r.now[seed] == nil {
			return &task{gen: r.gen, seed: seed}
		}
	}
	return nil
}

// done takes in a result and begins the next simulation.
func (r *runs) done(msg doneMsg) tea.Cmd {
	if msg.task == r.current {
		r.stop()
	}
	switch {
	case msg.err != nil && errors.Is(msg.err, context.Canceled):
	case msg.err != nil:
		r.err = msg.err
		return tea.Batch(idle, screen.Fail(msg.err))
	case !msg.task.this && msg.task.gen < r.since: // of another "now"
	case !msg.task.this:
		r.now[msg.task.seed] = msg.res
		r.version++
	case msg.task.gen != r.gen:
	case msg.task.draft:
		r.draft = msg.res
		r.version++
	default:
		r.this[msg.task.seed] = msg.res
		r.version++
	}
	if next := r.start(true); next != nil {
		return next
	}
	if r.current != nil {
		return nil
	}
	return idle
}

// busy tells the root how far the spread is.
func (r *runs) busy() tea.Msg {
	return screen.BusyMsg{What: "simulating", Part: r.part()}
}

func (r *runs) part() float64 {
	want, have := 1, min(1, len(r.now))
	if r.changed() {
		want, have = 2*len(r.seeds), 0
		for _, seed := range r.seeds {
			if r.now[seed] != nil {
				have++
			}
			if r.this[seed] != nil {
				have++
			}
		}
	}
	return float64(have) / float64(want)
}

func idle() tea.Msg { return screen.BusyMsg{} }

// shown is the pair of runs whose curve is drawn: of the scenario's own seed.
// this is now as long as nothing was changed; where it is not simulated yet its draft,
// or else what was shown before; nil when there is none.
func (r *runs) shown() (now, this *sim.Result) {
	now = r.now[r.seeds[0]]
	switch this = r.this[r.seeds[0]]; {
	case !r.changed():
		return now, now
	case this != nil:
		return now, this
	case r.draft != nil:
		return now, r.draft
	}
	return now, r.stale.curve
}

// fresh says that what is shown is of the policies as they are now, whole.
func (r *runs) fresh() bool { return !r.changed() || r.this[r.seeds[0]] != nil }

// pairs are the seeds for which both runs are there.
func (r *runs) pairs() (now, this []*sim.Result) {
	for _, seed := range r.seeds {
		n, t := r.now[seed], r.this[seed]
		if !r.changed() {
			t = n
		}
		if n != nil && t != nil {
			now, this = append(now, n), append(this, t)
		}
	}
	return now, this
}

// compared are the pairs that the numbers are made of: the scenario's own seed,
// and from the moment on when all are there all of them, so that the numbers
// change once and not with every run.
//
// Until the first is there they are what they were: numbers that go and come again with
// every step of a slider can be read by nobody, and travel over the line twice.
func (r *runs) compared() (now, this []*sim.Result) {
	if !r.fresh() {
		return r.stale.now, r.stale.this
	}
	now, this = r.pairs()
	if len(now) < len(r.seeds) {
		return now[:min(1, len(now))], this[:min(1, len(this))]
	}
	return now, this
}

// said names the seeds behind the numbers.
func (r *runs) said() string {
	if now, _ := r.compared(); len(now) > 1 {
		return fmt.Sprintf("mean of %d seeds (%d..%d)", len(now), r.seeds[0], r.seeds[len(r.seeds)-1])
	}
	return fmt.Sprintf("seed %d", r.seeds[0])
}
