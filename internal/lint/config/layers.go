package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats/trap"
)

// The rules about several boundaries, of one file or of several: a call passes
// through all of them.
var (
	aboveCallers = Rule{"policy/deadline-above-callers", trap.Warning, "a call may take longer than its caller's caller waits: the work goes on for nobody"}
	outlive      = Rule{"policy/retries-outlive-caller", trap.Warning, "the attempts of a call together take longer than its caller's caller waits"}
	times        = Rule{"policy/retries-times-layers", trap.Warning, "attempts multiply from layer to layer"}
)

// between looks at all boundaries together.
func between(all []boundary) []Finding {
	var findings []Finding
	to := map[string][]boundary{}
	for _, b := range all {
		to[b.callee] = append(to[b.callee], b)
	}
	for _, b := range all {
		if b.caller == "" {
			continue
		}
		for _, outer := range to[b.caller] {
			findings = append(findings, nested(outer, b)...)
		}
	}
	return append(findings, multiplied(all)...)
}

// nested compares a boundary with the one around it.
func nested(outer, b boundary) []Finding {
	switch allowed := outer.limit(); {
	case allowed == 0 || b.limit() == 0: // said as a missing time limit
		return nil
	case b.limit() > allowed:
		return []Finding{b.finding(aboveCallers, sprint("a time limit of %s inside %s's %s", b.limit(), outer.name, allowed),
			"the work goes on after the one who asked for it has given up", sprint("write less than %s", allowed))}
	case b.attempts() > 1 && b.longest() > allowed:
		return []Finding{b.finding(outlive, sprint("%d attempts take up to %s inside %s's %s", b.attempts(), b.longest().Round(time.Millisecond), outer.name, allowed),
			"the last attempts are made for nobody", "make fewer attempts or shorten the limit of one")}
	default:
		return nil
	}
}

// multiplied are the callees that several layers retry.
func multiplied(all []boundary) []Finding {
	var findings []Finding
	to := map[string][]boundary{}
	for _, b := range all {
		to[b.callee] = append(to[b.callee], b)
	}
	for _, callee := range slices.Sorted(maps.Keys(to)) {
		w := ways{to, mostSteps}
		layers := w.retrying(callee, map[string]bool{})
		if len(layers) < 2 {
			continue
		}
		var words []string
		for _, l := range layers {
			words = append(words, sprint("%s makes %d (%s)", l.name, l.attempts(), l.file))
		}
		last := layers[len(layers)-1]
		upTo := "up to"
		if w.left < 0 {
			upTo = "more ways than were looked at, and on one of them"
		}
		findings = append(findings, last.finding(times, sprint("%s %d calls to %s for one request", upTo, product(layers), callee),
			"attempts multiply from layer to layer: "+strings.Join(words, ", "), "retry in one layer only, or bound all of them by a budget"))
	}
	return findings
}

// ways looks for the ways of a request to a callee.
type ways struct {
	to   map[string][]boundary // by callee
	left int                   // steps that may still be made
}

// mostSteps are made for one callee. The longest way through a graph cannot be found
// otherwise than by trying all of them: nine services that all call each other have
// more than a hundred thousand.
const mostSteps = 10_000

// retrying are the layers with retries and no budget for them on the way to a callee, outermost first: of
// several callers the one whose way has the most attempts, as far as the steps go.
func (w *ways) retrying(callee string, seen map[string]bool) []boundary {
	if w.left--; w.left < 0 || seen[callee] {
		return nil
	}
	seen[callee] = true
	defer delete(seen, callee)
	callers := map[string]bool{"": true}
	for _, b := range w.to[callee] {
		callers[b.caller] = true
	}
	var best []boundary
	for _, caller := range slices.Sorted(maps.Keys(callers)) {
		var way []boundary
		if caller != "" {
			way = w.retrying(caller, seen)
		}
		for _, b := range w.to[callee] {
			if (b.caller == caller || b.caller == "") && b.attempts() > 1 && b.neutral.Retry.Budget == 0 {
				way = append(way, b)
			}
		}
		if product(way) > product(best) {
			best = way
		}
	}
	return best
}

// mostCalls is where counting ends.
const mostCalls = 1_000_000_000

func product(way []boundary) int {
	n := 1
	for _, b := range way {
		if n *= b.attempts(); n > mostCalls {
			return mostCalls
		}
	}
	return n
}
