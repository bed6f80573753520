package hystrix

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

func TestParamsSurviveTheirText(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		Factory(),
		{
			"execution.isolation.strategy": "semaphore", "execution.isolation.semaphore.maxConcurrentRequests": "0", "execution.timeout.enabled": "false",
			"circuitBreaker.forceClosed": "true", "metrics.healthSnapshot.intervalInMilliseconds": "100ms", "maxQueueSize": "20",
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

// The table's defaults are shown to users; Default is what decides.
func TestTableShowsTheDefaults(t *testing.T) {
	params := map[string]string{}
	for _, p := range List() {
		params[p.Name] = p.Text
	}
	got, err := Parse(params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
	if len(params) != len(Names()) {
		t.Error("a name twice")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"circuitBreaker.errorThresholdPercentage", "50.5", `hystrix: circuitBreaker.errorThresholdPercentage: "50.5" is not a whole number`},
		{"circuitBreaker.sleepWindowInMilliseconds", "5000000000", `hystrix: circuitBreaker.sleepWindowInMilliseconds: "5000000000" is not a whole number of milliseconds from 0 to 2147483647`},
		{"coreSize", "0", `hystrix: coreSize: "0" is not a whole number from 1`},
		{"execution.isolation.strategy", "NONE", `hystrix: execution.isolation.strategy: "NONE" is not one of THREAD, SEMAPHORE`},
		{"metrics.rollingStats.timeInMilliseconds", "100", "hystrix: metrics.healthSnapshot.intervalInMilliseconds 500 is more than metrics.rollingStats.timeInMilliseconds 100"},
		{"metrics.rollingStats.timeInMilliseconds", "500h", "hystrix: a window of 500h0m0s has more than 100000 snapshots of 500ms"},
		{"metrics.rollingStats.numBuckets", "10", "hystrix's property metrics.rollingStats.numBuckets changes no decision of the breaker: leave it out"},
		{"hystrix.command.default.circuitBreaker.enabled", "true", "hystrix.command.default.circuitBreaker.enabled is written without its hystrix.command.<key>."},
		{"execution.isolation.semaphore.timeoutInMilliseconds", "5", "hystrix has no such property: execution.isolation.thread.timeoutInMilliseconds"},
		{"circuitBreaker.volume", "5", `no hystrix property "circuitBreaker.volume"`},
	} {
		_, err := Parse(map[string]string{tt.name: tt.value})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
	if v, err := Check("coreSize", "7"); v != "7" || err != nil {
		t.Errorf("%s, %v", v, err)
	}
	if Known("coreSize") != nil || Known("corSize") == nil {
		t.Error("names")
	}
}

func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    Params
		want int
	}{
		{"default", Default(), 10},
		{"semaphore", Params{Strategy: Semaphore, MaxConcurrentRequests: 3, CoreSize: 9}, 3},
		{"maximum without leave", Params{CoreSize: 3, MaximumSize: 9}, 3},
		{"maximum with leave", Params{CoreSize: 3, MaximumSize: 9, AllowMaximumSizeToDivergeFromCoreSize: true}, 9},
		{"maximum below the core", Params{CoreSize: 3, MaximumSize: 2, AllowMaximumSizeToDivergeFromCoreSize: true}, 3},
		{"queue of 0", Params{CoreSize: 3, MaxQueueSize: 0, QueueSizeRejectionThreshold: 5}, 3},
		{"queue below its threshold", Params{CoreSize: 3, MaxQueueSize: 4, QueueSizeRejectionThreshold: 5}, 7},
		{"queue cut", Params{CoreSize: 3, MaxQueueSize: 40, QueueSizeRejectionThreshold: 5}, 8},
		{"a pool that cannot grow behind its queue", Params{CoreSize: 3, MaximumSize: 9, AllowMaximumSizeToDivergeFromCoreSize: true, MaxQueueSize: 5, QueueSizeRejectionThreshold: 5}, 8},
		{"a pool that can", Params{CoreSize: 3, MaximumSize: 9, AllowMaximumSizeToDivergeFromCoreSize: true, MaxQueueSize: 4, QueueSizeRejectionThreshold: 5}, 13},
		{"no queue is short enough", Params{CoreSize: 3, MaxQueueSize: 4}, 0},
	} {
		if got := tt.p.Places(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Params)
		says   []string
	}{
		{"default", func(*Params) {}, []string{
			"interrupts the thread", "a call above the 10 in flight is rejected, and that counts", "let through for about 6s before the breaker opens", "any call that succeeds closes",
		}},
		{"no limit", func(p *Params) { p.TimeoutEnabled = false }, []string{"each hung call keeps one of the 10 places for ever"}},
		{"semaphore", func(p *Params) { p.Strategy = Semaphore }, []string{"its caller waits on until it ends"}},
		{"no interrupt", func(p *Params) { p.InterruptOnTimeout = false }, []string{"interruptOnTimeout false"}},
		{"maximum", func(p *Params) { p.MaximumSize = 20 }, []string{"maximumSize 20 has no effect"}},
		{"queue", func(p *Params) { p.MaxQueueSize = 20 }, []string{"rejected from queueSizeRejectionThreshold 5 on", "above the 15 in flight"}},
		{"forced open", func(p *Params) { p.ForceOpen = true }, []string{"every call is rejected until"}},
		{"forced closed", func(p *Params) { p.ForceClosed = true }, []string{"the breaker is off"}},
		{"off", func(p *Params) { p.Enabled = false }, []string{"the breaker is off"}},
		{"0 %", func(p *Params) { p.ErrorThresholdPercentage = 0 }, []string{"opens without a single failure, as soon as there are 20 calls"}},
		{"101 %", func(p *Params) { p.ErrorThresholdPercentage = 101 }, []string{"never opens"}},
		{"no volume", func(p *Params) { p.RequestVolumeThreshold = 1 }, []string{"one failure in a quiet window opens the breaker for 5s"}},
		{"cut", func(p *Params) { p.RollingStats = 1200 * time.Millisecond }, []string{"the window is 1s, not 1.2s"}},
	} {
		p := Default()
		tt.change(&p)
		all := strings.Join(p.Traps(), "\n")
		for _, says := range tt.says {
			if !strings.Contains(all, says) {
				t.Errorf("%s: %q is not in\n%s", tt.name, says, all)
			}
		}
	}
}

func TestNeutralRoundTrip(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		Factory(),
		{"circuitBreaker.errorThresholdPercentage": "0"},
		{"circuitBreaker.errorThresholdPercentage": "101"},
		{"circuitBreaker.enabled": "false", "circuitBreaker.requestVolumeThreshold": "20", "execution.timeout.enabled": "false"},
	} {
		p, err := Parse(params)
		if err != nil {
			t.Fatal(err)
		}
		again, losses := FromNeutral(p.Neutral())
		if len(losses) > 0 {
			t.Errorf("%v: lost %v", params, losses)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("%v (-before +after):\n%s", params, diff)
		}
	}
}

