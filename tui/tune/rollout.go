package tune

import (
	"context"
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/tui/screen"
)

// pods is how many replicas of the order service a rollout is shown with.
const pods = 4

// rolloutMsg is what each part of a rollout gave, from none to all of the pods.
type rolloutMsg struct {
	edge    string
	changes []string
	runs    []*sim.Result
	err     error
}

// rollout simulates this setting on none, some and all of four pods of the order
// service, the others as they were.
func (s *Screen) rollout() tea.Cmd {
	edge := s.edgeName()
	switch {
	case !strings.HasPrefix(edge, "order."):
		return screen.Say(fmt.Sprintf("a rollout changes the pods of the order service; %s does not leave them", edge))
	case !s.turned():
		return screen.Say("turn a knob of " + edge + " first: so far all pods are alike")
	case s.opt.Run == nil:
		return nil
	}
	base, run, ctx := s.opt.Scenario, s.opt.Run, s.opt.Context
	base.World.OrderReplicas = pods
	this := s.policy()
	changes := changesOf(edge, s.now(), this)
	simulate := func() tea.Msg {
		msg := rolloutMsg{edge: edge, changes: changes}
		for on := range pods + 1 {
			sc := base
			sc.Rollout = sim.Rollout{Replicas: on, Edges: policy.Edges{edge: this}}
			res, err := run(ctx, sc)
			if err != nil {
				return rolloutMsg{err: err}
			}
			msg.runs = append(msg.runs, res)
		}
		return msg
	}
	return tea.Batch(simulate, func() tea.Msg { return screen.BusyMsg{What: "simulating a rollout", Part: -1} })
}

// rolled shows it.
func (s *Screen) rolled(msg rolloutMsg) tea.Cmd {
	switch {
	case errors.Is(msg.err, context.Canceled):
		return idle
	case msg.err != nil:
		return tea.Batch(idle, screen.Fail(msg.err))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %9s %10s %10s %11s %9s\n", "pods", "failed", "wait p50", "wait p99", "outage", "orphans")
	for on, r := range msg.runs {
		over := outage(r)
		line := measure{show: secs, nan: "not over"}
		fmt.Fprintf(&b, "%-10s %9s %10s %10s %11s %9s\n", fmt.Sprintf("%d of %d", on, pods), whole(float64(r.Orders.Failed)),
			secs(r.Waits.P50.Seconds()), secs(r.Waits.P99.Seconds()), line.of(over), whole(float64(r.Orphans)))
	}
	return tea.Batch(idle, screen.Sheet("rollout of "+msg.edge, []screen.Part{
		{Text: fmt.Sprintf("One run (seed %d) with %d pods of the order service, this setting on so many of them and the others as they were.", s.opt.Scenario.Seed, pods)},
		{Head: "this setting", Text: strings.Join(msg.changes, ", ")},
		{Head: "so many pods have it", Quote: b.String()},
		{Text: "Each pod has its own breaker, connection and calls: pods without the change keep what holds them. `tripcurve compare` has the same for the postmortem's breaker over many seeds."},
	}))
}
