package linkerd

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/formats/yamltext"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/linkerd"
)

// The annotations that messages point at.
var (
	accrual      = linkerd.Annotations["failure-accrual"]
	maxFailures  = linkerd.Annotations["consecutive-max-failures"]
	minPenalty   = linkerd.Annotations["consecutive-min-penalty"]
	maxPenalty   = linkerd.Annotations["consecutive-max-penalty"]
	threshold    = linkerd.Annotations["success-rate-threshold"]
	window       = linkerd.Annotations["success-rate-window"]
	minRequests  = linkerd.Annotations["success-rate-min-requests"]
	request      = linkerd.Annotations["timeout-request"]
	retryLimit   = linkerd.Annotations["retry-limit"]
	retryTimeout = linkerd.Annotations["retry-timeout"]
)

// comments stand behind annotations that are easily misread.
var comments = map[string]string{
	maxFailures:  "of one endpoint in a row",
	minPenalty:   "doubles after each failed probe",
	threshold:    "shuts strictly below it, each endpoint for itself",
	request:      "with all retries",
	retryLimit:   "the first attempt excluded; there is no back-off to set",
	retryTimeout: "of one attempt",
}

// Write is c as YAML documents, each to be merged into its Service.
func Write(c Config) string {
	var docs []string
	for _, r := range c.Resources {
		docs = append(docs, yamltext.Write(r, comments))
	}
	return strings.Join(docs, "---\n")
}

// Policies are the policies that a file states, one for each Service or
// EgressNetwork, under its name.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := map[string]policy.Policy{}
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, r := range c.Resources {
		name := r.Metadata.Name
		a := r.Metadata.Annotations
		if a == nil {
			a = &Annotations{}
		}
		switch _, twice := policies[name]; {
		case strings.HasSuffix(r.Kind, "Route"):
			if *a != (Annotations{}) {
				note("%s: the annotations of a %s are left out: a policy has one set of limits for all calls", name, r.Kind)
			}
			continue
		case twice:
			note("%s: a second %s of that name is left out", name, r.Kind)
			continue
		}
		policies[name] = policy.Policy{Breaker: policy.BreakerSpec{Library: "linkerd", Params: a.params().Map()}}
	}
	return policies, notes
}

func (a *Annotations) params() linkerd.Params {
	p := linkerd.Default()
	p.FailureAccrual = string(value(a.FailureAccrual, linkerd.None))
	p.MaxFailures = int(value(a.MaxFailures, Count(p.MaxFailures)))
	take(&p.MinPenalty, a.MinPenalty)
	take(&p.MaxPenalty, a.MaxPenalty)
	p.JitterRatio = float64(value(a.JitterRatio, Ratio(p.JitterRatio)))
	p.Threshold = float64(value(a.Threshold, Ratio(p.Threshold)))
	take(&p.Window, a.Window)
	p.MinRequests = int(value(a.MinRequests, Count(p.MinRequests)))
	take(&p.RequestTimeout, a.Request)
	take(&p.ResponseTimeout, a.Response)
	p.RetryHTTP, p.RetryGRPC = string(value(a.RetryHTTP, "")), string(value(a.RetryGRPC, ""))
	if n := value(a.RetryLimit, 0); n > 0 { // 0 is the default, too
		p.RetryLimit = int(n)
	}
	take(&p.RetryTimeout, a.RetryTimeout)
	return p
}

func take(to *time.Duration, from *Duration) {
	if from != nil {
		*to = time.Duration(*from)
	}
}

func value[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// Of is a Service with the annotations that say p.
func Of(name string, p linkerd.Params) Config {
	d := linkerd.Default()
	a := &Annotations{
		Request: other(Duration(p.RequestTimeout), 0), Response: other(Duration(p.ResponseTimeout), 0),
		RetryHTTP: other(HTTP(p.RetryHTTP), ""), RetryGRPC: other(GRPC(p.RetryGRPC), ""),
		RetryTimeout: other(Duration(p.RetryTimeout), 0),
	}
	if p.Retries() {
		a.RetryLimit = new(Count(p.RetryLimit))
	}
	if p.FailureAccrual != linkerd.None {
		a.FailureAccrual = new(Mode(p.FailureAccrual))
		a.MaxFailures = new(Count(p.MaxFailures))
		a.MinPenalty, a.MaxPenalty = new(Duration(p.MinPenalty)), new(Duration(p.MaxPenalty))
		a.JitterRatio = other(Ratio(p.JitterRatio), Ratio(d.JitterRatio))
	}
	if p.FailureAccrual == linkerd.Unified {
		a.Threshold = new(Ratio(p.Threshold))
		a.Window = new(Duration(p.Window))
		a.MinRequests = new(Count(p.MinRequests))
	}
	return Config{
		Resources: []Resource{{APIVersion: "v1", Kind: "Service", Metadata: Metadata{Name: name, Annotations: a}}},
		at:        []int{0},
	}
}

// other is v unless it is what Linkerd takes anyway.
func other[T comparable](v, absent T) *T {
	if v == absent {
		return nil
	}
	return &v
}
