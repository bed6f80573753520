package compare

import (
	"fmt"
	"math"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/sim/compare"
	"tripcurve/sim/output"
)

// gains are the measures beside the outage by which a remedy helps or harms, with
// the word for each.
var gains = []struct{ measure, word, unit string }{
	{"failed", "checkouts not served", ""},
	{"wait_p50_s", "median wait", "s"},
	{"wait_p99_s", "p99 wait", "s"},
	{"reads_failed", "failed reads of stock", ""},
	{"orphans", "orphan reservations", ""},
	{"connections_lost", "lost connections", ""},
	{compare.FalseTrips, "false trips on a healthy day", ""},
}

func mean(r compare.Row, measure string) float64 {
	f, _ := r.Figure(measure)
	return f.Mean
}

// effects says in a sentence what a remedy does to the incident.
func effects(c *compare.Comparison, r compare.Row) string {
	today := c.Rows[0]
	was, is := measured(mean(today, "outage_s"), "s"), measured(mean(r, "outage_s"), "s")
	switch {
	case r.Remedy.Name == today.Remedy.Name && r.Troubled == 0:
		return "Nothing fails."
	case r.Remedy.Name == today.Remedy.Name:
		return fmt.Sprintf("Checkouts fail for %s; %s.", was, ending(r))
	case r.Queue:
		return deferred(r)
	case r.Troubled == 0 && today.Troubled > 0:
		return "No checkout fails."
	}
	var parts []string
	switch c.Effect(r, "outage_s") {
	case compare.Better:
		parts = append(parts, fmt.Sprintf("Shortens the outage from %s to %s", was, is))
	case compare.Worse:
		parts = append(parts, fmt.Sprintf("Makes the outage longer: %s instead of %s", is, was))
	case compare.Alike:
		parts = append(parts, "Does not shorten the outage")
	case compare.Unsure:
		parts = append(parts, fmt.Sprintf("These runs do not say whether the outage is shorter (%s, today %s)", is, was))
	}
	var less, more []string
	for _, g := range gains {
		text := fmt.Sprintf("%s %s instead of %s", g.word, measured(mean(r, g.measure), g.unit), measured(mean(today, g.measure), g.unit))
		switch c.Effect(r, g.measure) {
		case compare.Better:
			less = append(less, text)
		case compare.Worse:
			more = append(more, text)
		case compare.Alike, compare.Unsure:
		}
	}
	if len(less) > 0 {
		parts = append(parts, "less: "+strings.Join(less, ", "))
	}
	if len(more) > 0 {
		parts = append(parts, "more: "+strings.Join(more, ", "))
	}
	if len(less)+len(more) == 0 && today.Troubled > 0 {
		parts = append(parts, "nothing else is surely better or worse than today")
	}
	return strings.Join(parts, "; ") + "."
}

// deferred says what a queue makes of the incident: its customers have their answer
// before the work is done.
func deferred(r compare.Row) string {
	s := "No checkout fails, for the answer comes before the work"
	if r.Troubled > 0 {
		s = figure(mean(r, "failed")) + " checkouts fail, though the answer comes before the work"
	}
	s += fmt.Sprintf(": up to %s orders wait, and ", figure(mean(r, "backlog")))
	switch half := r.Drain.Quantile(0.5, output.Level).Value; {
	case r.Drain.Censored == r.Drain.Cases:
		s += "nothing but the restart drains them"
	case math.IsInf(half, 0):
		s += fmt.Sprintf("they are drained without a restart in %d of %s", r.Drain.Cases-r.Drain.Censored, export.Plural(r.Drain.Cases, "run"))
	default:
		s += fmt.Sprintf("they are drained %s after the trigger's end in half of the runs", measured(half, "s"))
	}
	s += fmt.Sprintf("; for %s there is no way back to synchronous checkouts without a drain", measured(mean(r, "no_way_back_s"), "s"))
	if n := mean(r, "undone"); n > 0 {
		s += fmt.Sprintf("; %s accepted orders come to nothing", figure(n))
	}
	return s + "."
}

