package failsafe

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy/policytest"
)

// The waits of the real retry policy, between attempts that all fail, are those of the
// plan; where there are dice in them, between the least and the most of the plan's.
func TestRealRetries(t *testing.T) {
	set(t, "rapid.checks", "2000")
	set(t, "rapid.nofailfile", "true")
	steps, differ := 0, 0
	t.Cleanup(func() { policytest.Report(t, "failsafe-go", "the real v0.9.8, retries", steps, differ) })
	rapid.Check(t, func(rt *rapid.T) {
		differ = 1
		rapid.SyncTest(rt, func(t *rapid.T) {
			d := func(name string, of ...time.Duration) time.Duration { return rapid.SampledFrom(of).Draw(t, name) }
			r := Retry{
				MaxRetries:  rapid.IntRange(1, 12).Draw(t, "maxRetries"),
				Delay:       d("delay", 0, 1, 100*time.Millisecond, time.Second),
				MaxDelay:    d("maxDelay", 0, 50*time.Millisecond, time.Second, 1234567891),
				DelayFactor: rapid.SampledFrom([]float64{0, 0.3, 1, 1.1, 2, 3}).Draw(t, "delayFactor"),
				Jitter:      d("jitter", 0, 0, 30*time.Millisecond, 2*time.Second),
			}
			if rapid.Bool().Draw(t, "factor") {
				r.JitterFactor = 0.5
			}
			b := retrypolicy.NewBuilder[int]().WithMaxRetries(r.MaxRetries).WithJitter(r.Jitter).WithJitterFactor(r.JitterFactor)
			if r.MaxDelay > 0 {
				b.WithBackoffFactor(r.Delay, r.MaxDelay, r.DelayFactor)
			} else {
				b.WithDelay(r.Delay)
			}
			var at []time.Time
			_ = failsafe.With(b.Build()).WithContext(context.Background()).Run(func() error {
				at = append(at, time.Now())
				return errFailed
			})
			plan := r.Plan()
			if len(at) != plan.Attempts {
				t.Fatalf("%d attempts, want %d", len(at), plan.Attempts)
			}
			for n := 1; n < len(at); n++ {
				steps++
				got, most, least := at[n].Sub(at[n-1]), plan.Wait(n, 0), plan.Wait(n, 1)
				if got < least || got > most {
					t.Fatalf("wait %d: %s, ours is from %s to %s", n, got, least, most)
				}
				if plan.Steady && least != most {
					t.Fatalf("wait %d has dice and says it has none", n)
				}
			}
		})
		differ = 0
	})
}

// counted is what retry policies call of a budget.
type counted interface {
	budget.Budget
	RecordExecution()
	ReleaseExecution()
	TryAcquirePermit() bool
	ReleasePermit()
}

func TestRealBudget(t *testing.T) {
	set(t, "rapid.checks", "500")
	set(t, "rapid.nofailfile", "true")
	steps, differ := 0, 0
	t.Cleanup(func() { policytest.Report(t, "failsafe-go", "the real v0.9.8, budget", steps, differ) })
	rapid.Check(t, func(t *rapid.T) {
		differ = 1
		rate := rapid.SampledFrom([]float64{0.1, 0.2, 1. / 3, 0.5, 1}).Draw(t, "maxRate")
		least := rapid.IntRange(0, 4).Draw(t, "minConcurrency")
		real := budget.NewBuilder().WithMaxRate(rate).WithMinConcurrency(uint(least)).Build().(counted)
		ours := NewBudget(rate, least)
		calls, retries := 0, 0
		t.Repeat(map[string]func(*rapid.T){
			"call": func(*rapid.T) {
				real.RecordExecution()
				ours.Begin(false)
				calls++
			},
			"end of call": func(t *rapid.T) {
				if calls == retries { // a retry's call goes on around it
					return
				}
				real.ReleaseExecution()
				ours.End(false)
				calls--
			},
			"retry": func(t *rapid.T) {
				if calls == retries || !ours.Failed(false) {
					return
				}
				a, b := real.TryAcquirePermit(), ours.Begin(true)
				if a != b {
					t.Fatalf("the real one says %v to a retry, ours %v", a, b)
				}
				if a {
					retries++
				}
			},
			"end of retry": func(*rapid.T) {
				if retries == 0 {
					return
				}
				real.ReleasePermit()
				ours.End(true)
				ours.Succeeded()
				retries--
			},
			"": func(t *rapid.T) {
				steps++
				if diff := cmp.Diff(real.Rate(), ours.Rate()); diff != "" {
					t.Fatalf("rate (-real +ours):\n%s", diff)
				}
			},
		})
		differ = 0
	})
}

func TestPlan(t *testing.T) {
	if (Retry{}).Plan() != nil {
		t.Error("no retries have a plan")
	}
	p := Retry{MaxRetries: -1, AbortOnRejection: true}.Plan()
	if p.Attempts != endless || p.Rejected || p.Budget != nil || !p.Steady {
		t.Errorf("without end: %+v", p)
	}
	p = Retry{MaxRetries: 2, BudgetMaxRate: 0.2, JitterFactor: 0.1}.Plan()
	if p.Attempts != 3 || !p.Rejected || p.Budget == nil || p.Steady {
		t.Errorf("with a budget: %+v", p)
	}
	if got := fmt.Sprint(NewBudget(0.2, 3).Rate()); got != "0" {
		t.Errorf("the rate of nothing is %s", got)
	}
}
