package polly

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
		Standard().Map(),
		{
			"FailureRatio": "0.375", "BreakDuration": "00:01:30", "AttemptTimeout.Timeout": "00:00:00.25", "Retry.MaxRetryAttempts": "2147483647",
			"Retry.BackoffType": "linear", "Retry.UseJitter": "true", "Retry.MaxDelay": "1.00:00:00", "Retry.Delay": "0",
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
		if d, err := time.ParseDuration(p.Text); p.Kind == policy.KindDuration && (err != nil || d.Seconds() != p.Default) {
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
	if len(params) != len(Names()) {
		t.Error("a name twice")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"FailureRatio", "50", `polly: FailureRatio: "50" is not a number from 0 to 1`},
		{"MinimumThroughput", "1", `polly: MinimumThroughput: "1" is not a whole number from 2`},
		{"SamplingDuration", "400ms", `polly: SamplingDuration: "400ms" is not from 500ms to 24h`},
		{"SamplingDuration", "0", `polly: SamplingDuration: "0" is not from 500ms to 24h`},
		{"BreakDuration", "30", `polly: BreakDuration: "30" is not a time: write 5s or 00:00:05`},
		{"BreakDuration", "24:00:00", `polly: BreakDuration: "24:00:00" is not a time: write 5s or 00:00:05`},
		{"BreakDuration", "1.00:00:01", `polly: BreakDuration: "1.00:00:01" is not from 500ms to 24h`},
		{"AttemptTimeout.Timeout", "5ms", `polly: AttemptTimeout.Timeout: "5ms" is not from 10ms to 24h`},
		{"AttemptTimeout.Timeout", "10000001ns", `polly: AttemptTimeout.Timeout: "10000001ns" is not a whole number of ticks of 100ns`},
		{"Retry.BackoffType", "Random", `polly: Retry.BackoffType: "Random" is not one of Constant, Linear, Exponential`},
		{"FailureThreshold", "0.5", "its name is FailureRatio since Polly 8"},
		{"DurationOfBreak", "5s", "its name is BreakDuration since Polly 8"},
		{"ShouldHandle", "", "ShouldHandle is code and not modelled here: leave it out"},
		{"RateLimiter.QueueLimit", "5", "RateLimiter.QueueLimit is not modelled here"},
		{"Retry.ShouldRetryAfterHeader", "true", "Retry.ShouldRetryAfterHeader is not modelled here"},
		{"BreakDurtion", "5s", `no polly property "BreakDurtion", did you mean BreakDuration?`},
	} {
		_, err := Parse(map[string]string{tt.name: tt.value})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
	if v, err := Check("BreakDuration", "00:01:30"); v != "1m30s" || err != nil {
		t.Errorf("%s, %v", v, err)
	}
	if Known("FailureRatio") != nil || Known("Failure") == nil {
		t.Error("names")
	}
}

func TestTimeSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"00:00:05":           5 * time.Second,
		"0:5":                5 * time.Minute,
		"00:00:00.5":         500 * time.Millisecond,
		"00:00:00.1234567":   123456700,
		"23:59:59.9999999":   24*time.Hour - Tick,
		"1.00:00:00":         24 * time.Hour,
		"5":                  5 * 24 * time.Hour,
		"-00:00:05":          -5 * time.Second,
		"2.03:04":            51*time.Hour + 4*time.Minute,
		"":                   -1,
		"5s":                 -1,
		"24:00:00":           -1,
		"00:60:00":           -1,
		"00:00:60":           -1,
		"00:00:00.":          -1,
		"00:00:00.12345678":  -1,
		"00:00:00.-1":        -1,
		"1:00:00:00":         -1,
		"1.5":                -1,
		"+1":                 -1,
		"00:00:-5":           -1,
		"999999999.00:00:00": -1,
		"x.00:00:00":         -1,
		".00:00:00":          -1,
	} {
		got, err := ParseTimeSpan(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "ticks")) * Tick
		if got, err := ParseTimeSpan(FormatTimeSpan(d)); got != d || err != nil {
			t.Fatalf("%s is written %s and read %s, %v", d, FormatTimeSpan(d), got, err)
		}
	})
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    Params
		says []string
	}{
		{"default", Default(), []string{"no AttemptTimeout", "below 3.33 calls/s there are never MinimumThroughput 100 results in 30s", "counts as a success"}},
		{"standard", Standard(), []string{"waits for the call", "let through for about 12s before", "which the breaker counts as a success", "MaxRetryAttempts 3 does not count the first"}},
		{"short window", Params{AttemptTimeout: 6 * time.Second, SamplingDuration: 10 * time.Second, TotalRequestTimeout: 5 * time.Second}, []string{
			"SamplingDuration 10s is less than twice AttemptTimeout 6s", "FailureRatio 0: any failure", "AttemptTimeout 6s is longer than TotalRequestTimeout 5s",
		}},
		{"no jitter", Params{SamplingDuration: time.Second, Retry: Retry{MaxRetryAttempts: 1, Delay: 1}}, []string{"without UseJitter"}},
	} {
		all := strings.Join(tt.p.Traps(), "\n")
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
		Standard().Map(),
		{"FailureRatio": "0"},
		{"FailureRatio": "1", "Retry.MaxRetryAttempts": "2", "Retry.MaxDelay": "3s"},
		{"Retry.MaxRetryAttempts": "2", "Retry.UseJitter": "true"},
		{"Retry.MaxRetryAttempts": "2147483647", "Retry.Delay": "0", "Retry.BackoffType": "Exponential"},
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
	base := policy.Neutral{CallTimeout: 5 * time.Second, FailureRate: 0.5, MinCalls: 10, Window: 10 * time.Second, OpenFor: 30 * time.Second}
	for _, tt := range []struct {
		name   string
		change func(*policy.Neutral)
		param  string
		want   string
		loss   string
	}{
		{"as it is", func(*policy.Neutral) {}, "AttemptTimeout.Timeout", "5s", ""},
		{"never", func(n *policy.Neutral) { n.FailureRate = 1.01 }, "FailureRatio", "1", "a failure rate of 1.01 is never reached elsewhere; here the breaker opens when all calls fail"},
		{"no rule", func(n *policy.Neutral) { n.FailureRate = 0 }, "FailureRatio", "0.1", "no rule on a failure rate was given: FailureRatio keeps the library's 0.1"},
		{"no minimum", func(n *policy.Neutral) { n.MinCalls = 0 }, "MinimumThroughput", "2", "MinimumThroughput 0 becomes 2, the least that Polly takes"},
		{"window", func(n *policy.Neutral) { n.Window = 100 * time.Millisecond }, "SamplingDuration", "500ms", "SamplingDuration 100ms becomes 500ms: Polly takes from 500ms to 24h"},
		{"calls", func(n *policy.Neutral) { n.Window, n.WindowCalls = 0, 100 }, "SamplingDuration", "30s", "Polly has no window of a number of calls: 100 calls become the library's window of 30s"},
		{"open", func(n *policy.Neutral) { n.OpenFor = 48 * time.Hour }, "BreakDuration", "24h", "BreakDuration 48h0m0s becomes 24h0m0s: Polly takes from 500ms to 24h"},
		{"growth", func(n *policy.Neutral) { n.Growth.Factor = 2 }, "BreakDuration", "30s", "Polly's BreakDuration does not grow by itself: every opening lasts 30s (BreakDurationGenerator is code)"},
		{"jitter", func(n *policy.Neutral) { n.Growth.Jitter = 0.2 }, "BreakDuration", "30s", "Polly's BreakDuration has no jitter: breakers opened together probe together (BreakDurationGenerator is code)"},
		{"probes", func(n *policy.Neutral) { n.Probes = 5 }, "BreakDuration", "30s", "Polly lets one probe through, not 5"},
		{"no limit", func(n *policy.Neutral) { n.CallTimeout = 0 }, "AttemptTimeout.Timeout", "", ""},
		{"total", func(n *policy.Neutral) { n.TotalTimeout = time.Minute }, "TotalRequestTimeout.Timeout", "1m", ""},
		{"bound", func(n *policy.Neutral) { n.MaxConcurrent = 50 }, "RateLimiter.PermitLimit", "50", ""},
		{"retry", func(n *policy.Neutral) { n.Retry = policy.Retry{Attempts: 3, Base: time.Second, Max: 5 * time.Second} }, "Retry.BackoffType", "Exponential", ""},
		{"fixed waits", func(n *policy.Neutral) {
			n.Retry = policy.Retry{Attempts: 3, Base: time.Second, Multiplier: 1, Jitter: 0.1}
		}, "Retry.UseJitter", "true", "Retry.UseJitter is fixed at 25 %, not 10 %"},
		{"tripled waits", func(n *policy.Neutral) {
			n.Retry = policy.Retry{Attempts: 3, Base: time.Second, Multiplier: 3, Jitter: 0.1}
		}, "Retry.MaxRetryAttempts", "2", "Retry.BackoffType Exponential doubles the wait, it does not multiply it by 3\n" +
			"Retry.UseJitter draws exponential waits from a distribution of its own, not from 10 % around their length"},
		{"at once", func(n *policy.Neutral) { n.Retry = policy.Retry{Attempts: 2, Multiplier: 3, Jitter: 0.1} }, "Retry.Delay", "0s", ""},
		{"budget", func(n *policy.Neutral) { n.Retry = policy.Retry{Attempts: 2, Budget: 0.1} }, "Retry.MaxRetryAttempts", "1", "Polly has no retry budget: 10 % of calls is lost"},
	} {
		n := base
		tt.change(&n)
		p, losses := FromNeutral(n)
		if got := p.Map()[tt.param]; got != tt.want {
			t.Errorf("%s: %s is %s, want %s", tt.name, tt.param, got, tt.want)
		}
		if got := strings.Join(losses, "\n"); got != tt.loss {
			t.Errorf("%s: lost %q, want %q", tt.name, got, tt.loss)
		}
	}
}
