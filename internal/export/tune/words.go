package tune

import (
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/policy"
	"tripcurve/sim/output"
	"tripcurve/sim/tune"
)

// shown is a point's values in words.
func shown(r *tune.Result, p tune.Point) string {
	switch {
	case p.Name != "" && p.Policy.Breaker.Library == "":
		return alone(p)
	case p.Name == tune.Postmortem:
		return "opossum, timeout 5000 ms, errorThresholdPercentage 50 %, resetTimeout 30000 ms"
	case p.Name != "" && p.Policy.Breaker.Library != r.Library.Name:
		return p.Policy.Breaker.Library + " as the edge has it"
	}
	if text := r.Space.Show(p.Policy); text != "" {
		return text
	}
	return "as choosing " + r.Library.Name + " writes it"
}

// alone is a policy without a breaker.
func alone(p tune.Point) string {
	return strings.Join(append([]string{"no breaker"}, guards(p)...), ", ")
}

// guards are what an edge has beside a breaker.
func guards(p tune.Point) (parts []string) {
	for _, name := range []string{"timeout", "deadline", "cancel", "attempts"} {
		var none policy.Policy
		unset, _ := none.Get(name)
		if v, err := p.Policy.Get(name); err == nil && v != unset {
			parts = append(parts, name+" "+v)
		}
	}
	return parts
}

// Figure is one objective's value for people.
func Figure(objective int, v float64) string {
	switch objective {
	case tune.NotServed, tune.Load:
		return export.Number(v, 2)
	case tune.Wait, tune.Recovery:
		return export.Number(v, 1) + " s"
	case tune.FalseTrips:
		return export.Number(v, 2)
	default:
		return export.Number(100*v, 2) + " %"
	}
}

// Named is an objective's name for people.
func Named(objective int) string { return short[objective] }

// short names the objectives, with what they are counted in.
var short = [...]string{
	tune.NotServed: "not served", tune.Wait: "wait p99", tune.Load: "load", tune.FalseTrips: "false trips/day",
	tune.HealthyLost: "healthy lost", tune.Recovery: "recovery",
}

// says is what the figures mean, in sentences.
func says(r *tune.Result) (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.Interrupted {
		add("Interrupted (%s): this is the best of what had been seen by then, on the runs that it was chosen by. --resume FILE goes on.", r.Stage)
	}
	if r.Chosen == nil {
		add("Nothing is recommended: of the %d settings of %s that were tried, none recovers in enough runs for a probability of %g %% (lower bound).%s",
			r.Tried, r.Library.Name, 100*tune.Enough, where(r))
	} else {
		add("%s", chosen(r))
	}
	if !r.Sees {
		add("%s cannot see a hang: it has no time limit of its own on a call, and %s has none either, so a call that hangs never ends and is never counted. --call deadline searches one with it.",
			r.Library.Name, r.Problem.Edge)
	}
	if !r.Opens {
		add("%s has no circuit breaker: what was searched are its time limit and its retries.", r.Library.Name)
	}
	if s := withoutOne(r); s != "" {
		add("%s", s)
	}
	if r.Chosen != nil {
		for _, b := range r.Baselines {
			add("%s", versus(r, b))
		}
	}
	return all
}

