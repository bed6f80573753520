package trap

import (
	"fmt"
	"slices"
	"time"
)

const (
	// leastRounds is how many times the replicas must have probed together.
	leastRounds = 2
	// together is the share of the open time within which probes count as one burst: a
	// second of half a minute.
	together = 30
	// most of the replicas must be in the burst, as a share.
	crowd = 2.0 / 3
)

// lockstep is replicas whose breakers opened by the same failure and probe at the
// same time ever after: the callee gets a burst of calls, and none in between.
func lockstep(n *night) *Trap {
	edges := map[string][][]spell{}
	var names []string
	for _, b := range n.Breakers {
		if b.Replica == "" {
			continue
		}
		if edges[b.Edge] == nil {
			names = append(names, b.Edge)
		}
		edges[b.Edge] = append(edges[b.Edge], spells(b))
	}
	for _, edge := range names {
		if t := inLockstep(edge, edges[edge]); t != nil {
			return t
		}
	}
	return nil
}

func inLockstep(edge string, replicas [][]spell) *Trap {
	all := len(replicas)
	if all < 2 || len(replicas[0]) == 0 || replicas[0][0].probe.IsZero() {
		return nil
	}
	open := replicas[0][0].length()
	var bursts []int // the largest of each round
	var at time.Time
	for round := 0; ; round++ {
		probes := probesOf(replicas, round)
		if len(probes) < all { // the first one has closed, or the run is over
			break
		}
		if round == 0 {
			at = probes[0]
		}
		bursts = append(bursts, burst(probes, open/together))
	}
	if len(bursts) < leastRounds {
		return nil
	}
	rounds := len(bursts)
	slices.Sort(bursts)
	middle := bursts[rounds/2]
	if float64(middle) < crowd*float64(all) {
		return nil
	}
	return &Trap{
		ID: "lockstep_probes", Edge: edge, At: at,
		Text: fmt.Sprintf("the breakers of %s on %d of %d replicas probed within %s of each other, %s, each time after %s in which none did",
			edge, middle, all, whole(open/together), times(rounds), whole(open)),
		Why: "one failure opened them all, and they count the same time from it; the callee is tried by all of them or by none",
		Way: "open times that differ between the replicas, or a library whose open time is drawn (Linkerd's has jitter)",
	}
}

// probesOf is when each replica that did let a probe through in a round, in order.
func probesOf(replicas [][]spell, round int) (at []time.Time) {
	for _, list := range replicas {
		if round < len(list) && !list[round].probe.IsZero() {
			at = append(at, list[round].probe)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// burst is the most of the instants, which are in order, within so long.
func burst(at []time.Time, within time.Duration) (most int) {
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) > within {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