func TestFromNeutral(t *testing.T) {
	base := policy.Neutral{CallTimeout: 5 * time.Second, FailureRate: 0.5, MinCalls: 10, Window: 10 * time.Second, OpenFor: 30 * time.Second, MaxConcurrent: 50}
	for _, tt := range []struct {
		name   string
		change func(*policy.Neutral)
		name2  string // of a parameter
		want   string
		loss   string
	}{
		{"as it is", func(*policy.Neutral) {}, "coreSize", "50", ""},
		{"opossum's half", func(n *policy.Neutral) { n.FailureRate = 0.5001 }, "circuitBreaker.errorThresholdPercentage", "50", ""},
		{"a third", func(n *policy.Neutral) { n.FailureRate = 1. / 3 }, "circuitBreaker.errorThresholdPercentage", "33", "errorThresholdPercentage 33.33 becomes 33: whole percentages only"},
		{"little", func(n *policy.Neutral) { n.FailureRate = 0.001 }, "circuitBreaker.errorThresholdPercentage", "1", "errorThresholdPercentage 0.1 becomes 1: whole percentages only"},
		{"never", func(n *policy.Neutral) { n.FailureRate = 1.01 }, "circuitBreaker.errorThresholdPercentage", "101", ""},
		{"no rule", func(n *policy.Neutral) { n.FailureRate = 0 }, "circuitBreaker.errorThresholdPercentage", "50", "no rule on a failure rate was given: errorThresholdPercentage keeps the library's 50"},
		{"window", func(n *policy.Neutral) { n.Window = 700 * time.Millisecond }, "metrics.rollingStats.timeInMilliseconds", "1000", "metrics.rollingStats.timeInMilliseconds 700ms becomes 1s: whole steps of 500ms up to 596h31m23.647s"},
		{"long window", func(n *policy.Neutral) { n.OpenFor = 1000 * time.Hour }, "circuitBreaker.sleepWindowInMilliseconds", "2147483647", "sleepWindowInMilliseconds 1000h0m0s becomes 596h31m23.647s: whole steps of 1ms up to 596h31m23.647s"},
		{"calls", func(n *policy.Neutral) { n.Window, n.WindowCalls = 0, 100 }, "circuitBreaker.requestVolumeThreshold", "10", "Hystrix has no window of a number of calls: 100 calls become the library's window of 10s"},
		{"no limit", func(n *policy.Neutral) { n.CallTimeout = 0 }, "execution.timeout.enabled", "false", ""},
		{"no bound", func(n *policy.Neutral) { n.MaxConcurrent = 0 }, "circuitBreaker.requestVolumeThreshold", "10", "Hystrix always bounds the calls in flight: coreSize is the library's 10, and a call above it counts as a failure"},
		{"growth", func(n *policy.Neutral) { n.Growth.Factor = 2 }, "coreSize", "50", "Hystrix's sleep window does not grow: a test call is let in every 30s"},
		{"jitter", func(n *policy.Neutral) { n.Growth.Jitter = 0.2 }, "coreSize", "50", "Hystrix's sleep window has no jitter: breakers opened together test together"},
		{"probes", func(n *policy.Neutral) { n.Probes = 5 }, "coreSize", "50", "Hystrix lets one test call in every 30s, not 5 at once"},
		{"total", func(n *policy.Neutral) { n.TotalTimeout = time.Minute }, "coreSize", "50", "Hystrix has no time limit over several attempts: 1m is the caller's to keep"},
		{"retry", func(n *policy.Neutral) { n.Retry.Attempts = 3 }, "coreSize", "50", "Hystrix does not retry: 3 attempts are the caller's to make"},
		{"budget", func(n *policy.Neutral) { n.Retry.Budget = 0.1 }, "coreSize", "50", "Hystrix has no retry budget"},
	} {
		n := base
		tt.change(&n)
		p, losses := FromNeutral(n)
		if got := p.Map()[tt.name2]; got != tt.want {
			t.Errorf("%s: %s is %s, want %s", tt.name, tt.name2, got, tt.want)
		}
		if got := strings.Join(losses, "\n"); got != tt.loss {
			t.Errorf("%s: lost %q, want %q", tt.name, got, tt.loss)
		}
	}
}
