package tui

import (
	"context"

	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/export"
	"tripcurve/tui/gateway"
	"tripcurve/tui/grpc"
	"tripcurve/tui/locks"
	"tripcurve/tui/overview"
	"tripcurve/tui/screen"
	"tripcurve/tui/timeline"
	"tripcurve/tui/tune"
)

// screens is the table of screens in the order of their tabs.
func screens(o Options) []screen.Screen {
	bundled := scenario.INC2847()
	return []screen.Screen{
		overview.New(),
		locks.New(o.LockSQL),
		gateway.New(gateway.Options{Context: o.Context, Lines: o.Lines}),
		grpc.New(),
		timeline.New(o.Timeline),
		tune.New(tune.Options{Context: o.Context, Scenario: bundled, Run: simulate, Sweep: o.Sweep, Chosen: o.Chosen}),
		export.New(export.Options{Dir: o.ExportDir, Edge: export.Proposed, Edges: export.Proposal(bundled.Edges), Now: bundled.Edges, File: o.File, Chosen: o.Chosen}),
	}
}

// simulate makes one run that nobody looks on at.
func simulate(ctx context.Context, s sim.Scenario) (*sim.Result, error) {
	return scenario.Run(ctx, s, scenario.Observers{})
}
