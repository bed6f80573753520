package bundled

import (
	"strings"
	"time"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/latency"
	"tripcurve/collectors/postgres"
	"tripcurve/internal/incident"
	"tripcurve/services/gateway"
	"tripcurve/sim"
)

// reader is the collectors' side.
type reader struct {
	evidence *incident.Evidence
	intake   *gatewaylog.Intake
	lines    []byte // of the log
	sampler  *postgres.Sampler
	pages    map[string]*latency.Scrape // by service
	tracer   tracer
	end      time.Time
}

func newReader(sc sim.Scenario) (*reader, error) {
	routes, err := gatewaylog.NewRoutes(Routes)
	if err != nil {
		return nil, err
	}
	format, err := gatewaylog.FormatByName("envoy_json")
	if err != nil {
		return nil, err
	}
	origin := incident.Origin{Group: gatewaylog.Group, Name: logSource, File: logIdentity(sc)}
	return &reader{
		evidence: incident.NewEvidence(),
		intake:   gatewaylog.NewIntake(format, origin, routes, 0),
		sampler:  postgres.NewSampler(pgSource),
		pages:    map[string]*latency.Scrape{},
		end:      sc.Start.Add(sc.Length),
	}, nil
}

// log writes the lines that the gateway writes of these requests, and reads them.
func (r *reader) log(block []gateway.AccessEntry) error {
	r.lines = r.lines[:0]
	for i := range block {
		r.lines = gateway.AppendEnvoyJSON(r.lines, block[i])
	}
	_, err := r.intake.Write(r.lines)
	return err
}

func (r *reader) sample(s postgres.Sample) error {
	r.evidence.Add(r.sampler.Observe(s)...)
	r.evidence.Sampled(s.At)
	return nil
}

// pageName is the source under which findings cite a service's page.
func pageName(service string) string { return service + ":/metrics" }

func (r *reader) page(at time.Time, service string, text []byte) error {
	if r.pages[service] == nil {
		r.pages[service] = latency.NewScrape(pageName(service))
	}
	facts, err := r.pages[service].Observe(at, text)
	r.evidence.Add(facts...)
	return err
}

func (r *reader) event(e sim.Event) {
	if e.Kind == "restart" {
		service, _, _ := strings.Cut(e.Text, " ")
		r.evidence.Add(incident.Change{
			At: e.At, Kind: incident.Restart, System: service, Text: e.Text,
			Origin: incident.Origin{Group: "platform", Name: platform},
		})
	}
}

// finish is all that was read.
func (r *reader) finish() (*incident.Evidence, error) {
	r.intake.Close()
	r.evidence.Add(r.intake.Flush()...)
	facts, err := r.tracer.facts()
	if err != nil {
		return nil, err
	}
	r.evidence.Add(facts...)
	for _, s := range []incident.SourceStatus{
		{Name: pgSource, Group: "postgres", Detail: "simulated, sampled once a second"},
		{Name: logSource, Group: gatewaylog.Group, Detail: "simulated, Envoy JSON, stamps the start"},
		{Name: pageName("gateway"), Group: "grpc", Detail: "simulated, scraped every 5 s"},
		{Name: pageName("order"), Group: "grpc", Detail: "simulated, scraped every 5 s"},
		{Name: datadogSource, Group: "datadog", Detail: "simulated, grpc.client.duration of the gateway's tracer"},
		{Name: platform, Group: "platform", Detail: "simulated, restarts"},
	} {
		s.State, s.LastAt = incident.SourceDone, r.end
		r.evidence.SetSource(s)
	}
	return r.evidence, nil
}
