package scenario

import (
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim"
)

// meter is the host.Meter of a run. What it is told of breakers becomes their
// tracks; the rest is counted by the record itself.
type meter struct {
	r       *run
	replica string // whose it is, where there are several; else empty
}

// Count hears of circuit.<edge>.open, half_open, close and reject.
func (m *meter) Count(name string, n int64, _ ...string) {
	rest, ok := strings.CutPrefix(name, "circuit.")
	if !ok || n == 0 {
		return
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 {
		return
	}
	var state policy.State
	switch rest[dot+1:] {
	case "open":
		state = policy.Open
	case "half_open":
		state = policy.HalfOpen
	case "close":
		state = policy.Closed
	default:
		return
	}
	m.r.breaker(rest[:dot], m.replica, state)
}

// Observe is not needed: the record has every duration.
func (m *meter) Observe(string, time.Duration, ...string) {}

func (r *run) breaker(edge, replica string, state policy.State) {
	at := r.w.Now()
	change := sim.BreakerChange{At: at, State: state}
	r.event("breaker", "breaker "+of(edge, replica)+" is "+state.String())
	for i := range r.rec.breakers {
		if b := &r.rec.breakers[i]; b.Edge == edge && b.Replica == replica {
			b.Changes = append(b.Changes, change)
			return
		}
	}
	r.rec.breakers = append(r.rec.breakers, sim.BreakerTrack{Edge: edge, Replica: replica, Changes: []sim.BreakerChange{change}})
}
