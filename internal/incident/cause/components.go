package cause

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/anomaly"
)

const (
	// samplesBefore and samplesAfter bound the comparison of latencies, in samples
	// of the coarsest histogram; fewer than fifty before say nothing for sure.
	samplesBefore = 120
	samplesAfter  = 60
	// leastShare of what is more where users see it makes a component worth a line.
	leastShare = 0.1
	// leastGap is what a gap must grow by, beside the half of what it was.
	leastGap = 5 * time.Millisecond
	// clearlyMore than the next is what a service's gaps grew by to be named.
	clearlyMore = 1.2
)

// timed is what one side tells of the calls from one service to another: sums of
// durations and counts, per second, added up over methods and codes.
type timed struct {
	caller, callee string // of what a server tells the caller is not known
	sum, count     []float64
	support        []incident.ID
}

// components ranks services by how much of the latency that is more since the
// onset is their own, and finds calls whose two ends grew apart. It takes
// histograms of both ends; calls that hang are in none, for a duration is
// recorded when a call ends.
func (s *scene) components(onset incident.Onset) ([]incident.Component, []incident.CallGap) {
	from, to := s.impact.From, s.impact.To
	if onset.Together {
		from = onset.At
	}
	if from.IsZero() {
		return nil, nil
	}
	hists := s.histograms(incident.Window{From: from.Add(-time.Hour), To: incident.LaterOf(to, from.Add(time.Hour))})
	if len(hists) == 0 {
		return nil, nil
	}
	step := time.Second
	for _, h := range hists {
		step = max(step, anomaly.StepOf(h.count.Points).Round(time.Second))
	}
	before, after := samplesBefore, samplesAfter
	if n := int(to.Sub(from) / step); n > 0 {
		after = min(after, n)
	}
	g := grid{from: from.Add(-time.Duration(before) * step), step: step, n: before + after}
	servers, clients := map[string]*timed{}, map[[2]string]*timed{}
	for _, h := range hists {
		t := servers[h.callee]
		if !h.server {
			t = clients[[2]string{h.caller, h.callee}]
		}
		if t == nil {
			t = &timed{caller: h.caller, callee: h.callee, sum: make([]float64, g.n), count: make([]float64, g.n)}
			if h.server {
				servers[h.callee] = t
			} else {
				clients[[2]string{h.caller, h.callee}] = t
			}
		}
		t.add(h, g)
	}
	return s.ownExcess(g, before, servers, clients), gaps(before, servers, clients)
}

// histogram is one series of durations as its sum and its count.
type histogram struct {
	server         bool
	caller, callee string
	sum, count     *incident.Series
	scale          float64 // seconds in one unit of sum
}

// histograms are the durations of calls in the evidence, from either side.
func (s *scene) histograms(w incident.Window) []histogram {
	counts := map[string]*incident.Series{}
	for _, x := range s.v.AllSeries() {
		if base, ok := strings.CutSuffix(x.Name, "count"); ok {
			counts[x.Origin.Key()+"\x00"+base+labelKey(x.Labels)] = x
		}
	}
	var list []histogram
	for _, x := range s.v.AllSeries() {
		base, ok := strings.CutSuffix(x.Name, "sum")
		if !ok || len(base) < 2 || len(near(x.Points, w)) < 2 {
			continue
		}
		names, ok := incident.CallNamesOf(base[:len(base)-1]) // without the dot or underscore
		count := counts[x.Origin.Key()+"\x00"+base+labelKey(x.Labels)]
		if !ok || count == nil {
			continue
		}
		h := histogram{server: names.Server, sum: x, count: count, scale: 1}
		if either(x.Unit, names.Unit) == "ms" {
			h.scale = 1e-3
		}
		service, method := incident.MethodOf(x.Labels)
		if service == "" {
			continue
		}
		h.callee = incident.Flow{Service: service, Method: either(method, "_")}.Callee()
		if !h.server {
			h.caller = callerOf(x)
		}
		list = append(list, h)
	}
	return list
}

func labelKey(labels map[string]string) string {
	keys := make([]string, 0, len(labels))
	for k, v := range labels {
		keys = append(keys, k+"="+v)
	}
	slices.Sort(keys)
	return strings.Join(keys, "\x00")
}

