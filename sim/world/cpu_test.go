package world

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// When jobs end that come at an instant and take a time of one core, by how many
// cores there are.
func TestCPU(t *testing.T) {
	type job struct {
		at, takes, patience time.Duration
		ends                string
	}
	for _, c := range []struct {
		name  string
		cores int
		jobs  []job
	}{
		{"alone", 1, []job{{0, 3 * second, 0, "3s"}}},
		// From 1 s on both have half of it: the second ends at 3 s, the first at 4 s.
		{"two on one core", 1, []job{{0, 3 * second, 0, "4s"}, {1 * second, 1 * second, 0, "3s"}}},
		{"two on two cores", 2, []job{{0, 3 * second, 0, "3s"}, {1 * second, 1 * second, 0, "2s"}}},
		// Three have two thirds of a core each until 1.5 s, then the others one each.
		{"three on two cores", 2, []job{{0, 1 * second, 0, "1.5s"}, {0, 2 * second, 0, "2.5s"}, {0, 2 * second, 0, "2.5s"}}},
		{"alike", 1, []job{{0, 1 * second, 0, "3s"}, {0, 1 * second, 0, "3s"}, {0, 1 * second, 0, "3s"}}},
		// The second leaves after 2 s, of which it had half: the first had one second then.
		{"one gives up", 1, []job{{0, 3 * second, 0, "4s"}, {0, 9 * second, 2 * second, "2s context deadline exceeded"}}},
		{"idle between", 1, []job{{0, 1 * second, 0, "1s"}, {5 * second, 1 * second, 0, "6s"}}},
		{"nothing to do", 1, []job{{1 * second, 0, 0, "1s"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := vtime.New(began)
			defer k.Close()
			cpu := NewCPU(k, c.cores)
			var want []string
			got := make([]string, len(c.jobs))
			for i, j := range c.jobs {
				want = append(want, j.ends)
				k.StartAfter(j.at, nil, vtime.Func(func() {
					var v *vtime.Context
					if j.patience > 0 {
						v = k.WithTimeout(context.Background(), j.patience)
					}
					err := cpu.Work(v, j.takes)
					got[i] = time.Duration(k.Now()).String()
					if err != nil {
						got[i] += " " + err.Error()
					}
				}))
			}
			if err := k.Run(t.Context(), vtime.Time(100*second)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if cpu.Jobs() != 0 {
				t.Errorf("%d jobs are left", cpu.Jobs())
			}
		})
	}
}

// A service's processor is shared by its calls, and a restart frees it.
func TestCompute(t *testing.T) {
	s := newScene(t, ConnOptions{})
	s.server.Compute(sim.Fixed(time.Second), 1)
	s.call(0, "0s", 0)
	s.call(0, "1s", 0)
	s.call(0, "2s", 1500*time.Millisecond) // its deadline leaves the core to the others
	s.call(10*second, "0s", 0)
	s.at(10500*time.Millisecond, func() { _ = s.server.Restart() })
	s.call(11*second, "3s", 0)
	s.run(20*second,
		"1.500 2s: DeadlineExceeded", "2.520 0s: res_0s", "3.520 1s: res_1s",
		"10.500 world: restart", "10.500 0s: Unavailable", "15.020 3s: res_3s")
	if n := s.server.CPU().Jobs(); n != 0 {
		t.Errorf("%d jobs are left", n)
	}

	free := newScene(t, ConnOptions{})
	free.server.Compute(sim.Fixed(time.Second), 0) // as many cores as it takes
	for i := range 3 {
		free.call(0, fmt.Sprintf("%ds", i), 0)
	}
	free.run(20*second, "1.020 0s: res_0s", "2.020 1s: res_1s", "3.020 2s: res_2s")
}
