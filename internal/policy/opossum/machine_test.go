package opossum

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

func mixed() Params {
	p := Default()
	p.RollingCountTimeout = 100 * time.Millisecond
	p.ResetTimeout = 50 * time.Millisecond
	p.VolumeThreshold = 20
	return p
}

func busy(start time.Time) policy.Breaker { return New(mixed(), start) }

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, busy) }

func TestDecisionsAllocateNothing(t *testing.T) { policytest.AllocatesNothing(t, busy) }

// The sums are kept while buckets come and go; they must equal the buckets'.
func TestSumsEqualBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Default()
		p.RollingCountTimeout = time.Duration(rapid.IntRange(0, 3000).Draw(t, "window")) * time.Millisecond
		p.RollingCountBuckets = rapid.IntRange(0, 20).Draw(t, "buckets")
		p.Capacity = rapid.IntRange(0, 5).Draw(t, "capacity")
		p.ResetTimeout = time.Duration(rapid.IntRange(0, 2000).Draw(t, "reset")) * time.Millisecond
		p.AllowWarmUp = rapid.Bool().Draw(t, "warm-up")
		m := New(p, epoch)
		var flying []policy.Ticket
		now := epoch
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			// Time may stand still, and even go backwards by mistake.
			now = now.Add(time.Duration(rapid.IntRange(-5, 700).Draw(t, "ms")) * time.Millisecond)
			switch n := rapid.IntRange(0, 9).Draw(t, "what"); {
			case n < 5:
				if ticket, v := m.Allow(now, 0); v.Admitted {
					flying = append(flying, ticket)
				} else if v.Reason == "" {
					t.Fatal("rejected without a reason")
				}
			case n < 9 && len(flying) > 0:
				code := policy.Code(rapid.IntRange(0, 5).Draw(t, "code"))
				m.Record(now, flying[0], policy.Outcome{Code: code})
				flying = flying[1:]
			default:
				op := policy.Operation(rapid.IntRange(0, 8).Draw(t, "operation"))
				if err := m.Operate(now, op); err != nil && !errors.Is(err, policy.ErrUnsupported) {
					t.Fatal(err)
				}
			}
			var sum [kinds]int
			for _, b := range m.window.buckets {
				for k, n := range b {
					sum[k] += n
				}
			}
			if diff := cmp.Diff(sum, m.window.sum); diff != "" {
				t.Fatalf("buckets against sums:\n%s", diff)
			}
			held := 0
			for _, f := range flying {
				if f.Held {
					held++
				}
			}
			if m.free+held != p.Capacity {
				t.Fatalf("%d places free and %d taken of %d", m.free, held, p.Capacity)
			}
		}
	})
}

func TestParamsSurviveTheirText(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		Factory(),
		{"timeout": "false", "errorThresholdPercentage": "12.5", "resetTimeout": "0", "capacity": "3", "allowWarmUp": "true", "enabled": "false", "errorFilter": "ETIMEDOUT,ESEMLOCKED"},
	} {
		p, err := Parse(params)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(p.Map())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("%v (-first +again):\n%s", params, diff)
		}
	}
}

// The table's defaults are shown to users; Default is what decides.
func TestTableShowsTheDefaults(t *testing.T) {
	params := map[string]string{}
	for _, p := range List() {
		if p.Kind == policy.KindText {
			continue
		}
		if p.Kind == policy.KindSwitch {
			params[p.Name] = map[float64]string{0: "false", 1: "true"}[p.Default]
			continue
		}
		params[p.Name] = text(p.Default)
	}
	got, err := Parse(params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
}
