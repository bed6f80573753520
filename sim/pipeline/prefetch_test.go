package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"tripcurve/sim/vtime"
)

// TestPrefetchChangesNothing: whatever is read, of objects in use and of those that are
// not, the answers are the same as without.
func TestPrefetchChangesNothing(t *testing.T) {
	for seed := range uint64(30) {
		p := randomPipeline(seed)
		if Check(p) != nil {
			continue
		}
		run := func(fetch bool) string {
			var log strings.Builder
			var m *machine
			m, err := newMachine(p, Options{OnRequest: func(a Answer) {
				fmt.Fprintln(&log, a)
				if fetch {
					m.Prefetch(everything(m))
				}
			}})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			defer m.k.Close()
			if err := m.k.Run(context.Background(), vtime.Time(p.Length)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if fetch && m.fetch.read == 0 {
				t.Errorf("seed %d: nothing was read", seed)
			}
			return log.String()
		}
		if run(true) != run(false) {
			t.Errorf("seed %d: what was read made a difference", seed)
		}
	}
}

// everything is an event of every object that there is or was.
func everything(m *machine) (all []vtime.Posted) {
	for kind, n := range map[uint32]int32{evFrame: m.frames.n, evArrive: m.tries.n, evUser: m.sessions.n} {
		for i := range n {
			all = append(all, vtime.Posted{Op: event(kind, 0), Arg: uint32(i)})
		}
	}
	return all
}
