package incident

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Flow is one kind of call as its caller counts it: started and finished. What
// started and did not finish is in flight; that is the only place where a call
// that hangs can be seen, for latency is recorded when a call ends.
type Flow struct {
	Caller   string // the source that was scraped, or its job or service label
	Server   bool   // counted by who is called: nobody knows who called
	Service  string // "inventory.Inventory"; the target or the process where no method is known
	Method   string // "Reserve"
	Started  *Series
	Finished []*Series // one per status
}

// FlowPoint is a flow at one sample.
type FlowPoint struct {
	At       time.Time
	InFlight float64
	Started  float64 // since the sample before; of the new process after a restart
	Finished float64
	Deadline float64 // of Finished: ended by a deadline
	Restart  bool    // the caller's counters began anew
}

// Flows are all flows, by caller, service and method. Calls that no caller counts
// are told by who is called.
func (v *View) Flows() []Flow {
	v.findFlows()
	return v.flows
}

// ServerFlows are the flows as those count them who are called, also where callers
// count them too: the other view of the same calls.
func (v *View) ServerFlows() []Flow {
	v.findFlows()
	return v.serverFlows
}

func (v *View) findFlows() {
	v.flowed.Do(func() {
		all := v.allFlows()
		byCaller := map[string]bool{} // methods that callers count
		for _, f := range all {
			byCaller[f.Name()] = byCaller[f.Name()] || !f.Server
		}
		for _, f := range all {
			if f.Server {
				v.serverFlows = append(v.serverFlows, f)
			}
			if !f.Server || !byCaller[f.Name()] {
				v.flows = append(v.flows, f)
			}
		}
	})
}

func (v *View) allFlows() []Flow {
	var flows []Flow
	byKey := map[string]int{}
	for _, s := range v.series {
		if n, ok := callNamesBy[s.Name]; ok && s.Name == n.Started {
			byKey[flowKey(n.Finished, s)] = len(flows)
			flows = append(flows, newFlow(n, s))
		}
	}
	if len(flows) == 0 {
		return nil
	}
	for _, s := range v.series {
		if n, ok := callNamesBy[s.Name]; !ok || s.Name != n.Finished {
			continue
		}
		if i, ok := byKey[flowKey(s.Name, s)]; ok {
			flows[i].Finished = append(flows[i].Finished, s)
		}
	}
	return flows
}

// flowKey is a series' identity without its status.
func flowKey(name string, s *Series) string {
	var b strings.Builder
	b.WriteString(s.Origin.Key() + "\x00" + name)
	rest := make(map[string]string, len(s.Labels))
	for k, val := range s.Labels {
		if !slices.Contains(statusLabels, k) {
			rest[k] = val
		}
	}
	b.WriteString(labels(rest))
	return b.String()
}

func newFlow(n CallNames, s *Series) Flow {
	f := Flow{Server: n.Server, Started: s}
	f.Service, f.Method = MethodOf(s.Labels)
	who := s.Origin.Name
	for _, name := range []string{"client", "service", "job"} {
		if s.Labels[name] != "" {
			who = s.Labels[name]
			break
		}
	}
	f.Caller = who
	if f.Server {
		f.Caller = "callers"
	}
	if f.Service == "" && f.Method == "" {
		f.Service = either(s.Labels[CallTarget], who)
	}
	return f
}

// Name is the callee's full method: "inventory.Inventory/Reserve".
func (f Flow) Name() string {
	if f.Method == "" {
		return f.Service
	}
	return f.Service + "/" + f.Method
}

// Codes says whether the source tells by which code calls end; without, nobody can
// say that none ended by a deadline.
func (f Flow) Codes() bool {
	if len(f.Finished) == 0 {
		return true
	}
	for _, done := range f.Finished {
		for _, l := range statusLabels {
			if _, ok := ParseGRPCCode(done.Labels[l]); ok {
				return true
			}
		}
	}
	return false
}

