package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	report "tripcurve/internal/export/tune"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	search "tripcurve/sim/tune"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Sweep searches the settings of a library on an edge of a scenario. told hears how
// far it is, one call at a time, and does not wait. When ctx ends it gives the best so
// far, marked as interrupted, or ctx's error.
type Sweep func(ctx context.Context, sc sim.Scenario, edge, library string, told func(search.Progress)) (*search.Result, error)

// sweeps is the search that is under way, and what the last one found.
type sweeps struct {
	gen    uint64
	cancel context.CancelFunc // of the one under way; nil when none is
	found  *search.Result
	sets   []string // what its pipeline had otherwise than the scenario
	next   int      // finalist that n sets the knobs to
}

// sweepMsg is how far a search is, sweptMsg its end.
type sweepMsg struct {
	gen  uint64
	at   search.Progress
	more <-chan search.Progress
}

type sweptMsg struct {
	gen  uint64
	sets []string
	res  *search.Result
	err  error
}

// sweep begins a search of the chosen edge's settings, or ends the one under way with
// the best so far.
func (s *Screen) sweep() tea.Cmd {
	if s.sweeps.cancel != nil {
		s.sweeps.cancel()
		return screen.Say("ending the sweep with the best so far")
	}
	if s.opt.Sweep == nil {
		return screen.Say("nothing here can sweep: `tripcurve tune` does")
	}
	library := s.policy().Breaker.Library
	if library == "" {
		library = "opossum"
	}
	sc := s.opt.Scenario
	sc.Edges = s.edges
	ctx, cancel := context.WithCancel(s.opt.Context)
	s.sweeps.gen, s.sweeps.cancel = s.sweeps.gen+1, cancel
	gen, edge, sets, run := s.sweeps.gen, s.edgeName(), s.edges.Since(s.opt.Scenario.Edges), s.opt.Sweep
	// One place: what nobody has looked at yet gives way to nothing, and the next comes
	// soon enough.
	progress := make(chan search.Progress, 1)
	all := func() tea.Msg {
		defer close(progress)
		shown := 0.0
		res, err := run(ctx, sc, edge, library, func(at search.Progress) {
			if at.Of > 0 && at.Done/at.Of-shown >= 0.01 {
				select {
				case progress <- at:
					shown = at.Done / at.Of
				default:
				}
			}
		})
		return sweptMsg{gen, sets, res, err}
	}
	// No line above the keys, which would hide how far it is.
	return tea.Batch(all, listen(gen, progress), progressOf("finding out what is usual", 0))
}

// listen waits for the next news of a search; it ends with it.
func listen(gen uint64, progress <-chan search.Progress) tea.Cmd {
	return func() tea.Msg {
		at, ok := <-progress
		if !ok {
			return nil
		}
		return sweepMsg{gen, at, progress}
	}
}

// sweeping shows how far it is.
func (s *Screen) sweeping(msg sweepMsg) tea.Cmd {
	again := listen(msg.gen, msg.more)
	if msg.gen != s.sweeps.gen || s.sweeps.cancel == nil {
		return again
	}
	return tea.Batch(again, progressOf(msg.at.Stage, msg.at.Done/msg.at.Of))
}

// progressOf shows what the sweep does and how far it is.
func progressOf(stage string, part float64) tea.Cmd {
	return func() tea.Msg { return screen.BusyMsg{What: "sweep (w on Tune ends it): " + stage, Part: part} }
}

// swept takes in what was found, and shows it.
func (s *Screen) swept(msg sweptMsg) tea.Cmd {
	if msg.gen != s.sweeps.gen {
		return nil
	}
	s.sweeps.cancel()
	s.sweeps.cancel = nil
	switch {
	case errors.Is(msg.err, context.Canceled):
		return tea.Batch(idle, screen.Say("the sweep was ended before anything was known"))
	case msg.err != nil:
		return tea.Batch(idle, screen.Fail(msg.err))
	}
	s.sweeps.found, s.sweeps.sets, s.sweeps.next = msg.res, msg.sets, 0
	return tea.Batch(idle, screen.Sheet("sweep of "+msg.res.Problem.Edge+" for "+msg.res.Library.Name, sheetOf(msg.res)))
}

// sheetOf is a result as a text.
func sheetOf(r *search.Result) []screen.Part {
	rep := report.New(r)
	var parts []screen.Part
	for _, said := range rep.Says {
		parts = append(parts, screen.Part{Text: said})
	}
	if len(rep.Front) == 0 {
		return parts
	}
	whose := ""
	if !r.Interrupted {
		whose = "Their figures are of the runs that chose; what is said above is of as many more, on which nothing was chosen. "
	}
	parts = append(parts, screen.Part{
		Head: text.Plural(len(rep.Front), "finalist"),
		Text: whose + "esc closes this; n sets the knobs to these, one after the other, z undoes; c has them as a picture. `tripcurve tune` searches further and writes the file.",
	})
	for _, p := range rep.Front {
		var figures []string
		for i, o := range search.Objectives() {
			figures = append(figures, report.Named(i)+" "+report.Figure(i, p.Measures[o.Name].Value))
		}
		half := len(figures) / 2
		parts = append(parts, screen.Part{
			Text: fmt.Sprintf("%d  %s", p.N, p.Shown), Quote: strings.Join(figures[:half], "   ") + "\n" + strings.Join(figures[half:], "   "),
		})
	}
	return parts
}

// point sets the knobs to the next of what the last search found.
func (s *Screen) point() tea.Cmd {
	r := s.sweeps.found
	if r == nil || len(r.Finalists) == 0 {
		return screen.Say("w sweeps first; then n goes through what it found")
	}
	i := s.sweeps.next % len(r.Finalists)
	s.sweeps.next = i + 1
	edge := r.Problem.Edge
	if at := slices.Index(s.names, edge); at >= 0 {
		s.edge = at
	}
	edges := s.edges.Clone()
	edges[edge] = policy.Edges{"": r.Finalists[i].Policy}.Clone()[""]
	return tea.Batch(s.change(edges), screen.Say(fmt.Sprintf("%d of %d: %s", i+1, len(r.Finalists), r.Space.Show(r.Finalists[i].Policy))))
}
