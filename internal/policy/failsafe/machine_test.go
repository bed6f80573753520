package failsafe

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/policytest"
)

// byRate and byCount use both kinds of statistics.
func byRate(start time.Time) policy.Breaker {
	p := Default()
	p.FailureRateThreshold, p.FailureExecutionThreshold, p.FailureThresholdingPeriod = 0.5, 20, 100*time.Millisecond
	p.Delay, p.JitterFactor, p.SuccessThreshold, p.SuccessThresholdingCapacity = 50*time.Millisecond, 0.2, 3, 5
	return New(p, start)
}

func byCount(start time.Time) policy.Breaker {
	p := Default()
	p.FailureThreshold, p.FailureThresholdingCapacity = 50, 100
	p.Delay, p.SuccessThreshold = 50*time.Millisecond, 3
	return New(p, start)
}

// BenchmarkMachine guards 2 million decisions a second without an allocation.
func BenchmarkMachine(b *testing.B) { policytest.Benchmark(b, byRate) }

func BenchmarkMachineByCount(b *testing.B) { policytest.Benchmark(b, byCount) }

func TestDecisionsAllocateNothing(t *testing.T) {
	policytest.AllocatesNothing(t, byRate)
	policytest.AllocatesNothing(t, byCount)
}

// Time that runs backwards stands still, as the contract has it.
func TestTimeDoesNotRunBackwards(t *testing.T) {
	m := New(Default(), policytest.Epoch)
	m.Advance(policytest.Epoch.Add(time.Minute))
	ticket, _ := m.Allow(policytest.Epoch, 0)
	if want := policytest.Epoch.Add(time.Minute); !ticket.At.Equal(want) {
		t.Errorf("a call begun at %s, want %s", ticket.At, want)
	}
	if _, ok := m.Due(); ok {
		t.Error("it has a timer")
	}
}

// The dice of an open time are the last that were handed in.
func TestOpenTimes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		params map[string]string
		want   [3]time.Duration // with u 0, 0.5 and 0.75
	}{
		{"fixed", map[string]string{"delay": "10s"}, [3]time.Duration{10 * time.Second, 10 * time.Second, 10 * time.Second}},
		{"jitter", map[string]string{"delay": "10s", "jitter": "4s"}, [3]time.Duration{14 * time.Second, 10 * time.Second, 8 * time.Second}},
		{"more jitter than delay", map[string]string{"delay": "1s", "jitter": "4s"}, [3]time.Duration{5 * time.Second, time.Second, 0}},
		{"factor", map[string]string{"delay": "10s", "jitterFactor": "0.2"}, [3]time.Duration{12 * time.Second, 10 * time.Second, 9 * time.Second}},
		{"time wins over factor", map[string]string{"delay": "10s", "jitter": "4s", "jitterFactor": "0.2"}, [3]time.Duration{14 * time.Second, 10 * time.Second, 8 * time.Second}},
		{"no delay has no jitter", map[string]string{"delay": "0", "jitter": "4s"}, [3]time.Duration{}},
		{"random", map[string]string{"delayMin": "2s", "delayMax": "6s"}, [3]time.Duration{2 * time.Second, 4 * time.Second, 5 * time.Second}},
		// 0.75 * 1024 is whole: the second throw is 0, the most jitter.
		{"random with jitter", map[string]string{"delayMin": "2s", "delayMax": "6s", "jitterFactor": "0.5"}, [3]time.Duration{3 * time.Second, 6 * time.Second, 7500 * time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(tt.params)
			if err != nil {
				t.Fatal(err)
			}
			for i, u := range []float64{0, 0.5, 0.75} {
				m := New(p, policytest.Epoch)
				ticket, _ := m.Allow(policytest.Epoch, u)
				m.Record(policytest.Epoch, ticket, policy.Outcome{Code: policy.Failure})
				if m.delay != tt.want[i] {
					t.Errorf("u %g: open for %s, want %s", u, m.delay, tt.want[i])
				}
			}
		})
	}
}

func TestByHand(t *testing.T) {
	m := New(Default(), policytest.Epoch)
	for _, tt := range []struct {
		op   policy.Operation
		want policy.State
	}{
		{policy.OpOpen, policy.Open},
		{policy.OpHalfOpen, policy.HalfOpen},
		{policy.OpClose, policy.Closed},
		{policy.OpClose, policy.Closed},
	} {
		if err := m.Operate(policytest.Epoch, tt.op); err != nil || m.State() != tt.want {
			t.Errorf("operation %d: %s, %v", tt.op, m.State(), err)
		}
	}
	if got := len(m.Take()); got != 3 {
		t.Errorf("%d events, want 3: closing what is closed is none", got)
	}
	for _, op := range []policy.Operation{policy.OpForceOpen, policy.OpDisable, policy.OpEnable, policy.OpMetricsOnly, policy.OpReset, policy.OpShutDown} {
		if err := m.Operate(policytest.Epoch, op); !errors.Is(err, policy.ErrUnsupported) {
			t.Errorf("operation %d: %v", op, err)
		}
	}
}

func TestParamsSurviveTheirText(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		Factory(),
		{"failureThreshold": "3", "failureThresholdingCapacity": "10", "delay": "0", "jitter": "1s", "successThreshold": "2", "successThresholdingCapacity": "3"},
		{
			"delayMin": "1s", "delayMax": "2s", "jitterFactor": "0.3", "timeout.timeLimit": "1500ms", "timeout.total": "10s", "bulkhead.maxConcurrency": "7",
			"retry.maxRetries": "-1", "retry.delay": "100ms", "retry.maxDelay": "1s", "retry.delayFactor": "1.5", "retry.jitter": "10ms",
			"retry.jitterFactor": "0.1", "retry.abortOnRejection": "true", "budget.maxRate": "0.25", "budget.minConcurrency": "0",
		},
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

func TestBadParams(t *testing.T) {
	for _, tt := range []struct {
		params map[string]string
		want   string
	}{
		{map[string]string{"delay": "30"}, `failsafe-go: delay: "30" is not a duration: write 5s or 500ms`},
		{map[string]string{"failureRateThreshold": "50"}, `failsafe-go: failureRateThreshold: "50" is not a number from 0 to 1`},
		{map[string]string{"successThreshold": "-1"}, `failsafe-go: successThreshold: "-1" is not a whole number from 0 to 1000000`},
		{map[string]string{"delayMin": "1s"}, "failsafe-go: delayMin and delayMax go together: with one of them only, the library does not wait at all"},
		{map[string]string{"failureThreshold": "0"}, "failsafe-go: failureThreshold 0 leaves no call to look at: the library divides by zero"},
		{map[string]string{"failureThresholdingPeriod": "9ns"}, "failsafe-go: failureThresholdingPeriod 9ns has no tenth: the library divides by zero"},
		{map[string]string{"failureThreshold": "0", "failureThresholdingPeriod": "1s"}, "failsafe-go: failureThreshold 0 leaves no call to look at: the library divides by zero"},
	} {
		_, err := Parse(tt.params)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%v\ngot  %v\nwant %s", tt.params, err, tt.want)
		}
	}
	for name, want := range map[string]string{
		"delayFunc":         "failsafe-go's WithDelayFunc is code and not modelled here: leave it out",
		"retry.maxAttempts": "failsafe-go counts the attempts after the first here: retry.maxRetries is one less than maxAttempts",
		"faliureThreshold":  `no failsafe-go argument "faliureThreshold", did you mean failureThreshold?`,
	} {
		if _, err := Check(name, "1"); err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
