package world

import (
	"testing"

	"tripcurve/sim"
)

// Which of three replicas a call goes to, call after call, by how many calls each has
// open and whether its connection is up.
func TestBalanced(t *testing.T) {
	type step struct {
		open [3]int
		down string // the replicas whose connections are being made
		dead string // those that could not be connected to
		want int
	}
	for _, c := range []struct {
		how   sim.Balance
		steps []step
	}{
		{sim.RoundRobin, []step{
			{want: 1},
			{open: [3]int{0, 9, 0}, want: 2}, // it does not count
			{want: 3},
			{want: 1},
			{down: "2", want: 3}, // passed over
			{down: "1", want: 2},
			{down: "123", want: 3}, // none is up: the call waits at whose turn it is
			{want: 1},
			{down: "123", dead: "2", want: 3},
			{down: "123", dead: "12", want: 3},
			{down: "123", dead: "123", want: 1}, // and fails
		}},
		{sim.LeastRequests, []step{
			{want: 1}, // of equals the first after the one taken last
			{open: [3]int{1, 0, 0}, want: 2},
			{open: [3]int{1, 1, 0}, want: 3},
			{open: [3]int{1, 1, 1}, want: 1},
			{open: [3]int{2, 1, 1}, want: 2},
			{open: [3]int{2, 0, 1}, want: 2}, // again
			{open: [3]int{2, 0, 1}, down: "2", want: 3},
			{open: [3]int{2, 0, 1}, down: "123", want: 1},
		}},
	} {
		conns := []*Conn{{}, {}, {}}
		b := NewBalanced(conns, c.how)
		for i, s := range c.steps {
			for j, conn := range conns {
				conn.open.n, conn.ready, conn.failing = s.open[j], true, nil
			}
			for _, r := range s.down {
				conns[r-'1'].ready = false
			}
			for _, r := range s.dead {
				conns[r-'1'].failing = refused
			}
			if got := b.choose(); got != conns[s.want-1] {
				t.Errorf("%s, call %d: not to replica %d", c.how, i+1, s.want)
			}
		}
	}
}