// Callee is the called service's short name: "inventory" of
// "shop.v1.InventoryService".
func (f Flow) Callee() string {
	if f.Method == "" {
		return hostOf(f.Service)
	}
	name := strings.ToLower(f.Service[strings.LastIndexByte(f.Service, '.')+1:])
	if short := strings.TrimSuffix(name, "service"); short != "" {
		return short
	}
	return name
}

// hostOf is the host of a target, by its first name: "inventory" of
// "inventory.shop.svc:9000"; addresses stay whole.
func hostOf(target string) string {
	host := target
	if i := strings.LastIndexByte(target, ':'); i > 0 && !strings.Contains(target[:i], ":") {
		host = target[:i]
	}
	name, _, _ := strings.Cut(host, ".")
	if name == "" || name[0] >= '0' && name[0] <= '9' || strings.Contains(host, ":") {
		return target
	}
	return name
}

// Edge names the flow as a policy does: "order.inventory".
func (f Flow) Edge() string { return f.Caller + "." + f.Callee() }

// Points are the flow at each of its samples in w, and at the one before. A
// finished series that does not exist counts as zero; one that ends at a restart
// died with its process.
func (f Flow) Points(w Window) []FlowPoint {
	samples := f.Started.in(w)
	points := make([]FlowPoint, 0, len(samples))
	next := make([]int, len(f.Finished)) // into each finished series: first point after the sample
	was := make([]float64, len(f.Finished))
	deadline := make([]bool, len(f.Finished))
	for i, done := range f.Finished {
		deadline[i] = isDeadline(done.Labels)
		if len(samples) > 0 {
			next[i], _ = slices.BinarySearchFunc(done.Points, samples[0].At, func(q Point, at time.Time) int { return q.At.Compare(at) })
			// More finished than started is of a process before this one.
			if n := next[i]; n > 0 && done.Points[n-1].V <= samples[0].V {
				was[i] = done.Points[n-1].V
			}
		}
	}
	started, restarted := math.NaN(), time.Time{}
	for _, s := range samples {
		if math.IsNaN(s.V) {
			continue
		}
		p := FlowPoint{At: s.At}
		if s.V < started {
			p.Restart, restarted = true, s.At
			p.Started = s.V
			clear(was)
		} else if !math.IsNaN(started) {
			p.Started = s.V - started
		}
		first := math.IsNaN(started)
		started = s.V
		p.InFlight = s.V
		for i, done := range f.Finished {
			for ; next[i] < len(done.Points) && !done.Points[next[i]].At.After(s.At); next[i]++ {
				q := done.Points[next[i]]
				if math.IsNaN(q.V) || q.At.Before(restarted) {
					continue
				}
				if q.V < was[i] {
					// It began anew before the started counter showed it.
					p.Restart, was[i] = true, 0
				}
				if !first {
					p.Finished += q.V - was[i]
					if deadline[i] {
						p.Deadline += q.V - was[i]
					}
				}
				was[i] = q.V
			}
			p.InFlight -= was[i]
		}
		p.InFlight = max(0, p.InFlight)
		points = append(points, p)
	}
	return points
}

func isDeadline(labels map[string]string) bool {
	for _, name := range statusLabels {
		if c, ok := ParseGRPCCode(labels[name]); ok && c == GRPCDeadlineExceeded {
			return true
		}
	}
	return false
}

// InFlight is the most calls in flight in each step: of the flow that Deepest
// finds in all of the evidence, so that a part of it shows the same calls as
// the whole. NaN where there is no sample. It is not ok when nothing counts
// started calls.
func (v *View) InFlight(w Window, step time.Duration) (values []float64, ok bool) {
	points, stale, ok := v.deepestPoints()
	if !ok {
		return nil, false
	}
	return stepped(points, stale, w, step), true
}

// InFlight is View.InFlight of this flow.
func (f Flow) InFlight(w Window, step time.Duration) []float64 {
	points := f.Points(Window{w.From, w.To.Add(time.Nanosecond)})
	return stepped(points, 3*interval(points), w, step)
}