// callerOf names who measured: by label, else the process that was scraped.
func callerOf(x *incident.Series) string {
	for _, k := range []string{"client", "service", "job"} {
		if x.Labels[k] != "" {
			return x.Labels[k]
		}
	}
	name, path, ok := strings.Cut(x.Origin.Name, ":")
	if ok && strings.HasPrefix(path, "/") { // "order:/metrics"
		return name
	}
	return x.Origin.Name
}

// add puts a histogram's rates on the grid. A cell that any of them lacks keeps
// what the others have: a code that appears late had been at zero.
func (t *timed) add(h histogram, g grid) {
	for _, part := range []struct {
		to    []float64
		of    *incident.Series
		scale float64
	}{{t.sum, h.sum, h.scale}, {t.count, h.count, 1}} {
		points := near(part.of.Points, g.window())
		for i, v := range anomaly.Grid(anomaly.Rates(points), g.step, g.from, g.step, g.n) {
			if !math.IsNaN(v) {
				part.to[i] += v * part.scale
			}
		}
	}
	t.support = append(t.support, h.sum.ID())
}

// latency is seconds per call in each cell; NaN where no call ended.
func (t *timed) latency() []float64 {
	list := make([]float64, len(t.sum))
	for i := range list {
		list[i] = math.NaN()
		if t.count[i] > 0 {
			list[i] = t.sum[i] / t.count[i]
		}
	}
	return list
}

// effect compares the latency since the onset with before.
func (t *timed) effect(before int) anomaly.Effect {
	l := t.latency()
	return anomaly.NewBaseline(l[:before], anomaly.RelativeFloor).Effect(l[before:], anomaly.Up)
}

// calls are how many ended since the onset.
func (t *timed) calls(before int, step time.Duration) float64 {
	n := 0.0
	for _, c := range t.count[before:] {
		n += c * step.Seconds()
	}
	return n
}

// ownExcess builds the call graph: services by their own clock, what only its
// callers time as an edge.
func (s *scene) ownExcess(g grid, before int, servers map[string]*timed, clients map[[2]string]*timed) []incident.Component {
	if len(servers) == 0 || len(clients) == 0 { // one end alone is no graph
		return nil
	}
	var names []string
	byName := map[string]int{}
	node := func(name string) {
		if _, ok := byName[name]; !ok {
			byName[name] = 0
			names = append(names, name)
		}
	}
	for name := range servers {
		node(name)
	}
	for edge := range clients {
		node(edge[0])
		node(edge[1])
	}
	slices.Sort(names)
	for i, name := range names {
		byName[name] = i
	}
	graph := anomaly.Graph{Components: make([]anomaly.Component, len(names)), Calls: make([][]int, len(names))}
	called := make([]bool, len(names))
	measured := make([]*timed, len(names))
	for edge := range clients {
		from, to := byName[edge[0]], byName[edge[1]]
		graph.Calls[from] = append(graph.Calls[from], to)
		called[to] = true
	}
	for i, name := range names {
		slices.Sort(graph.Calls[i])
		graph.Components[i].Name = name
		if t := servers[name]; t != nil {
			measured[i] = t
			continue
		}
		graph.Components[i].EdgeOnly = true
		together := &timed{sum: make([]float64, g.n), count: make([]float64, g.n)}
		for edge, t := range clients {
			if edge[1] == name {
				together.merge(t)
			}
		}
		if len(together.support) > 0 {
			slices.Sort(together.support)
			measured[i] = together
		}
	}
	for i, t := range measured {
		if t != nil {
			graph.Components[i].Effect, graph.Components[i].Requests = t.effect(before), t.calls(before, g.step)
		}
	}
	ranked := graph.OwnExcess(symptomOf(graph, called))
	var list []incident.Component
	for _, r := range ranked {
		c, t := graph.Components[r.Component], measured[r.Component]
		if t == nil || !r.Anomalous || c.Requests <= 0 {
			continue
		}
		x := incident.Component{
			Name: r.Name, Before: durationOf(c.Effect.Before), During: durationOf(c.Effect.During), Calls: int64(math.Round(c.Requests)),
			Own: durationOf(r.Own / c.Requests), Share: r.Share, Slow: r.Anomalous, CallersView: c.EdgeOnly, Support: t.support,
		}
		x.Says = componentLine(x)
		list = append(list, x)
	}
	return list
}

