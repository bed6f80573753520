package curve

import (
	"context"
	"math"
	"testing"
	"time"
)

// steady is an hour in which nothing changes.
func steady(rate, fails float64, latency func(u float64) time.Duration) Hour {
	return Hour{
		Length: time.Hour,
		Rate:   func(time.Duration) float64 { return rate },
		Fails:  func(time.Duration) float64 { return fails },
		Latency: func(_ time.Duration, u float64) time.Duration {
			return latency(u)
		},
	}
}

func spend(t *testing.T, s Setting, h Hour) Spent {
	t.Helper()
	out, err := Spend(context.Background(), s, h, 3)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What an hour gives is what can be computed by hand: how many calls come, how many
// exponential answers take longer than a limit, and that a breaker which opens at the
// first failure rejects for its whole reset time each time.
func TestAnHourByHand(t *testing.T) {
	near := func(what string, got int, want float64) {
		t.Helper()
		if math.Abs(float64(got)-want) > 4*math.Sqrt(want) {
			t.Errorf("%s: %d, by hand %.0f", what, got, want)
		}
	}
	exponential := func(u float64) time.Duration { return time.Duration(-math.Log(1-u) * float64(100*time.Millisecond)) }
	h := steady(10, 0, exponential)
	limited := Setting{Name: "limited", Library: "grpc", Params: map[string]string{"timeout": "0.3s"}}
	alone := spend(t, limited, h)
	near("calls", alone.Calls, 36_000)
	near("cut off without a breaker", alone.Cut, 36_000*math.Exp(-3))
	slow := spend(t, Setting{Name: "o", Library: "opossum", Params: map[string]string{"timeout": "300", "errorThresholdPercentage": "99"}}, h)
	if slow.Cut != alone.Cut || slow.Trips != 0 {
		t.Errorf("a breaker that does not trip cuts off %d and trips %d times, without it %d", slow.Cut, slow.Trips, alone.Cut)
	}
	quick := func(float64) time.Duration { return 0 }
	trips := spend(t, Setting{Name: "s", Library: "semian", Params: map[string]string{"error_threshold": "1", "error_timeout": "10", "success_threshold": "1"}}, steady(10, 0.001, quick))
	// A failure comes each 100 s, and none while the breaker is open for 10 s.
	near("trips", trips.Trips, 3600.0/110)
	near("rejected", trips.Rejected, float64(trips.Trips)*100)
}

// A rate that changes changes how many come, and the same seed brings the same calls
// whatever the setting is.
func TestAnHourThatChanges(t *testing.T) {
	h := steady(2, 0, func(float64) time.Duration { return time.Millisecond })
	h.Rate = func(at time.Duration) float64 {
		if at > 30*time.Minute {
			return 20
		}
		return 2
	}
	a := spend(t, Setting{Name: "a", Library: "opossum"}, h)
	b := spend(t, Setting{Name: "b", Library: "gobreaker"}, h)
	if a.Calls != b.Calls || math.Abs(float64(a.Calls)-1800*22) > 4*math.Sqrt(1800*22) {
		t.Errorf("%d and %d calls, some %d expected", a.Calls, b.Calls, 1800*22)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Spend(ctx, Setting{Name: "a", Library: "opossum"}, h, 1); err == nil {
		t.Error("an hour whose context has ended gives a result")
	}
	if _, err := Spend(context.Background(), Setting{Name: "a", Library: "nobody"}, h, 1); err == nil {
		t.Error("a library that there is not gives a result")
	}
}