// stepped is the most calls in flight in each step. A sample holds until the next
// one, if that comes before it is stale.
func stepped(points []FlowPoint, stale time.Duration, w Window, step time.Duration) []float64 {
	values := nans(make([]float64, w.Steps(step)))
	i, _ := slices.BinarySearchFunc(points, w.From, compareAt)
	for n := range values {
		lo, hi := w.From.Add(time.Duration(n)*step), w.From.Add(time.Duration(n+1)*step)
		if i > 0 && lo.Sub(points[i-1].At) < stale {
			values[n] = points[i-1].InFlight // until the first sample of the step, or of a step with none
		}
		for first := true; i < len(points) && points[i].At.Before(hi); i++ {
			if first {
				values[n], first = points[i].InFlight, false
			}
			values[n] = max(values[n], points[i].InFlight)
		}
	}
	return values
}

// InFlightAt is the calls in flight at an instant, as the last sample before it
// has them: of the flow that InFlight shows. NaN when none is near, or nothing
// counts started calls.
func (v *View) InFlightAt(at time.Time) float64 {
	points, stale, _ := v.deepestPoints()
	i, same := slices.BinarySearchFunc(points, at, compareAt)
	if same {
		return points[i].InFlight
	}
	if i == 0 || at.Sub(points[i-1].At) >= stale {
		return math.NaN()
	}
	return points[i-1].InFlight
}

// MostInFlight is the most calls in flight at one instant of w, over the
// samples themselves, and when that was first seen; NaN without a sample.
func (v *View) MostInFlight(w Window) (most float64, at time.Time) {
	points, _, _ := v.deepestPoints()
	most, at = v.InFlightAt(w.From), w.From
	from, _ := slices.BinarySearchFunc(points, w.From, compareAt)
	for _, p := range points[from:] {
		if !p.At.Before(w.To) {
			break
		}
		if !(p.InFlight <= most) { // also when most is NaN
			most, at = p.InFlight, p.At
		}
	}
	if math.IsNaN(most) {
		return most, time.Time{}
	}
	return most, at
}

// deepestPoints are the samples of the flow that all of the evidence shows as
// the deepest, and how long a sample holds when none follows.
func (v *View) deepestPoints() (points []FlowPoint, stale time.Duration, ok bool) {
	v.flight.Do(func() {
		w := Window{v.Window.From, v.Window.To.Add(time.Nanosecond)} // with the last sample
		f, ok := v.Deepest(w)
		if ok {
			v.inFlight = f.Points(w)
		}
		v.counted = ok
	})
	return v.inFlight, 3 * interval(v.inFlight), v.counted
}

func compareAt(p FlowPoint, at time.Time) int { return p.At.Compare(at) }

// Deepest is the flow whose calls pile up in w, and of several that pile up
// the one whose callee calls none of the others.
func (v *View) Deepest(w Window) (Flow, bool) {
	flows := v.Flows()
	if len(flows) == 0 {
		return Flow{}, false
	}
	most := make([]float64, len(flows))
	top := 0.0
	for i, f := range flows {
		for _, p := range f.Points(w) {
			most[i] = max(most[i], p.InFlight)
		}
		top = max(top, most[i])
	}
	best := -1
	for i, f := range flows {
		if most[i] < top/50 || most[i] < min(top, 5) {
			continue
		}
		deeper := best < 0 || flows[best].Callee() == f.Caller
		shallower := best >= 0 && f.Callee() == flows[best].Caller
		if deeper || !shallower && most[i] > most[best] {
			best = i
		}
	}
	return flows[best], true
}

// interval is the usual distance of samples.
func interval(points []FlowPoint) time.Duration {
	if len(points) < 2 {
		return 0
	}
	gaps := make([]time.Duration, 0, len(points))
	for i := 1; i < len(points); i++ {
		gaps = append(gaps, points[i].At.Sub(points[i-1].At))
	}
	slices.Sort(gaps)
	return gaps[(len(gaps)-1)/2]
}