func (t *timed) merge(o *timed) {
	for i := range t.sum {
		t.sum[i] += o.sum[i]
		t.count[i] += o.count[i]
	}
	t.support = append(t.support, o.support...)
}

// symptomOf is what users see: of the services that nobody calls, and has
// a latency, the one with the largest excess; when there is none, the largest.
func symptomOf(g anomaly.Graph, called []bool) int {
	best, most := -1, 0.0
	for _, any := range []bool{false, true} {
		for i, c := range g.Components {
			e := (c.Effect.During - c.Effect.Before) * c.Requests
			if (any || !called[i]) && e > most {
				best, most = i, e
			}
		}
		if best >= 0 {
			break
		}
	}
	return best
}

func componentLine(c incident.Component) string {
	view := ""
	if c.CallersView {
		view = ", as its callers time it"
	}
	if c.Share < leastShare {
		return fmt.Sprintf("%s: %s instead of %s a call%s, of which its callees explain nearly all", c.Name, short(c.During), short(c.Before), view)
	}
	return fmt.Sprintf("%s: %s instead of %s a call%s over %s; %s a call is its own, %s of what is more where it is seen first",
		c.Name, short(c.During), short(c.Before), view, things(c.Calls, "call", "calls"), short(c.Own), percent(c.Share))
}

// gaps are the calls whose two ends grew apart. The server's view is over all its
// callers, so the gap of one caller is only as good as they are alike.
func gaps(before int, servers map[string]*timed, clients map[[2]string]*timed) []incident.CallGap {
	var list []incident.CallGap
	var edges []anomaly.Edge
	for edge, t := range clients {
		server := servers[edge[1]]
		if server == nil {
			continue
		}
		c, v := t.effect(before), server.effect(before)
		if math.IsNaN(c.During-c.Before) || math.IsNaN(v.During-v.Before) {
			continue
		}
		edges = append(edges, anomaly.Edge{
			Caller: edge[0], Callee: edge[1], ClientBefore: c.Before, ClientDuring: c.During, ServerBefore: v.Before, ServerDuring: v.During,
		})
		gap := incident.CallGap{
			Caller: edge[0], Callee: edge[1], Before: durationOf(c.Before - v.Before), During: durationOf(c.During - v.During),
			Support: distinct(slices.Concat(t.support, server.support)),
		}
		if gap.Growth() >= max(leastGap, gap.Before/2) && c.Anomalous() {
			list = append(list, gap)
		}
	}
	slices.SortFunc(list, func(a, b incident.CallGap) int {
		return cmp.Or(cmp.Compare(b.Growth(), a.Growth()), cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Callee, b.Callee))
	})
	shared := sharedEnd(edges)
	for i := range list {
		x := &list[i]
		x.Says = fmt.Sprintf("%s waits for %s %s longer a call than %s works, %s before: network, queueing, a pool or connecting",
			x.Caller, x.Callee, short(x.During), x.Callee, short(max(0, x.Before)))
		if shared == x.Caller || shared == x.Callee {
			x.Says += "; the gaps have " + shared + " in common"
		}
	}
	return list
}

// sharedEnd is the service whose gaps grew by more than any other's, by the
// number of its edges: all its callers wait for it, or it waits for all it calls.
// Empty when that is no more than one edge's two ends.
func sharedEnd(edges []anomaly.Edge) string {
	nodes := anomaly.NodeGaps(edges)
	if len(nodes) < 2 || nodes[0].Edges < 2 || nodes[0].Mean < clearlyMore*nodes[1].Mean {
		return ""
	}
	return nodes[0].Node
}

func durationOf(v float64) time.Duration {
	if math.IsNaN(v) {
		return 0
	}
	return time.Duration(math.Round(v*1e6)) * time.Microsecond
}

// short prints a latency to three digits: "12.4 ms", "1.20 s".
func short(d time.Duration) string {
	if d.Abs() < time.Second {
		return fmt.Sprintf("%.3g ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}
