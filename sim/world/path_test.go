package world

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/services/pb"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// newPathScene is a scene whose connection's path can be blocked.
func newPathScene(t *testing.T, o ConnOptions) *scene {
	s := newScene(t, o)
	s.conn.Path()
	return s
}

// block lets the path swallow what is sent between two instants.
func (s *scene) block(from, to time.Duration, server, client bool) {
	s.at(from, func() { s.conn.Block(vtime.Time(to), server, client) })
}

const second = time.Second

// A path on which nothing is wrong is the plain delay.
func TestPlainPath(t *testing.T) {
	s := newPathScene(t, ConnOptions{})
	s.call(0, "50s", 0)
	s.call(0, "1s", 500*time.Millisecond)
	s.run(100*second, "0.500 1s: DeadlineExceeded", "0.510 server: context deadline exceeded", "50.020 50s: res_50s")
}

// What a black hole swallows is sent again 0.2 s, 0.6 s, 1.4 s, 3 s, 6.2 s, 12.6 s ...
// after it was first sent, and arrives with the first of these after the black hole.
func TestBlackHoleDelaysWhatItSwallows(t *testing.T) {
	t.Run("requests", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{})
		s.block(1*second, 6*second, true, true)
		s.call(2*second, "1s", 0) // sent again until 2 + 6.2 s
		s.call(5*second, "2s", 0) // waits with it
		s.call(9*second, "3s", 0)
		s.run(20*second, "9.220 1s: res_1s", "10.220 2s: res_2s", "12.020 3s: res_3s")
	})
	t.Run("answers", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{})
		s.block(1*second, 6*second, true, true)
		s.call(0, "2s", 0) // the answer of 2.01 s is sent again until 2.01 + 6.2 s
		s.run(20*second, "8.220 2s: res_2s")
	})
	t.Run("what is under way arrives", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{})
		s.block(5*time.Millisecond, second, true, true)
		s.call(0, "2s", 0)
		s.run(20*second, "2.020 2s: res_2s")
	})
}

// One way is enough: data arrive, their acknowledgements do not, and after the first
// timeout nothing further is sent.
func TestOneWayBlackHole(t *testing.T) {
	t.Run("to the client", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{})
		s.block(1*second, 6*second, false, true)
		s.call(2*second, "1s", 0)                       // arrives; its answer of 3.01 s is sent again until 3.01 + 3 s
		s.call(2*second+100*time.Millisecond, "10s", 0) // arrives too
		s.call(3*second, "100ms", 0)                    // waits for the acknowledgement of the first: 2 + 6.2 s
		s.run(20*second, "6.020 1s: res_1s", "8.320 100ms: res_100ms", "12.120 10s: res_10s")
	})
	t.Run("to the server", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{})
		s.block(1*second, 6*second, true, false)
		s.call(0, "2s", 0) // its answer arrives, and is not acknowledged
		s.call(500*time.Millisecond, "2s", 0)
		// The second answer, of 2.51 s, is after the first timeout: it waits until the
		// first is acknowledged at 2.01 + 6.2 s.
		s.run(20*second, "2.020 2s: res_2s", "8.220 2s: res_2s")
	})
}

// The client's kernel gives up after 924.6 s, with keepalive on after its timeout.
func TestBlackHoleUntilTCPGivesUp(t *testing.T) {
	t.Run("tcp_retries2", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{})
		s.block(1*second, 900*second, true, true)
		s.call(2*second, "1s", 0) // sent again at 2 + 804.6 s, which is too early, and at 2 + 924.6 s no more
		s.run(2000*second, "926.600 world: connection_dead", "926.600 1s: Unavailable")
	})
	t.Run("TCP_USER_TIMEOUT", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{Keepalive: policy.Keepalive{Time: 60 * second, Timeout: 10 * second}})
		s.block(1*second, 36*second, true, true)
		s.call(2*second, "1s", 0)
		// The next call connects anew: SYNs at 15, 16, 18, 22 and 30 s, until 20 s have
		// passed; then again after 1 s of backoff.
		s.call(15*second, "2s", 0)
		s.call(40*second, "3s", 0)
		s.run(100*second, "12.000 world: connection_dead", "12.000 1s: Unavailable",
			"35.000 2s: Unavailable", "43.020 3s: res_3s")
	})
	t.Run("keepalive finds a path that swallows answers", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{Keepalive: policy.Keepalive{Time: 10 * second, Timeout: 5 * second}})
		s.block(1*second, 300*second, true, true)
		s.call(0, "60s", 0) // a ping at 10 s that is not answered
		s.run(20*second, "15.000 world: connection_dead", "15.000 60s: Unavailable")
	})
	t.Run("TCP keepalive finds a silent path", func(t *testing.T) {
		s := newPathScene(t, ConnOptions{TCPKeepalive: 10 * second})
		s.block(15*second, 500*second, true, true)
		s.call(0, "400s", 0) // probes at 20 s ... 100 s are not answered
		s.run(120*second, "110.000 world: connection_dead", "110.000 400s: Unavailable")
	})
}

