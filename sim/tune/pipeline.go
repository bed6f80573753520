package tune

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim/pipeline"
	"tripcurve/sim/replicate"
)

// OfPipeline is the problem of one edge of a pipeline that its user describes: its own
// faults, where it has any, and three others of the service called. edge may be left
// out where one edge alone has a policy, or where there is but one.
func OfPipeline(ctx context.Context, p *pipeline.Pipeline, edge string) (Problem, error) {
	edge, err := edgeOf(p, edge)
	if err != nil {
		return Problem{}, err
	}
	d := &described{p: p, edge: edge}
	if err := d.look(ctx); err != nil {
		return Problem{}, err
	}
	prob := Problem{
		Name: p.Name, Edge: edge, Requests: "requests", Today: p.Policies[edge], Key: fmt.Sprintf("%+v", *p), Hosts: d.hosts, Healthy: d.traffic,
	}
	if len(p.Faults) > 0 {
		prob.Cases = append(prob.Cases, d.own())
	}
	prob.Cases = append(prob.Cases, d.modes()...)
	return prob, nil
}

// edgeOf is the edge that is meant.
func edgeOf(p *pipeline.Pipeline, edge string) (string, error) {
	names := called(p)
	if len(names) == 0 {
		return "", fmt.Errorf("no service of %s calls another: there is no edge that a breaker could be on", p.Name)
	}
	if edge != "" {
		if !slices.Contains(names, edge) {
			return "", fmt.Errorf("edge: %w", policy.Unknown("edge between services", edge, names))
		}
		return edge, nil
	}
	with := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return keyOf(p.Policies[n]) == keyOf(policy.Policy{}) })
	switch {
	case len(with) == 1:
		return with[0], nil
	case len(names) == 1:
		return names[0], nil
	}
	return "", fmt.Errorf("which edge? %d have a policy: expected one of %s", len(with), strings.Join(names, ", "))
}