// where is in which cases the best finalist does not recover.
func where(r *tune.Result) string {
	if len(r.Finalists) == 0 {
		return ""
	}
	var parts []string
	best := r.Finalists[0]
	for i, c := range best.Cases {
		if c.Recovered < c.Runs {
			parts = append(parts, fmt.Sprintf("%s (%d of %d runs recovered)", r.Problem.Cases[i].Name, c.Recovered, c.Runs))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " The best of them fails in " + strings.Join(parts, ", ") + "."
}

// chosen is the chosen point in one sentence, with the runner-up.
func chosen(r *tune.Result) string {
	c := *r.Chosen
	what := "the one that recovers"
	if r.Interrupted && !c.Holds {
		what = "the best so far, though too few runs say that it recovers"
	}
	s := fmt.Sprintf("%s: of %s it is %s (%d of %d runs, %s), trips %s times a day for nothing, and leaves the fewest %s unserved (%s for each that comes while the trigger lasts, 99 %% of them waiting %s at most)",
		shown(r, c), export.Plural(r.Tried, "setting"), what, c.Recovered, c.Tried, bound(c), Figure(tune.FalseTrips, c.Mean[tune.FalseTrips]),
		r.Problem.Requests, Figure(tune.NotServed, c.Mean[tune.NotServed]), Figure(tune.Wait, c.Mean[tune.Wait]))
	switch {
	case r.Interrupted:
		return s + "."
	case r.Runner == nil:
		return s + "; there is no runner-up that recovers."
	}
	return s + "; the runner-up is " + shown(r, *r.Runner) + difference(c, *r.Runner) + "."
}

// bound is the constraint in words.
func bound(p tune.Point) string {
	return fmt.Sprintf("at least %s %%", export.Number(100*output.Share(p.Recovered, p.Tried, output.Level).Lo, 1))
}

// difference is in what two points differ surely.
func difference(a, b tune.Point) string {
	var parts []string
	for i, v := range tune.Versus(b, a, 1) {
		if v.Means != 0 {
			parts = append(parts, fmt.Sprintf("%s %s instead of %s", short[i], Figure(i, b.Mean[i]), Figure(i, a.Mean[i])))
		}
	}
	if len(parts) == 0 {
		return ", which the runs do not tell apart from it"
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// withoutOne says whether no breaker at all is better.
func withoutOne(r *tune.Result) string {
	none, ok := r.Baseline(tune.NoBreaker)
	if today, there := r.Baseline(tune.Today); !ok && there {
		none, ok = today, today.Policy.Breaker.Library == "" // nothing else is its time limit
	}
	if !ok || r.Chosen == nil || !none.Holds || tune.Better(*r.Chosen, none) {
		return ""
	}
	limits := "nothing else"
	if g := guards(none); len(g) > 0 {
		limits = "its limits alone (" + strings.Join(g, ", ") + ")"
	}
	verdict := "A breaker gains nothing here"
	if slices.ContainsFunc(tune.Versus(none, *r.Chosen, 1), func(v tune.Verdict) bool { return v.Means != 0 }) {
		verdict = "No breaker is better here"
	}
	return fmt.Sprintf("%s: with %s %s recovers too (%d of %d runs), and %s. What is recommended is the best setting of %s, not better than none.",
		verdict, limits, r.Problem.Edge, none.Recovered, none.Tried, gains(none, *r.Chosen, "the best setting"), r.Library.Name)
}

// versus is what the chosen setting gains and loses against a baseline.
func versus(r *tune.Result, b tune.Point) string {
	name := b.Name
	switch b.Name {
	case tune.Today:
		name = r.Problem.Edge + " as it is today"
	case tune.Postmortem:
		name = "the postmortem's 5 s / 50 % / 30 s (opossum)"
	case tune.NoBreaker:
		name = "the same without its breaker (" + alone(b) + ")"
	}
	s := "Against " + name + ": " + gains(*r.Chosen, b, "that one")
	if !b.Holds {
		s += fmt.Sprintf("; that one recovers in %d of %d runs only", b.Recovered, b.Tried)
	}
	return s + "."
}

// gains is in what a is better and worse than b.
func gains(a, b tune.Point, other string) string {
	var better, worse []string
	for i, v := range tune.Versus(a, b, 1) {
		part := fmt.Sprintf("%s %s, not %s", short[i], Figure(i, a.Mean[i]), Figure(i, b.Mean[i]))
		if v.Relative != 0 && v.Relative > -1 && v.Relative < 10 {
			part += fmt.Sprintf(" (%+.0f %%)", 100*v.Relative)
		}
		switch v.Means {
		case -1:
			better = append(better, part)
		case 1:
			worse = append(worse, part)
		}
	}
	switch {
	case len(better) == 0 && len(worse) == 0:
		return "it is not told apart from " + other + " in anything"
	case len(worse) == 0:
		return "it gains in " + strings.Join(better, ", ") + ", and loses in nothing"
	case len(better) == 0:
		return "it gains in nothing, and loses in " + strings.Join(worse, ", ")
	}
	return "it gains in " + strings.Join(better, ", ") + ", and loses in " + strings.Join(worse, ", ")
}
