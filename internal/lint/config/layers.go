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
	for _, b := range all {
		for _, outer := range all {
			if outer.callee == b.caller && b.caller != "" {
				findings = append(findings, nested(outer, b)...)
			}
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
	callees := map[string]bool{}
	for _, b := range all {
		callees[b.callee] = true
	}
	for _, callee := range slices.Sorted(maps.Keys(callees)) {
		layers := retrying(all, callee, map[string]bool{})
		if len(layers) < 2 {
			continue
		}
		product := 1
		var words []string
		for _, l := range layers {
			product *= l.attempts()
			words = append(words, sprint("%s makes %d (%s)", l.name, l.attempts(), l.file))
		}
		last := layers[len(layers)-1]
		findings = append(findings, last.finding(times, sprint("up to %d calls to %s for one request", product, callee),
			"attempts multiply from layer to layer: "+strings.Join(words, ", "), "retry in one layer only, or bound all of them by a budget"))
	}
	return findings
}

// retrying are the layers with retries and no budget for them on the way to a callee, outermost first: of
// several callers the one whose way has the most attempts.
func retrying(all []boundary, callee string, seen map[string]bool) []boundary {
	if seen[callee] {
		return nil
	}
	seen[callee] = true
	defer delete(seen, callee)
	callers := map[string]bool{"": true}
	for _, b := range all {
		if b.callee == callee {
			callers[b.caller] = true
		}
	}
	var best []boundary
	for _, caller := range slices.Sorted(maps.Keys(callers)) {
		var way []boundary
		if caller != "" {
			way = retrying(all, caller, seen)
		}
		for _, b := range all {
			if b.callee == callee && (b.caller == caller || b.caller == "") && b.attempts() > 1 && b.neutral.Retry.Budget == 0 {
				way = append(way, b)
			}
		}
		if product(way) > product(best) {
			best = way
		}
	}
	return best
}

func product(way []boundary) int {
	n := 1
	for _, b := range way {
		n *= b.attempts()
	}
	return n
}
