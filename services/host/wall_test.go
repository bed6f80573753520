package host_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tripcurve/services/host"
)

func TestWallClock(t *testing.T) {
	t.Run("close ends what was left running", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			clock := host.NewWallClock()
			var end error
			err := clock.Race(t.Context(), time.Second, func(ctx context.Context) error {
				<-ctx.Done()
				end = ctx.Err()
				return end
			})
			if !errors.Is(err, host.ErrTimeout) {
				t.Errorf("race: %v, want %v", err, host.ErrTimeout)
			}
			clock.Close()
			if !errors.Is(end, context.Canceled) {
				t.Errorf("after Close the call had ended with %v, want %v", end, context.Canceled)
			}
			if err := clock.Race(t.Context(), 0, func(context.Context) error { return nil }); !errors.Is(err, context.Canceled) {
				t.Errorf("race on a closed clock: %v, want %v", err, context.Canceled)
			}
		})
	})

	t.Run("race answers the end of its caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			ctx, cancel := b.clock.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := b.clock.Race(ctx, 0, func(ctx context.Context) error {
				return b.clock.Sleep(ctx, time.Minute)
			})
			if !errors.Is(err, context.DeadlineExceeded) || b.at() != time.Second {
				t.Errorf("after %v: %v, want the caller's end after 1s", b.at(), err)
			}
		})
	})

	t.Run("race answers the function in time", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			want := errors.New("its own")
			if err := b.clock.Race(t.Context(), time.Second, func(context.Context) error { return want }); !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
		})
	})

	t.Run("a stopped timer does not fire", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			fired := 0
			b.clock.AfterFunc(time.Second, func() { fired++ })
			stop := b.clock.AfterFunc(2*time.Second, func() { fired++ })
			b.wait(t, 1500*time.Millisecond)
			if !stop() {
				t.Error("the timer was not stopped")
			}
			b.wait(t, time.Minute)
			if fired != 1 {
				t.Errorf("%d timers fired, want 1", fired)
			}
		})
	})
}

func TestIDs(t *testing.T) {
	if got, want := host.Rand(func() float64 { return 0.5 }).ID("ord_"), "ord_800000000000"; got != want {
		t.Errorf("id %s, want %s", got, want)
	}
	for range 100 {
		if u := host.CryptoRand(); u < 0 || u >= 1 {
			t.Fatalf("draw %v is not in [0,1)", u)
		}
	}
}

func TestMemoryMeter(t *testing.T) {
	m := host.NewMemoryMeter()
	m.Count("calls", 2, "edge", "a")
	m.Count("calls", 3, "edge", "a")
	m.Count("calls", 1)
	m.Observe("took", time.Second)
	m.Observe("took", 3*time.Second)
	if got := m.Counter("calls", "edge", "a"); got != 5 {
		t.Errorf("counter %d, want 5", got)
	}
	if got, want := m.Durations("took"), (host.Distribution{Count: 2, Sum: 4 * time.Second, Max: 3 * time.Second}); got != want {
		t.Errorf("durations %+v, want %+v", got, want)
	}
	if got := m.Counters(); len(got) != 2 || got[0] != "calls" || got[1] != "calls{edge=a}" {
		t.Errorf("counters %q", got)
	}
}
