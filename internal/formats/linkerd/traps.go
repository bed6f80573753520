package linkerd

import (
	"fmt"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/linkerd"
)

// Traps are what the annotations do that their names do not say.
func Traps(c Config) []trap.Trap {
	var t traps
	for i, r := range c.Resources {
		a := r.Metadata.Annotations
		if a == nil {
			a = &Annotations{}
		}
		at := func(keys ...string) []string { return path(c.at[i], keys...) }
		if r.Kind == "Service" || r.Kind == "EgressNetwork" {
			t.accrual(r.Metadata.Name, a, at)
			t.limits(r.Metadata.Name, a, at)
		}
		t.retries(r.Metadata.Name, a, at)
	}
	return t
}

type traps []trap.Trap

func (t *traps) add(rule string, s trap.Severity, path []string, why, instead, what string, args ...any) {
	*t = append(*t, trap.Trap{Rule: "linkerd/" + rule, Severity: s, Path: path, What: fmt.Sprintf(what, args...), Why: why, Instead: instead})
}

func (t *traps) accrual(name string, a *Annotations, at func(...string) []string) {
	p := a.params()
	rate := a.Threshold != nil || a.Window != nil || a.MinRequests != nil
	row := a.MaxFailures != nil || a.MinPenalty != nil || a.MaxPenalty != nil || a.JitterRatio != nil
	switch p.FailureAccrual {
	case linkerd.None:
		what := "no failure-accrual"
		if rate || row {
			what = "failure-accrual-* without failure-accrual"
		}
		t.add("no-failure-accrual", trap.Error, at(accrual), "without it there is no circuit breaking at all",
			"write "+accrual+": consecutive", "%s: %s", name, what)
		return
	case linkerd.Consecutive:
		if rate {
			t.add("rate-ignored", trap.Error, at(accrual), "a success rate is looked at in the unified mode only",
				"write unified", "%s: failure-accrual consecutive with failure-accrual-success-rate-*", name)
		}
		if p.MaxFailures == 0 {
			t.add("never-shuts", trap.Error, at(maxFailures), "nothing is ever shut", `write "7"`, "%s: max-failures 0", name)
		} else {
			t.add("row-only", trap.Note, at(accrual), "an endpoint that fails half of its calls is hardly ever shut",
				"", "%s: failure-accrual consecutive", name)
		}
	case linkerd.Unified:
		if p.MaxFailures == 0 && p.Threshold == 0 {
			t.add("never-shuts", trap.Error, at(threshold), "nothing is ever shut", `write "0.8"`, "%s: max-failures 0 and success-rate-threshold 0", name)
		}
		if p.Threshold > 0 && p.MinRequests <= 1 {
			t.add("one-failure", trap.Warning, at(minRequests), "one failure after a quiet window shuts an endpoint",
				"write the requests that make a rate mean something, such as 10", "%s: success-rate-min-requests %d", name, p.MinRequests)
		}
	}
}

func (t *traps) limits(name string, a *Annotations, at func(...string) []string) {
	if a.Request == nil && a.Response == nil && a.RetryTimeout == nil {
		t.add("no-timeout", trap.Error, at(request), "a hung call is never seen as a failure, and a hung probe keeps its endpoint shut for ever",
			"write "+request+": 5s", "%s: no timeout", name)
	}
}

func (t *traps) retries(name string, a *Annotations, at func(...string) []string) {
	p := a.params()
	if a.RetryHTTP == nil && a.RetryGRPC == nil {
		if a.RetryLimit != nil || a.RetryTimeout != nil {
			t.add("retries-nothing", trap.Error, at(retryLimit), "without retry.linkerd.io/http or /grpc nothing is retried",
				"write retry.linkerd.io/grpc: unavailable", "%s: retries without a condition", name)
		}
		return
	}
	if limit := time.Duration(p.RetryLimit+1) * p.Attempt(); p.RequestTimeout > 0 && limit > p.RequestTimeout && p.Attempt() < p.RequestTimeout {
		t.add("retries-cut", trap.Warning, at(retryTimeout), "the last of them are cut off or never made",
			"write a longer timeout.linkerd.io/request, or fewer or shorter attempts",
			"%s: %d attempts of %s are longer than timeout %s", name, p.RetryLimit+1, Duration(p.Attempt()), Duration(p.RequestTimeout))
	}
	if p.Attempt() == p.RequestTimeout && p.RequestTimeout > 0 {
		t.add("no-retry-timeout", trap.Warning, at(retryTimeout), "an attempt that hangs uses up the time of all of them, and nothing is retried",
			"write "+retryTimeout, "%s: retries without a time limit of their own", name)
	}
}