// ending says how the failing of a row ended.
func ending(r compare.Row) string {
	switch left := r.Recovery.Censored - r.Restarted; {
	case r.Troubled == 0:
		return "nothing fails"
	case r.Restarted == r.Troubled:
		return "nothing but the restart ends it"
	case r.Restarted > 0:
		return fmt.Sprintf("a restart ends it in %d of %s", r.Restarted, export.Plural(r.Troubled, "run"))
	case left > 0:
		return fmt.Sprintf("it does not end by itself in %d of %s", left, export.Plural(r.Troubled, "run"))
	}
	return "it ends by itself"
}

// says is what the whole comparison says.
func says(c *compare.Comparison) (lines []string) {
	today := c.Rows[0]
	if today.Troubled == 0 {
		return append(lines, "No checkout fails as it is, so there is nothing to remedy; the rows show what each would cost.")
	}
	if lock, ok := trigger(c.Scenario); ok {
		lines = append(lines, fmt.Sprintf("A lock of %s makes an outage of %s: %s.",
			measured(lock.Hold.Seconds(), "s"), measured(mean(today, "outage_s"), "s"), ending(today)))
	}
	lines = append(lines, outages(c)...)
	lines = append(lines, breakers(c)...)
	lines = append(lines, apart(c)...)
	if s := pairing(c); s != "" {
		lines = append(lines, s)
	}
	return lines
}

// outages says which remedies shorten the outage and what the others are good for.
func outages(c *compare.Comparison) (lines []string) {
	var short, not, unsure []string
	least, most, rest := math.Inf(1), 0.0, math.Inf(1)
	for _, r := range c.Rows[1:] {
		switch name := r.Remedy.Name; {
		case r.Queue:
			lines = append(lines, name+" takes the customers out of the incident and leaves the work in it. "+deferred(r))
		case r.Remedy.Prevents && r.Troubled == 0:
			lines = append(lines, name+" prevents this incident, and says nothing about the next one.")
		case c.Effect(r, "outage_s") == compare.Better:
			short = append(short, name)
			o := mean(r, "outage_s")
			least, most, rest = min(least, o), max(most, o), min(rest, mean(r, "failed"))
		case c.Effect(r, "outage_s") == compare.Unsure:
			unsure = append(unsure, name)
		default:
			not = append(not, name+" ("+helps(c, r)+")")
		}
	}
	if len(short) > 0 {
		s := fmt.Sprintf("The outage is shortened to %s by: %s.", between(least, most, "s"), strings.Join(short, ", "))
		if _, ok := trigger(c.Scenario); ok && rest > 0 {
			s += fmt.Sprintf(" Nobody can reserve while the lock is held, so %s checkouts or more fail under each of them.", measured(rest, ""))
		}
		lines = append(lines, s)
	}
	if len(not) > 0 {
		lines = append(lines, "It is not shortened by: "+strings.Join(not, ", ")+".")
	}
	if len(unsure) > 0 {
		lines = append(lines, fmt.Sprintf("%s of each are too few to say it of: %s.", export.Plural(c.Seeds, "run"), strings.Join(unsure, ", ")))
	}
	return lines
}

// helps is what a remedy is good for that does not shorten the outage.
func helps(c *compare.Comparison, r compare.Row) string {
	var good []string
	for _, g := range gains {
		if c.Effect(r, g.measure) == compare.Better {
			good = append(good, g.word)
		}
	}
	if len(good) == 0 {
		return "it helps nothing"
	}
	return "it only helps: " + strings.Join(good, ", ")
}

