package tune

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim/curve"
	"tripcurve/tui/behind"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Behind is what the numbers and the curve were worked out from: which runs of which
// scenario with which settings, and the command that makes the same runs elsewhere.
func (s *Screen) Behind() (title string, parts []screen.Part) {
	sc := s.opt.Scenario
	parts = []screen.Part{{Head: "simulated: " + redact.Line(sc.Name), Text: s.runsBehind()}}
	if p, ok := s.knobBehind(); ok {
		parts = append(parts, p)
	}
	settings := func(name string, edges policy.Edges) {
		sets := edges.Since(sc.Edges)
		p := behind.Command(name, "as it was in "+redact.Line(sc.Name), s.simulated(sc.Seed), behind.Sets(sets)...)
		if len(sets) > 0 {
			p.Text = "what " + redact.Line(sc.Name) + " was, but for the values below"
		}
		p.Text += "; this prints the run of the curve:"
		parts = append(parts, p)
	}
	settings("this", s.edges)
	if s.runs.kept {
		settings("kept, what this is compared with", s.runs.scenario.Edges)
	} else if !s.asItWas() {
		settings("now, what this is compared with", sc.Edges)
	}
	parts = append(parts, s.tripBehind()...)
	if s.sweeps.found != nil {
		parts = append(parts, s.sweepBehind())
	}
	if len(sc.Assumed) > 0 {
		parts = append(parts, screen.Part{Head: "assumed, for nobody measured or stated it", Text: redact.Flat(strings.Join(sc.Assumed, "; "))})
	}
	if s.ours() {
		checkouts := incident.Endpoint{Method: "POST", Route: "/api/orders"}
		for _, p := range behind.Counted(s.View, s.window(), func(b incident.Bucket) bool { return b.Endpoint == checkouts && b.Failed() }) {
			p.Head = "log, the dotted curve: " + p.Head
			parts = append(parts, p)
		}
	}
	return "what stands behind the numbers of Tune", parts
}

// sweepBehind is what the last sweep searched, with the command that finds the same.
func (s *Screen) sweepBehind() screen.Part {
	r, o := s.sweeps.found, s.sweeps.found.Options
	said := fmt.Sprintf("%s, %s, %s of each in each case.", text.Plural(o.Configs, "setting"), text.Plural(o.Finalists, "finalist"), text.Plural(o.Seeds, "run"))
	if r.Interrupted {
		said += " It was ended before its time, with the best so far."
	}
	said += " This finds the same, and holds the chosen one against others:"
	words := []string{
		"tune", s.opt.Scenario.Name, "--for", r.Library.Name, "--edge", r.Problem.Edge, "--seed", strconv.FormatUint(o.Seed, 10),
		"--configs", strconv.Itoa(o.Configs), "--finalists", strconv.Itoa(o.Finalists), "--seeds", strconv.Itoa(o.Seeds),
	}
	return behind.Command("sweep of "+r.Problem.Edge, said, words, behind.Sets(s.sweeps.sets)...)
}

// simulated are the words of the command that makes one run.
func (s *Screen) simulated(seed uint64) []string {
	return []string{"simulate", s.opt.Scenario.Name, "--seed", strconv.FormatUint(seed, 10), "--seeds", "0"}
}

// runsBehind says which runs the curve and the numbers are.
func (s *Screen) runsBehind() string {
	sc, r := s.opt.Scenario, &s.runs
	said := fmt.Sprintf("%s from %s on. The curve is the run with seed %d", text.Dur(sc.Length), sc.Start.UTC().Format("2006-01-02 15:04:05Z"), r.seeds[0])
	switch now, _ := r.compared(); {
	case len(now) > 1:
		said += fmt.Sprintf("; the numbers are the means of those with the seeds %s, and the range is over them. The same seed is the same customers on both sides.", seedsText(r.seeds))
	case len(now) == 1:
		said += ", and so are the numbers."
	default:
		said += "; no run has ended yet."
	}
	if _, this := r.shown(); !r.fresh() && this != nil && this == r.draft {
		said += fmt.Sprintf(" So far this is a part of it, from %s to %s, without the reads of orders.", text.Clock(this.Start), text.Clock(this.Start.Add(this.Length)))
	}
	return said
}

func seedsText(seeds []uint64) string {
	list := make([]string, len(seeds))
	for i, s := range seeds {
		list[i] = strconv.FormatUint(s, 10)
	}
	return strings.Join(list, ", ")
}

// knobBehind is the selected knob: what it does, where it stands and where it stood.
func (s *Screen) knobBehind() (screen.Part, bool) {
	r := s.focused()
	if r.edge || r.lost || r.field.Name == "" {
		return screen.Part{}, false
	}
	f := r.field
	said := f.Help + ": it is " + orNone(value(f, s.policy()))
	if changed(f, s.now(), s.policy()) {
		said += ", and was " + orNone(value(f, s.now()))
	}
	if own, ok := s.libraryOwn(f); ok {
		said += "; the library's own default is " + orNone(own)
	}
	return screen.Part{Head: s.edgeName() + "." + f.Name, Text: redact.Flat(said)}, true
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// tripBehind is what the trip curves that are shown were computed from, with the
// commands that compute them.
func (s *Screen) tripBehind() []screen.Part {
	if s.picture == front || !s.layout(s.W, s.H).trips(s.picture) || len(s.trips.shown.settings) == 0 {
		return nil
	}
	o := tripOptions(s.trips.shown.rate)
	parts := []screen.Part{{Head: "trip curve of " + s.edgeName(), Text: fmt.Sprintf(
		"The breaker's machine alone, with %s calls a second as on a healthy day, at %d failing shares, %d runs of %s each; false trips over %s with %s failing.",
		text.Number(o.Rate), len(o.Shares), o.Seeds, text.Dur(o.Horizon), text.Dur(o.HealthyLength), text.Percent(tripHealthy))}}
	for _, set := range s.trips.shown.settings {
		words, sets := tripCommand(set, o)
		parts = append(parts, behind.Command("trip curve, "+set.Name, "all its points:", words, behind.Sets(sets)...))
	}
	return parts
}

// tripCommand are the words of the command that computes the curve of a setting, and the
// values that it sets.
func tripCommand(s curve.Setting, o curve.Options) (words, sets []string) {
	words = []string{
		"curve", "--for", s.Library, "--own", "--rate", strconv.FormatFloat(o.Rate, 'g', -1, 64), "--timeout", o.Timeout.String(),
		"--horizon", o.Horizon.String(), "--points", strconv.Itoa(len(o.Shares)), "--healthy-length", o.HealthyLength.String(),
	}
	for _, h := range o.Healthy {
		words = append(words, "--healthy", strconv.FormatFloat(h, 'g', -1, 64))
	}
	if s.Timeout > 0 {
		words = append(words, "--deadline", s.Timeout.String())
	}
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		sets = append(sets, s.Library+"."+name+"="+s.Params[name])
	}
	return words, sets
}

var _ screen.Sourcer = (*Screen)(nil)
