// Package bundled makes the bundled incident, INC-2847. It is not a file in the
// repository: the simulator runs the night at start, its gateway writes real log
// lines, its database shows sessions and locks, its gRPC clients export their
// counters, and the collectors' own parsers read all that as they would on any
// other night.
package bundled

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tripcurve/internal/incident"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// Name of the bundled incident.
const Name = "INC-2847"

// Sources of the bundled incident, by the names under which findings cite them.
const (
	logSource     = "gateway.log"
	pgSource      = "pg"
	datadogSource = "datadog"
	platform      = "orchestrator"
)

// Incident is the bundled incident with the run that it was read from.
type Incident struct {
	Scenario sim.Scenario
	Result   *sim.Result
	Evidence *incident.Evidence
}

// Routes are the endpoint templates of the order pipeline.
var Routes = []string{"POST /api/orders", "GET /api/orders/:id", "GET /api/inventory/:sku", "POST /api/payments/intent"}

// Build runs the night and reads what it left.
func Build(ctx context.Context) (*Incident, error) {
	in, err := FromScenario(ctx, scenario.INC2847())
	if err == nil {
		in.Evidence.SetWritten(incident.PackWritten(slices.Values(Written())))
	}
	return in, err
}

// FromScenario runs any scenario of the order pipeline and reads what it left.
// The run and the reading go on side by side; neither looks at a clock, so that
// the result does not depend on who is faster.
func FromScenario(ctx context.Context, sc sim.Scenario) (*Incident, error) {
	in := &Incident{Scenario: sc}
	r, err := newReader(sc)
	if err != nil {
		return nil, fmt.Errorf("bundled incident: %w", err)
	}
	w := newWriter(r)
	in.Result, err = scenario.Run(ctx, sc, scenario.Observers{
		OnAccess: w.access, OnSample: w.sample, OnScrape: w.scrape, OnEvent: w.event,
	})
	var before []incident.Fact
	if err == nil {
		before = dayBefore(sc) // while the reader has some left to read
	}
	if err := errors.Join(err, w.close()); err != nil {
		return nil, fmt.Errorf("bundled incident: %w", err)
	}
	in.Evidence, err = r.finish()
	if err != nil {
		return nil, fmt.Errorf("bundled incident: %w", err)
	}
	in.Evidence.Add(before...)
	in.Evidence.Add(settings(sc)...)
	in.Evidence.Add(books(sc, in.Result)...)
	return in, nil
}

// Night is what a run of any scenario left, read as FromScenario reads it.
func Night(ctx context.Context, sc sim.Scenario) (*incident.View, *sim.Result, error) {
	in, err := FromScenario(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	return in.Evidence.Snapshot(), in.Result, nil
}

// logIdentity stands for the content of the simulated log: the same scenario
// writes the same bytes.
func logIdentity(sc sim.Scenario) string {
	return fmt.Sprintf("simulated:%s:%d", sc.Name, sc.Seed)
}