// breakers says how long breakers outlast the trigger, and what they are good for
// beside the remedy under which the fewest checkouts fail.
func breakers(c *compare.Comparison) (lines []string) {
	var parts, long, never []string
	idle := c.Scenario.World.IdleDrop.Seconds()
	for _, r := range c.Rows {
		half, most := r.Recovery.Quantile(0.5, output.Level).Value, r.Recovery.Quantile(0.95, output.Level).Value
		switch {
		case !r.Breaker || r.Troubled == 0:
		case math.IsInf(most, 0):
			never = append(never, fmt.Sprintf("%s (in %d of %d)", r.Remedy.Name, r.Troubled-r.Recovery.Censored, r.Troubled))
		case idle > 0 && half > idle:
			long = append(long, fmt.Sprintf("%s %s (%s)", r.Remedy.Name, measured(half, "s"), measured(most, "s")))
		default:
			parts = append(parts, fmt.Sprintf("%s %s (%s)", r.Remedy.Name, measured(half, "s"), measured(most, "s")))
		}
	}
	if len(parts) > 0 {
		lines = append(lines, "A breaker outlasts the trigger by up to one reset time, for it asks again only then. Half of the runs (95 %) "+
			"recover after: "+strings.Join(parts, ", ")+".")
	}
	if len(long) > 0 {
		lines = append(lines, fmt.Sprintf("Who lets nobody through for longer than the balancer keeps an idle flow (%s) comes back to a dead connection, "+
			"and recovers when TCP gives it up: ", measured(idle, "s"))+strings.Join(long, ", ")+".")
	}
	if len(never) > 0 {
		lines = append(lines, "A breaker does not end what outlasts the trigger on connections that it does not guard, or that it leaves idle. Not all "+
			"runs recover by themselves under: "+strings.Join(never, ", ")+".")
	}
	best, _, ok := c.Best("failed")
	if !ok || best.Breaker {
		return lines
	}
	parts = nil
	for _, r := range c.Rows[1:] {
		if r.Breaker && c.Versus(r, best, "failed") != compare.Better && c.Versus(r, best, "wait_p99_s") == compare.Better {
			parts = append(parts, fmt.Sprintf("%s (%s, %s)", r.Remedy.Name, figure(mean(r, "failed")), measured(mean(r, "wait_p99_s"), "s")))
		}
	}
	if len(parts) > 0 {
		lines = append(lines, fmt.Sprintf("A breaker does not lower the checkouts not served below those of %s (%s); what it lowers is the p99 wait (there %s): %s.",
			best.Remedy.Name, figure(mean(best, "failed")), measured(mean(best, "wait_p99_s"), "s"), strings.Join(parts, ", ")))
	}
	return lines
}

// pairing says what the common customers were worth.
func pairing(c *compare.Comparison) string {
	least, most := math.Inf(1), 0.0
	for _, r := range c.Rows[1:] {
		if f, _ := r.Figure("failed"); f.VersusNow.Reduction > 0 {
			least, most = min(least, f.VersusNow.Reduction), max(most, f.VersusNow.Reduction)
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf("That all meet the same customers was worth %s times as many runs for the differences in checkouts not served.", between(least, most, ""))
}

// apart says which remedies these replications do not tell apart from the best.
func apart(c *compare.Comparison) (lines []string) {
	for _, m := range []struct{ measure, best, unit string }{
		{"failed", "The fewest checkouts fail under", ""},
		{"outage_s", "The shortest outage is that of", "s"},
	} {
		best, alike, ok := c.Best(m.measure)
		if !ok {
			continue
		}
		s := fmt.Sprintf("%s %s (%s on average)", m.best, best.Remedy.Name, measured(mean(best, m.measure), m.unit))
		if len(alike) > 0 {
			var names []string
			for _, r := range alike {
				names = append(names, r.Remedy.Name)
			}
			s += "; not distinguished from it: " + strings.Join(names, ", ")
		}
		lines = append(lines, s+".")
	}
	return lines
}

// between is a range in one word where both ends read alike.
func between(lo, hi float64, unit string) string {
	a, b := measured(lo, unit), measured(hi, unit)
	if a == b {
		return a
	}
	return strings.TrimSuffix(a, " "+unit) + " to " + b
}

// figure prints a mean of counts: whole from 20 on.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case a != 0 && a < 0.05:
		return export.Number(v, 3)
	case a < 20:
		return export.Number(v, 1)
	}
	return export.Number(v, 0)
}

// measured is a figure with its unit; less than a second is told in milliseconds.
func measured(v float64, unit string) string {
	switch {
	case unit == "":
		return figure(v)
	case v != 0 && math.Abs(v) < 0.95:
		return export.Number(v*1000, 0) + " ms"
	}
	return figure(v) + " " + unit
}
