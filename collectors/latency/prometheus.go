package latency

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// PrometheusConfig of a collector that reads gRPC metrics from the HTTP API.
type PrometheusConfig struct {
	Access Access
	// Queries are selectors, of which the raw samples are read, or any other
	// PromQL, which the server computes at every Step. Empty is a selector of the
	// names that gRPC clients, breakers and pools have.
	Queries  []string
	Names    *Names        // of metrics beyond those that are known
	Most     int           // series read of it; 0 is 20,000, which is also the most
	Name     string        // of the source; empty is the URL's host
	Interval time.Duration // between questions; 0 is 10 s
	Step     time.Duration // between points of what the server computes; 0 is 15 s
	Since    time.Time     // of the first question; zero is 5 min before now
}

const (
	// settle is how long a scrape may take to be seen as a whole.
	settle = 2 * time.Second
	// overlap is asked again, for a slow target's page is stored late, with the
	// time at which it was asked for.
	overlap = 30 * time.Second
	// silence without a new sample is worth a word.
	silence = 3 * time.Minute
)

// Prometheus reads series from a Prometheus. It is run by a supervisor, or asked
// for one range with Import.
type Prometheus struct {
	cfg    PrometheusConfig
	client *promClient
	ask    *promQueries
	pages  *promPages
	asked  time.Time // up to when everything was read; zero before the first answer
}

// NewPrometheus makes a collector. The errors are ErrURL, files of certificates
// that cannot be read, and queries that are empty.
func NewPrometheus(cfg PrometheusConfig) (*Prometheus, error) {
	client, err := newPromClient(cfg.Access)
	if err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = client.url.Host
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 10 * time.Second
	}
	if cfg.Step <= 0 {
		cfg.Step = 15 * time.Second
	}
	ask, err := newPromQueries(client, cfg.Queries, cfg.Names, cfg.Step)
	if err != nil {
		return nil, err
	}
	if cfg.Most > 0 {
		ask.most = min(cfg.Most, maxPromSeries)
	}
	return &Prometheus{cfg: cfg, client: client, ask: ask, pages: newPromPages(cfg.Name, cfg.Names)}, nil
}

// Source is what the collector reads, before it has read anything.
func (p *Prometheus) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: p.cfg.Name, Group: "grpc", State: incident.SourceDown, Detail: "connecting to " + p.client.url.Redacted()}
}

// Every is the distance between two questions.
func (p *Prometheus) Every() time.Duration { return p.cfg.Interval }

// Run asks for what is new until ctx ends or a question fails. What could not be
// read meanwhile is read when it is called again, for Prometheus still has it.
func (p *Prometheus) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	defer p.client.base.CloseIdleConnections()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		to := time.Now().Add(-settle)
		err := p.read(ctx, p.from(to), to, func(facts []incident.Fact, upto time.Time) error {
			out <- facts
			p.asked = upto
			return nil
		})
		var limited *PrometheusError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &limited) && !limited.RetryAt.IsZero():
			wait := max(time.Second, time.Until(limited.RetryAt))
			status <- p.status(incident.SourceDegraded, fmt.Sprintf("%s; asking again in %s", limited, wait.Round(time.Second)))
			tick.Reset(wait)
			continue
		case err != nil:
			return p.final(fmt.Errorf("prometheus %s: %w", p.client.url.Redacted(), err))
		}
		status <- p.told(to)
		tick.Reset(p.cfg.Interval)
	}
}

// from is where the next question begins: at the newest sample, so that a server
// whose clock is behind ours loses none, and a bit before it.
func (p *Prometheus) from(to time.Time) time.Time {
	if p.asked.IsZero() {
		if p.cfg.Since.IsZero() {
			return to.Add(-5 * time.Minute)
		}
		return p.cfg.Since
	}
	from := p.asked
	if n := p.pages.newest; !n.IsZero() && n.Before(from) {
		from = n
	}
	if least := p.asked.Add(-10 * time.Minute); from.Before(least) {
		from = least
	}
	return from.Add(-overlap)
}

// final marks an error that asking again cannot mend: a query that is no PromQL,
// or a credential that is not read from a file, where it may be rotated.
func (p *Prometheus) final(err error) error {
	if errors.Is(err, ErrPrometheusRefused) && !p.cfg.Access.changes() || BadQuery(err) {
		return supervise.Permanent(err)
	}
	return err
}

