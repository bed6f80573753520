// Package bundled makes the bundled incident, INC-2847. It is not a file in the
// repository: the simulator runs the night at start, its gateway writes real log
// lines, its database shows sessions and locks, its gRPC clients export their
// counters, and the collectors' own parsers read all that as they would on any
// other night.
package bundled

import (
	"context"
	"fmt"
	"time"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/postgres"
	"tripcurve/internal/incident"
	"tripcurve/services/gateway"
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
	return FromScenario(ctx, scenario.INC2847())
}

// FromScenario runs any scenario of the order pipeline and reads what it left.
func FromScenario(ctx context.Context, sc sim.Scenario) (*Incident, error) {
	routes, err := gatewaylog.NewRoutes(Routes)
	if err != nil {
		return nil, fmt.Errorf("bundled incident: %w", err)
	}
	format, err := gatewaylog.FormatByName("envoy_json")
	if err != nil {
		return nil, fmt.Errorf("bundled incident: %w", err)
	}
	in := &Incident{Scenario: sc, Evidence: incident.NewEvidence()}
	ev := in.Evidence

	var (
		log      = gatewaylog.NewIntake(format, incident.Origin{Group: "gateway", Name: logSource, File: logIdentity(sc)}, routes, 0)
		line     []byte
		writeErr error
		tracer   tracer
		sampler  = postgres.NewSampler(pgSource)
		rows     rowReader
		pages    = newPages()
	)
	obs := scenario.Observers{
		OnAccess: func(e gateway.AccessEntry) {
			line = append(gateway.AppendEnvoyJSON(line[:0], e), '\n')
			if _, err := log.Write(line); err != nil && writeErr == nil {
				writeErr = err
			}
			tracer.observe(e)
		},
		OnSample: func(at time.Time, sessions []sim.PGSession) {
			ev.Add(sampler.Observe(rows.sample(at, sessions))...)
			ev.Sampled(at)
		},
		OnScrape: func(at time.Time, counts []sim.MethodCounts) {
			facts, err := pages.observe(at, counts)
			if err != nil && writeErr == nil {
				writeErr = err
			}
			ev.Add(facts...)
		},
		OnEvent: func(e sim.Event) {
			if e.Kind == "restart" {
				ev.Add(incident.Change{
					At: e.At, Kind: incident.Restart, System: "order", Text: e.Text,
					Origin: incident.Origin{Group: "platform", Name: platform},
				})
			}
		},
	}
	if in.Result, err = scenario.Run(ctx, sc, obs); err != nil {
		return nil, fmt.Errorf("bundled incident: %w", err)
	}
	log.Close()
	ev.Add(log.Flush()...)
	if writeErr != nil {
		return nil, fmt.Errorf("bundled incident: reading what the run wrote: %w", writeErr)
	}
	facts, err := tracer.facts()
	if err != nil {
		return nil, fmt.Errorf("bundled incident: %w", err)
	}
	ev.Add(facts...)
	ev.Add(dayBefore(sc)...)
	end := sc.Start.Add(sc.Length)
	for _, s := range []incident.SourceStatus{
		{Name: pgSource, Group: "postgres", Detail: "simulated, sampled once a second"},
		{Name: logSource, Group: "gateway", Detail: "simulated, Envoy JSON, stamps the start"},
		{Name: pageName("gateway"), Group: "grpc", Detail: "simulated, scraped every 5 s"},
		{Name: pageName("order"), Group: "grpc", Detail: "simulated, scraped every 5 s"},
		{Name: datadogSource, Group: "datadog", Detail: "simulated, grpc.client.duration of the gateway's tracer"},
		{Name: platform, Group: "platform", Detail: "simulated, restarts"},
	} {
		s.State, s.LastAt = incident.SourceDone, end
		ev.SetSource(s)
	}
	return in, nil
}

// logIdentity stands for the content of the simulated log: the same scenario
// writes the same bytes.
func logIdentity(sc sim.Scenario) string {
	return fmt.Sprintf("simulated:%s:%d", sc.Name, sc.Seed)
}
