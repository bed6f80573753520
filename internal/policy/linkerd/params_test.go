package linkerd

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
)

func TestParamsSurviveTheirText(t *testing.T) {
	for _, params := range []map[string]string{
		{},
		Factory(),
		{
			"failure-accrual": "Unified", "consecutive-max-failures": "0", "success-rate-threshold": "0.75", "success-rate-window": "30s",
			"timeout-response": "1500ms", "retry-http": "5xx,429,500-503", "retry-grpc": "unavailable,internal", "retry-limit": "3", "endpoints": "1",
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
		if d, err := time.ParseDuration(p.Text); err == nil && d.Seconds() != p.Default {
			t.Errorf("%s: default %g, written %s", p.Name, p.Default, p.Text)
		}
	}
	got, err := Parse(params)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Error(diff)
	}
	for _, name := range Names() {
		if _, ok := Annotations[name]; !ok && name != "endpoints" {
			t.Errorf("%s is not an annotation", name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"failure-accrual", "rate", `linkerd: failure-accrual: "rate" is not one of none, consecutive, unified`},
		{"consecutive-min-penalty", "1.5ms", `linkerd: consecutive-min-penalty: "1.5ms" is not a whole number of milliseconds`},
		{"consecutive-min-penalty", "2m", "linkerd: consecutive-min-penalty 2m is more than consecutive-max-penalty 1m: Linkerd drops the whole failure accrual"},
		{"retry-http", "5xx,99", `linkerd: retry-http: "99" is not 5xx, gateway-error, a status such as 503 or a range such as 500-599`},
		{"retry-grpc", "aborted", `linkerd: retry-grpc: "aborted" is not one of cancelled`},
		{"balancer.linkerd.io/failure-accrual", "unified", "balancer.linkerd.io/failure-accrual is called failure-accrual here"},
		{"timeout.linkerd.io/idle", "5s", "timeout.linkerd.io/idle is Linkerd's but not modelled here: leave it out"},
		{"max-failures", "5", `no linkerd annotation "max-failures"`},
	} {
		_, err := Parse(map[string]string{tt.name: tt.value})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
	if _, err := Parse(map[string]string{"failure-accrual": "unified", "success-rate-window": "9ms"}); err == nil {
		t.Error("a window of 9 ms is taken")
	}
	if v, err := Check("consecutive-max-penalty", "90s"); v != "1m30s" || err != nil {
		t.Errorf("90s is written %s, %v", v, err)
	}
	if err := Known("retry-limit"); err != nil {
		t.Error(err)
	}
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		change func(*Params)
		want   string
	}{
		{func(*Params) {}, "without failure-accrual there is no circuit breaking at all"},
		{func(p *Params) { p.FailureAccrual, p.MaxFailures = Consecutive, 0 }, "consecutive-max-failures 0: nothing is ever shut"},
		{func(p *Params) { p.FailureAccrual = Consecutive }, "an endpoint that fails half of its calls is hardly ever shut"},
		{func(p *Params) { p.FailureAccrual, p.MaxFailures, p.Threshold = Unified, 0, 0 }, "and success-rate-threshold 0: nothing is ever shut"},
		{func(p *Params) { p.FailureAccrual, p.MinRequests = Unified, 1 }, "one failure after a quiet window"},
		{func(p *Params) { p.FailureAccrual = Unified }, "no timeout: a hung call is never seen"},
		{func(p *Params) {
			p.RetryHTTP, p.RequestTimeout, p.RetryTimeout = "5xx", 5*time.Second, 3*time.Second
		}, "2 attempts of 3s are longer than timeout-request 5s"},
		{func(p *Params) { p.RetryGRPC, p.RetryTimeout = "unavailable", time.Second }, "retry-timeout 1s does not hold for the last attempt"},
	} {
		p := Default()
		tt.change(&p)
		if all := strings.Join(p.Traps(), "\n"); !strings.Contains(all, tt.want) {
			t.Errorf("no %q in\n%s", tt.want, all)
		}
	}
}

func TestPlan(t *testing.T) {
	p := Default()
	p.RetryTimeout = time.Second
	if p.Plan() != nil || p.Attempt() != 0 {
		t.Error("retries without a condition")
	}
	p.RetryGRPC, p.RetryLimit = "unavailable", 2
	if got := p.Plan().Attempts; got != 3 || p.Attempt() != time.Second {
		t.Errorf("%d attempts of %s, want 3 of 1s", got, p.Attempt())
	}
	if !p.Plan().Rejected {
		t.Error("a call that found no endpoint ready is not made again")
	}
	for _, tt := range []struct {
		http, grpc string
		want       []uint32
	}{
		{"", "internal,cancelled", []uint32{1, 13, 14}},
		{"5xx", "", []uint32{14}}, // of a time-out
		{"", "deadline-exceeded,resource-exhausted,unavailable", []uint32{4, 8, 14}},
	} {
		p.RetryHTTP, p.RetryGRPC = tt.http, tt.grpc
		var got []uint32
		for status := range uint32(17) {
			if p.Plan().Retries(status) {
				got = append(got, status)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q and %q (-want +got):\n%s", tt.http, tt.grpc, diff)
		}
	}
}

func TestFromNeutral(t *testing.T) {
	got, lost := FromNeutral(policy.Neutral{
		CallTimeout: 2 * time.Second, TotalTimeout: 5 * time.Second,
		FailureRate: 0.5, MinCalls: 10, Window: 10*time.Second + 1,
		OpenFor: 30 * time.Second, Growth: policy.Growth{Factor: 3, Jitter: 0.2}, Probes: 5, MaxConcurrent: 50,
		Retry: policy.Retry{Attempts: 3, Base: 100 * time.Millisecond, Budget: 0.2},
	})
	want := Default()
	want.RetryHTTP, want.RetryGRPC, want.RetryLimit, want.RetryTimeout = "5xx", "unavailable", 2, 2*time.Second
	want.RequestTimeout = 5 * time.Second
	want.FailureAccrual, want.MaxFailures, want.Threshold, want.MinRequests = Unified, 0, 0.5001, 10
	want.Window = 10*time.Second + time.Millisecond
	want.MinPenalty, want.JitterRatio = 24*time.Second, 0.5
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantLost := []string{
		"the waits between Linkerd's attempts cannot be set: 100ms and their growth and jitter are lost",
		"Linkerd's annotations have no retry budget: 20 % of calls is lost",
		"Linkerd has no bound on the calls in flight: 50 is lost",
		"success-rate-window 10.000000001s becomes 10.001s: whole milliseconds only",
		"the penalty doubles after each failed probe, it does not grow 3-fold",
		"penalties are bounded: consecutive-max-penalty is 1m",
		"Linkerd lets one probe through to each endpoint, not 5",
		"success-rate-threshold 0.5001 is judged for each endpoint alone, over ten parts of the window; the unified mode needs a Linkerd of 2026",
	}
	if diff := cmp.Diff(wantLost, lost); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFromNeutralSaysWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		n    policy.Neutral
		want string
	}{
		{policy.Neutral{OpenFor: time.Second}, "no rule on a failure rate was given"},
		{policy.Neutral{FailureRate: 1.01}, "a failure rate above 100 % never opens"},
		{policy.Neutral{FailureRate: 0.5, WindowCalls: 20, MinCalls: 10}, "50 % of them become consecutive-max-failures 10"},
		{policy.Neutral{FailureRate: 1, WindowCalls: 6, MinCalls: 6}, "consecutive-max-failures 6 counts the answers of each endpoint alone"},
		{policy.Neutral{FailureRate: 0.5, Window: time.Millisecond}, "success-rate-window 1ms becomes 10ms"},
		{policy.Neutral{FailureRate: 0.5, OpenFor: time.Second, Growth: policy.Growth{Jitter: 0.5}}, "a penalty that does not grow has no jitter either"},
	} {
		if _, lost := FromNeutral(tt.n); !strings.Contains(strings.Join(lost, "\n"), tt.want) {
			t.Errorf("no %q in %q", tt.want, lost)
		}
	}
	if p, _ := FromNeutral(policy.Neutral{CallTimeout: time.Second, TotalTimeout: 3 * time.Second}); p.ResponseTimeout != time.Second {
		t.Errorf("one attempt: %+v", p)
	}
}

// What Linkerd says of itself it takes back, and nothing is lost: but for how its
// rules differ from others', which are its own.
func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := func(name string, lo, hi int) time.Duration {
			return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * time.Millisecond
		}
		p := Default()
		p.FailureAccrual = rapid.SampledFrom([]string{None, Consecutive, Unified}).Draw(t, "mode")
		p.MaxFailures = rapid.IntRange(0, 20).Draw(t, "failures")
		p.Threshold = float64(rapid.IntRange(0, 100).Draw(t, "threshold")) / 100
		p.Window = ms("window", 10, 60_000)
		p.MinRequests = rapid.IntRange(0, 100).Draw(t, "requests")
		p.MinPenalty = ms("min", 1, 60_000)
		p.MaxPenalty = max(p.MinPenalty, ms("max", 1, 600_000))
		p.JitterRatio = float64(rapid.IntRange(0, 20).Draw(t, "jitter")) / 10
		p.RequestTimeout = ms("request", 1, 60_000)
		if rapid.Bool().Draw(t, "retries") {
			p.RetryHTTP, p.RetryLimit = "5xx", rapid.IntRange(1, 5).Draw(t, "limit")
		}
		n := p.Neutral()
		back, lost := fromNeutral(n)
		if len(lost) > 0 {
			t.Fatalf("lost on the way to itself: %v", lost)
		}
		if diff := cmp.Diff(n, back.Neutral()); diff != "" {
			t.Fatalf("-neutral +there and back:\n%s", diff)
		}
	})
}