// called are the edges between services, sorted.
func called(p *pipeline.Pipeline) []string {
	names := map[string]bool{}
	for i := range p.Services {
		for _, c := range callsOf(&p.Services[i]) {
			names[c.edge] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// call is one of a service's.
type call struct{ from, edge, to string }

func callsOf(s *pipeline.Service) (all []call) {
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		all = append(all, callsIn(s.Name, s.Name+"."+e.Name, e.Steps)...)
	}
	return all
}

func callsIn(service, from string, steps []pipeline.Step) (all []call) {
	for _, st := range steps {
		if st.Kind == pipeline.Call {
			edge := st.Edge
			if edge == "" {
				to, _, _ := strings.Cut(st.To, ".")
				edge = service + "." + to
			}
			all = append(all, call{from, edge, st.To})
		}
		all = append(all, callsIn(service, from, st.Steps)...)
	}
	return all
}

// described makes runs of a described pipeline.
type described struct {
	p       *pipeline.Pipeline
	edge    string
	hosts   int
	below   []string        // endpoints called over the edge, and all that they call
	through map[string]bool // endpoints whose requests may go over the edge
	traffic Traffic
	answer  time.Duration // median of the endpoint called, while nothing is wrong
}

// look makes a run without faults and without a breaker on the edge.
func (d *described) look(ctx context.Context) error {
	var direct []string
	callers := map[string]bool{}
	all := map[string][]call{}
	for i := range d.p.Services {
		for _, c := range callsOf(&d.p.Services[i]) {
			all[c.from] = append(all[c.from], c)
			if c.edge == d.edge {
				direct = append(direct, c.to)
				callers[d.p.Services[i].Name] = true
			}
		}
	}
	seen := map[string]bool{}
	var reach func(string)
	reach = func(e string) {
		if seen[e] {
			return
		}
		seen[e] = true
		for _, c := range all[e] {
			reach(c.to)
		}
	}
	for _, e := range direct {
		reach(e)
	}
	d.below = slices.Sorted(maps.Keys(seen))
	d.through = map[string]bool{}
	for again := true; again; {
		again = false
		for from, made := range all {
			if !d.through[from] && slices.ContainsFunc(made, func(c call) bool { return c.edge == d.edge || d.through[c.to] }) {
				d.through[from], again = true, true
			}
		}
	}
	breakers := 0
	for _, s := range d.p.Services {
		if callers[s.Name] {
			breakers += max(s.Replicas, 1)
		}
		if to, _, _ := strings.Cut(direct[0], "."); s.Name == to {
			d.hosts = max(s.Replicas, 1)
		}
	}
	quiet := *d.p
	quiet.Faults, quiet.Length = nil, min(d.p.Length, 2*time.Minute)
	quiet.Policies = d.p.Policies.Clone()
	p := quiet.Policies[d.edge]
	p.Breaker = policy.BreakerSpec{}
	quiet.Policies[d.edge] = p
	res, err := pipeline.Run(ctx, &quiet, pipeline.Options{})
	if err != nil {
		return err
	}
	var rate float64
	var p99 time.Duration
	for _, e := range res.Edges {
		if e.Name == d.edge {
			rate = float64(e.Calls) / quiet.Length.Seconds() / float64(max(breakers, 1))
		}
	}
	for _, e := range res.Endpoints {
		if slices.Contains(direct, e.Name) && e.Calls > 0 {
			d.answer, p99 = max(d.answer, e.P50), max(p99, e.P99)
		}
	}
	if rate == 0 {
		return fmt.Errorf("edge %s: nobody calls over it within %s", d.edge, policy.FormatDuration(quiet.Length))
	}
	d.traffic = newTraffic(d.p.Seed, rate, d.answer, p99)
	return nil
}

// own is the file's own faults, cut to the stretch until a while after the last.
func (d *described) own() Case {
	short := *d.p
	trigger := triggerIn(d.p)
	short.Length = min(short.Length, trigger.to+after)
	short.Faults = slices.DeleteFunc(slices.Clone(d.p.Faults), func(f pipeline.Fault) bool {
		return f.At >= short.Length || f.What == pipeline.Restart && f.At >= trigger.to
	})
	return Case{
		Name: "own", What: "the description's own faults", Short: short.Length.Seconds(), Whole: d.p.Length.Seconds(),
		Play: func(ctx context.Context, p policy.Policy, n int, whole bool) (Seen, error) {
			run := short
			if whole {
				run = *d.p
			}
			return d.play(ctx, run, p, n)
		},
	}
}

// triggerIn is while something is wrong by itself.
func triggerIn(p *pipeline.Pipeline) stretch {
	s := stretch{from: p.Length}
	for _, f := range p.Faults {
		if f.What == pipeline.Restart && len(p.Faults) > 1 {
			continue
		}
		to := f.At + f.For
		if f.For == 0 && f.What != pipeline.Restart && f.What != pipeline.Drop {
			to = p.Length
		}
		s.from, s.to = min(s.from, f.At), max(s.to, min(to, p.Length))
	}
	if s.from >= s.to { // instants alone
		s.to = min(s.from+time.Minute, p.Length)
	}
	if s.from >= s.to {
		return stretch{0, p.Length}
	}
	return s
}

// modes are those of the order pipeline, for the service called.
func (d *described) modes() []Case {
	mode := func(name, what string, faults func(d time.Duration) []pipeline.Fault) Case {
		length := before + 3*lasting/2 + after
		return Case{
			Name: name, What: what, Short: length.Seconds(), Whole: length.Seconds(),
			Play: func(ctx context.Context, p policy.Policy, n int, _ bool) (Seen, error) {
				run := *d.p
				last := lastingOf(d.p.Seed, n)
				run.Faults, run.Length = faults(last), before+last+after
				return d.play(ctx, run, p, n)
			},
		}
	}
	slow := func(answer time.Duration) func(time.Duration) []pipeline.Fault {
		factor := max(2, float64(answer)/float64(max(d.answer, time.Microsecond)))
		return func(last time.Duration) (all []pipeline.Fault) {
			for _, e := range d.below {
				all = append(all, pipeline.Fault{At: before, For: last, What: pipeline.Slow, Endpoint: e, Factor: factor})
			}
			return all
		}
	}
	return []Case{
		mode("hang", "calls over "+d.edge+" take a minute and more, for 1 to 3 min", slow(time.Minute)),
		mode("slow", "calls over "+d.edge+" take ten times as long, a second at least, for 1 to 3 min", slow(max(10*d.answer, time.Second))),
		mode("errors", "half of the calls over "+d.edge+" fail at once, for 1 to 3 min", func(last time.Duration) []pipeline.Fault {
			return []pipeline.Fault{{At: before, For: last, What: pipeline.FailCalls, Edge: d.edge, Share: 0.5}}
		}),
	}
}

// play makes a run and looks at what the setting is judged by.
func (d *described) play(ctx context.Context, run pipeline.Pipeline, p policy.Policy, n int) (Seen, error) {
	run.Seed = replicate.Seed(d.p.Seed, n)
	run.Policies = run.Policies.Clone()
	run.Policies[d.edge] = p
	trigger := triggerIn(&run)
	var s Seen
	var waits []time.Duration
	res, err := pipeline.Run(ctx, &run, pipeline.Options{OnRequest: func(a pipeline.Answer) {
		if start := a.Start.Sub(run.Start); d.through[a.Endpoint] && start >= trigger.from && start < trigger.to {
			waits = append(waits, a.End.Sub(a.Start))
		}
	}})
	if over := new(pipeline.TooManyError); errors.As(err, &over) { // it cannot keep up: nobody else is served
		end := run.Length - trigger.from
		return Seen{Came: 1, NotServed: int(end/(trigger.to-trigger.from)) + 1, Wait: end.Seconds(), Calls: 1, Recovery: (run.Length - trigger.to).Seconds()}, nil
	}
	if err != nil {
		return Seen{}, err
	}
	patience := map[string]time.Duration{}
	for _, c := range run.Clients {
		patience[c.Name] = c.Patience
	}
	for _, r := range res.Requests {
		if !d.through[r.Endpoint] {
			continue
		}
		begunInTime := 0
		for i, n := range r.StartedAt {
			at := time.Duration(i) * time.Second
			if at >= trigger.from.Truncate(time.Second) && at < trigger.to {
				s.Came += int(n)
			}
			if limit := patience[r.Client]; limit > 0 && at+time.Second+limit <= run.Length {
				begunInTime += int(n)
			}
		}
		s.NotServed += r.Failed + r.Rejected + max(0, begunInTime-(r.Started-r.InFlight))
	}
	for range max(0, s.Came-len(waits)) {
		waits = append(waits, run.Length-trigger.from)
	}
	s.Wait = quantile99(waits)
	for _, e := range res.Edges {
		if e.Name == d.edge {
			s.Calls = e.Attempts
		}
	}
	s.Trips = trips(res.Breakers, d.edge)
	s.Recovery, s.Recovered = recoveryIn(res, run.Faults, trigger)
	return s, nil
}

// recoveryIn is until the first restart after the trigger: what that ended had not
// recovered by itself.
func recoveryIn(res *pipeline.Result, faults []pipeline.Fault, trigger stretch) (s float64, recovered bool) {
	_, recovered, failed := res.Recovery()
	if !failed {
		return 0, true
	}
	end := res.Start.Add(res.Length)
	if recovered {
		end = res.RecoveredAt
	}
	took := max(0, end.Sub(res.Start.Add(trigger.to)))
	for _, f := range faults {
		if after := f.At - trigger.to; f.What == pipeline.Restart && after >= 0 && after <= took {
			took, recovered = after, false
		}
	}
	return took.Seconds(), recovered
}
