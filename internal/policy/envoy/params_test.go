package envoy

import (
	"strconv"
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
			"timeout": "0s", "per_try_timeout": "1500ms", "consecutive_5xx": "0", "split_external_local_origin_errors": "true",
			"max_ejection_time": "10m", "max_ejection_percent": "34", "healthy_panic_threshold": "33.3", "max_requests": "4294967295",
			"retry_on": "5xx,unavailable", "num_retries": "3", "retry_budget": "true", "budget_percent": "12.5", "hosts": "7",
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
		if p.Kind != policy.KindText {
			params[p.Name] = p.Text
		}
		if n, err := strconv.ParseFloat(strings.TrimSuffix(p.Text, "s"), 64); err == nil && n != p.Default && p.Kind != policy.KindDuration {
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
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"max_ejection_percent", "101", `envoy: max_ejection_percent: "101" is not a whole number from 0 to 100`},
		{"interval", "10", `envoy: interval: "10" is not a duration: write 5s or 500ms`},
		{"interval", "0s", `envoy: interval: "0s" is not from 1ms to 8760h`},
		{"max_ejection_time", "10s", "envoy: max_ejection_time 10s is shorter than base_ejection_time 30s: Envoy refuses the cluster"},
		{"max_interval", "1ms", "envoy: max_interval 1ms is shorter than base_interval 25ms: Envoy refuses the route"},
		{"retry_on", "5xx,sometimes", `envoy: retry_on: "sometimes" is not among `},
		{"max_connections", "5", "max_connections decides nothing where all calls share HTTP/2 connections: max_requests bounds them"},
		{"per_try_idle_timeout", "5s", "per_try_idle_timeout is Envoy's but not modelled here: leave it out"},
		{"resetTimeout", "5s", "there is no breaker in Envoy that opens and closes: base_ejection_time is how long a host is out"},
		{"consecutive5xx", "5", `no envoy field "consecutive5xx", did you mean consecutive_5xx?`},
	} {
		_, err := Parse(map[string]string{tt.name: tt.value})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %s", tt.name, tt.value, err, tt.want)
		}
	}
	if v, err := Check("base_ejection_time", "90s"); v != "1m30s" || err != nil {
		t.Errorf("90s is written %s, %v", v, err)
	}
	if err := Known("hosts"); err != nil || len(Names()) != len(List()) {
		t.Error(err)
	}
}

func TestTraps(t *testing.T) {
	for _, tt := range []struct {
		change func(*Params)
		want   string
	}{
		{func(*Params) {}, "max_ejection_percent 10 of 3 hosts is none: nothing is ever ejected"},
		{func(p *Params) { p.MaxEjectionPercent, p.HealthyPanicThreshold = 100, 0 }, "all 3 hosts can be ejected and there is no panic"},
		{func(p *Params) { p.MaxEjectionPercent = 100 }, "a dependency that fails as a whole is never cut off"},
		{func(p *Params) { p.AlwaysEjectOneHost = true }, "a dependency that fails as a whole is never cut off"},
		{func(p *Params) { p.EnforcingConsecutive5xx = 0 }, "no rule on failures ejects"},
		{func(p *Params) { p.EnforcingFailurePercentage = 100 }, "failure_percentage_minimum_hosts 5 is more than the 3 hosts"},
		{func(p *Params) { p.Timeout = 0 }, "no timeout: a hung call is never seen as a failure"},
		{func(p *Params) { p.RetryOn = "5xx" }, "retries without per_try_timeout"},
		{func(p *Params) { p.RetryOn, p.PerTryTimeout, p.NumRetries = "5xx", 6*time.Second, 2 }, "3 attempts of 6s are longer than timeout 15s"},
		{func(p *Params) { p.RetryOn = "5xx" }, "max_retries 3 bounds the retries of the whole cluster"},
		{func(*Params) {}, "an ejected host returns at a sweep, up to 10s after its time"},
	} {
		p := Default()
		tt.change(&p)
		if all := strings.Join(p.Traps(), "\n"); !strings.Contains(all, tt.want) {
			t.Errorf("no %q in\n%s", tt.want, all)
		}
	}
}
