package scenario

import (
	"context"
	"strings"
	"testing"
	"time"
)

// A processor that is too slow for the load collapses under the tries that it calls
// forth, for work that nobody waits for goes on; cancelled with its caller, or with a
// second core, it holds.
func TestProcessor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings []string
		collapse bool
	}{
		// 3 calls a second of 0.3 s each are 0.9 of one core.
		{"one core, 30 % idle", []string{"cpu.inventory.work=exponential:230ms", "cpu.inventory.cores=1"}, false},
		{"one core, too little", []string{"cpu.inventory.work=exponential:400ms", "cpu.inventory.cores=1"}, true},
		{"two cores", []string{"cpu.inventory.work=exponential:400ms", "cpu.inventory.cores=2"}, false},
		{"two replicas", []string{"cpu.inventory.work=exponential:400ms", "cpu.inventory.cores=1", "world.inventory_replicas=2"}, false},
		{"as many cores as it takes", []string{"cpu.inventory.work=exponential:400ms"}, false},
		{"slower for two minutes", []string{"cpu.inventory.work=exponential:200ms", "cpu.inventory.cores=1", "fault=slow service=inventory at=2m for=2m factor=5"}, true},
		{"the same cancelled", []string{"cpu.inventory.work=exponential:200ms", "cpu.inventory.cores=1", "fault=slow service=inventory at=2m for=2m factor=5", "*.cancel=propagate"}, false},
	} {
		r := runOf(t, healthyWith(t, append(c.settings, "length=14m")...), Observers{})
		late := 0
		for i := 12 * 60; i < len(r.Started); i++ {
			late += r.Failed[i] + r.Late[i]
		}
		if collapsed := late > 80; collapsed != c.collapse {
			t.Errorf("%s: %d checkouts failed in the last two minutes, %d in all", c.name, late, r.Orders.Failed)
		}
	}
}

// The time that a call takes is that of its work where nothing else bounds it.
func TestWorkOfConstantTime(t *testing.T) {
	t.Parallel()
	plain := runOf(t, healthyWith(t), Observers{})
	r := runOf(t, healthyWith(t, "cpu.payment.work=50ms", "cpu.order.work=20ms", "world.statements=1ms"), Observers{})
	// A checkout is order's 20 ms, inventory's statements, payment's 50 ms.
	if p50 := r.Waits.P50; p50 < 75*time.Millisecond || p50 > 90*time.Millisecond {
		t.Errorf("the median checkout takes %s, without the work %s", p50, plain.Waits.P50)
	}
}

func TestProcessorsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ setting, want string }{
		{"cpu.gateway.work=1ms", `no setting "cpu.gateway.work"`},
		{"cpu.order.cores=100001", "processor of order with 100001 cores: expected 1 to 100000"},
		{"cpu.order.work=fast", "cpu.order.work: \"fast\" is not a distribution"},
		{"world.statements=pareto:0s:1", "expected both above 0"},
	} {
		sc := Healthy()
		err := Set(&sc, c.setting)
		if err == nil {
			_, err = Run(context.Background(), sc, Observers{})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %s", c.setting, err, c.want)
		}
	}
}