// read asks for [from, to] and hands on what each piece of it tells.
func (p *Prometheus) read(ctx context.Context, from, to time.Time, emit func(facts []incident.Fact, upto time.Time) error) error {
	if !from.Before(to) {
		return nil
	}
	if err := p.ask.discover(ctx, from, to); err != nil {
		return err
	}
	return p.ask.pieces(ctx, from, to, func(a answer) error {
		facts := p.pages.facts(a.raw, a.from, a.to, a.caveat)
		return emit(append(facts, a.computed(p.pages.origin)...), a.to)
	})
}

// told is the status after an answer.
func (p *Prometheus) told(to time.Time) incident.SourceStatus {
	newest := p.pages.newest
	if p.ask.newest.After(newest) {
		newest = p.ask.newest
	}
	var also []string
	clock := p.client.auth.clock.now()
	if clock.Ahead.Abs() > 5*time.Second {
		also = append(also, "its clock is "+clock.String())
	}
	if p.pages.skipped > 0 {
		also = append(also, fmt.Sprintf("%d series more than we keep of one target are left out", p.pages.skipped))
	}
	also = append(also, p.ask.notes()...)
	state, detail := incident.SourceOK, p.came()+" each "+p.cfg.Interval.String()
	switch {
	case newest.IsZero():
		state, detail = incident.SourceStale, "no series of "+p.ask.what()+": nothing was recorded, or a name is misspelt"
	case to.Sub(newest) > silence:
		state, detail = incident.SourceStale, "no new sample since "+newest.UTC().Format("15:04:05Z")+": is the target still scraped?"
	}
	s := p.status(state, strings.Join(append([]string{detail}, also...), "; "))
	s.LastAt, s.Clock = newest, clock
	return s
}

// came is how much is read.
func (p *Prometheus) came() string {
	s := fmt.Sprintf("%d series", p.ask.found+p.ask.shown)
	switch n := len(p.pages.targets); n {
	case 0: // the server computes all of it
	case 1:
		s += " of 1 target"
	default:
		s += fmt.Sprintf(" of %d targets", n)
	}
	return s
}

func (p *Prometheus) status(state incident.SourceState, detail string) incident.SourceStatus {
	return incident.SourceStatus{Name: p.cfg.Name, Group: "grpc", State: state, LastAt: p.pages.newest, Detail: redact.Line(detail)}
}

// PrometheusSummary is what an import read.
type PrometheusSummary struct {
	Series, Targets int
	Points          int64
	Status          incident.SourceStatus // of the source, for the file
}

// importTries is how often one piece of an import is asked for.
const importTries = 5

// Import reads [from, to] once. progress is told how much of it is done, and what
// is waited for; wait is empty while nothing is. A server that is busy is asked
// again.
func (p *Prometheus) Import(ctx context.Context, from, to time.Time, progress func(done time.Duration, wait string), emit func([]incident.Fact) error) (PrometheusSummary, error) {
	defer p.client.base.CloseIdleConnections()
	var sum PrometheusSummary
	begun, tries := from, 0
	for {
		err := p.read(ctx, begun, to, func(facts []incident.Fact, upto time.Time) error {
			for _, f := range facts {
				if s, ok := f.(incident.Series); ok {
					sum.Points += int64(len(s.Points))
				}
			}
			begun, tries = upto, 0
			progress(upto.Sub(from), "")
			return emit(facts)
		})
		if err == nil {
			break
		}
		wait, again := p.retryIn(err, tries)
		if tries++; !again || tries >= importTries || ctx.Err() != nil {
			return sum, fmt.Errorf("prometheus %s: %w", p.client.url.Redacted(), err)
		}
		progress(begun.Sub(from), fmt.Sprintf("%s; asking again in %s", redact.Line(err.Error()), wait.Round(time.Second)))
		select {
		case <-ctx.Done():
			return sum, ctx.Err()
		case <-time.After(wait):
		}
	}
	sum.Series, sum.Targets = p.ask.found+p.ask.shown, len(p.pages.targets)
	sum.Status = p.told(to)
	if sum.Status.State != incident.SourceStale || sum.Points > 0 {
		sum.Status.State = incident.SourceDone
		sum.Status.Detail = strings.Join(append([]string{p.came()}, p.ask.notes()...), "; ")
	}
	return sum, nil
}

// retryIn says whether an error may pass, and in how long.
func (p *Prometheus) retryIn(err error, tries int) (time.Duration, bool) {
	backoff := time.Second << tries
	var e *PrometheusError
	switch {
	case errors.Is(err, errWrite), errors.Is(err, errTooManySeries), errors.Is(err, ErrPrometheusRefused):
		return 0, false
	case !errors.As(err, &e):
		return backoff, p.client.edge.heard.Load() // the network, once it has worked
	case !e.RetryAt.IsZero():
		return max(time.Second, time.Until(e.RetryAt)), true
	}
	return backoff, e.Status >= 500
}