// The server's kernel gives up answers after 20 s: its handlers end, and whoever
// sends afterwards is told.
func TestServerGivesUp(t *testing.T) {
	s := newPathScene(t, ConnOptions{})
	s.block(1*second, 40*second, true, true)
	s.call(0, "2s", 0)  // its answer of 2.01 s is given up at 22.01 s
	s.call(0, "60s", 0) // its handler is cancelled then
	s.call(41*second, "1s", 0)
	s.run(100*second, "22.010 server: context canceled",
		"41.020 world: connection_dead", "41.020 2s: Unavailable", "41.020 60s: Unavailable", "41.020 1s: Unavailable")
}

// A path that loses half of its messages delays three in four calls, each loss by
// 0.2 s and those in a row by twice as much each; the draws are the call's own, so
// that a second run of fewer calls has the same delays.
func TestLoss(t *testing.T) {
	took := func(calls int) []time.Duration {
		s := newPathScene(t, ConnOptions{})
		s.at(0, func() { s.conn.Degrade(0.5, sim.Dist{}) })
		s.at(0, s.conn.Degrade(0.3, sim.Fixed(second))) // undone at once
		took := make([]time.Duration, calls)
		for i := range took {
			at := time.Duration(i) * 1000 * second
			s.at(at, func() {
				s.w.K.Start(&s.client.group, vtime.Func(func() {
					ctx := &vtime.Loose{}
					ctx.SetTag(uint64(i) + 1)
					if _, err := s.inv.Reserve(ctx, &pb.ReserveRequest{OrderKey: "0s"}); err != nil {
						t.Error(err)
					}
					took[i] = time.Duration(s.w.K.Now()) - at
				}))
			})
		}
		if err := s.w.K.Run(t.Context(), vtime.Time(calls)*vtime.Time(1000*second)); err != nil {
			t.Fatal(err)
		}
		return took
	}
	const n = 1000
	all := took(n)
	plain, one := 0, 0
	for _, d := range all {
		if d == 2*delay {
			plain++
		}
		if d == 2*delay+200*time.Millisecond {
			one++
		}
	}
	// A quarter and a quarter; four standard deviations are 55.
	if plain < n/4-55 || plain > n/4+55 || one < n/4-55 || one > n/4+55 {
		t.Errorf("of %d calls %d were not delayed and %d by one loss, want a quarter each", n, plain, one)
	}
	if diff := cmp.Diff(all[:10], took(10)); diff != "" {
		t.Errorf("the first ten calls of fewer: %s", diff)
	}
}

// Jitter is added each way, and never lets a message overtake another.
func TestJitter(t *testing.T) {
	s := newPathScene(t, ConnOptions{})
	s.at(0, func() {
		s.at(time.Second, s.conn.Degrade(0, sim.Fixed(10*time.Millisecond))) // two at a time add up
		s.at(time.Second, s.conn.Degrade(0, sim.Fixed(20*time.Millisecond)))
	})
	s.call(0, "1s", 0)
	s.call(990*time.Millisecond, "0s", 0)  // arrives at 1.03 s
	s.call(1005*time.Millisecond, "0s", 0) // would arrive at 1.015 s, and waits for the one before
	s.run(10*second, "1.040 0s: res_0s", "1.040 0s: res_0s", "1.050 1s: res_1s")
}

// A connection to a server that is down lets its calls fail at once, and is tried
// again after 1 s, then 1.6 times as long, with a fifth of jitter, after each try.
func TestReconnect(t *testing.T) {
	s := newScene(t, ConnOptions{})
	s.at(10*second, func() { _ = s.server.Stop("went down") })
	s.at(12*second, func() { _ = s.server.Start() })
	s.call(9*second, "5s", 0)                      // reset
	s.call(10*second+10*time.Millisecond, "1s", 0) // connects, and is refused
	s.call(11*second, "2s", 0)                     // fails at once
	s.call(12200*time.Millisecond, "3s", 0)        // too, though the server is up again: the next try is after 12.3 s
	s.call(13*second, "4s", 0)
	s.run(40*second, "10.000 world: restart", "10.000 5s: Unavailable", "10.030 1s: Unavailable",
		"11.000 2s: Unavailable", "12.000 world: boot", "12.200 3s: Unavailable", "17.020 4s: res_4s")
	var waits []time.Duration
	for s.conn.tries = 1; s.conn.tries <= 14; s.conn.tries++ {
		waits = append(waits, s.conn.backoff())
	}
	for i, d := range waits {
		mean := min(math.Pow(1.6, float64(i+1)), 120)
		if got := d.Seconds(); got < 0.8*mean || got > 1.2*mean {
			t.Errorf("wait %d is %s, want %.1f s and a fifth more or less", i+1, d, mean)
		}
	}
}

// A process that has just begun is slower for a while.
func TestPace(t *testing.T) {
	s := newScene(t, ConnOptions{})
	p := s.server.Pace()
	var got []string
	at := func(when time.Duration) {
		s.at(when, func() { got = append(got, p.stretch(10*time.Millisecond).String()) })
	}
	s.at(0, func() { p.Slow(2) })
	at(1 * second)
	s.at(2*second, func() { p.Slow(0.5) })
	at(3 * second)
	s.at(10*second, func() { p.Warm(10*second, 5, false) })
	at(10 * second)
	at(15 * second)
	at(20 * second)
	s.at(30*second, func() { p.Warm(10*second, 5, true) })
	at(30 * second)
	at(35 * second) // a tenth of the excess is left
	at(40 * second)
	s.run(50 * second)
	if diff := cmp.Diff([]string{"20ms", "10ms", "50ms", "30ms", "10ms", "50ms", "14ms", "10ms"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
