package config

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/formats/resilience4j"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// springYAML writes one instance, named like the callee, of each part that the
// policy asks for.
func springYAML(e edge, p policy.Policy, _ Origin) (File, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return File{}, err
	}
	r := spring{name: e.callee, neutral: n, comments: map[string]string{}}
	switch {
	case p.Breaker.Library == "":
		r.add("%s has no breaker: no circuitbreaker instance is written; set one with %s.breaker=opossum", e, e)
	case n.FailureRate <= 0:
		r.add("%s's %s never opens: no circuitbreaker instance is written", e, p.Breaker.Library)
	default:
		r.breaker(p.Breaker.Library)
	}
	if n.CallTimeout > 0 {
		r.config.TimeLimiter = instance(r.name, resilience4j.TimeLimiter{
			TimeoutDuration:     new(resilience4j.Duration(roundUp(n.CallTimeout, time.Millisecond))),
			CancelRunningFuture: new(p.Cancel == policy.Propagate || p.Deadline > 0),
		})
		r.comments["cancelRunningFuture"] = "has no effect on a CompletableFuture"
	} else {
		r.add("no time limit: no timelimiter instance is written")
	}
	r.retry(p.Retry)
	if n.MaxConcurrent > 0 {
		r.config.Bulkhead = instance(r.name, resilience4j.Bulkhead{MaxConcurrentCalls: new(n.MaxConcurrent)})
	}
	if p.Deadline > 0 {
		r.add("deadline %s is not resilience4j's: its timelimiter ends the wait on this side only; give the call a deadline (withDeadlineAfter)", policy.FormatDuration(p.Deadline))
	}
	r.around(p, fmt.Sprintf("keepAliveTime(%d, SECONDS) on the channel's builder", int(roundUp(p.Keepalive.Time, time.Second)/time.Second)), "fallbackMethod of the annotation")
	r.warnings = append(r.warnings, trap.Sentences(resilience4j.Traps(r.config))...)
	return File{"resilience4j." + e.callee + ".yml", resilience4j.Write(r.config, r.comments), r.warnings}, nil
}

// spring is an application.yml in the making.
type spring struct {
	name     string
	neutral  policy.Neutral
	config   resilience4j.Config
	comments map[string]string // by key
	warnings
}

func instance[T any](name string, v T) *resilience4j.Module[T] {
	return &resilience4j.Module[T]{Instances: map[string]T{name: v}}
}

func (r *spring) breaker(from string) {
	n := r.neutral
	probes := max(n.Probes, 1)
	b := resilience4j.CircuitBreaker{
		FailureRateThreshold:                  new(r.rate(from)),
		MinimumNumberOfCalls:                  new(max(n.MinCalls, 1)),
		WaitDurationInOpenState:               new(resilience4j.Duration(roundUp(n.OpenFor, time.Millisecond))),
		PermittedNumberOfCallsInHalfOpenState: new(probes),
		MaxWaitDurationInHalfOpenState:        new(resilience4j.Duration(roundUp(n.OpenFor, time.Millisecond))),
	}
	r.comments["maxWaitDurationInHalfOpenState"] = "the default waits for a hung probe for ever"
	if probes > *b.MinimumNumberOfCalls {
		r.comments["minimumNumberOfCalls"] = fmt.Sprintf("raised from %d: half-open would be decided after so few of its %d probes", *b.MinimumNumberOfCalls, probes)
		b.MinimumNumberOfCalls = new(probes)
	}
	if n.MinCalls <= 1 {
		r.add("minimumNumberOfCalls 1: one failure after a quiet window opens the breaker")
	}
	if n.WindowCalls > 0 {
		b.SlidingWindowType, b.SlidingWindowSize = new(resilience4j.CountBased), new(n.WindowCalls)
	} else {
		r.timeWindow(&b)
	}
	r.growth(&b)
	r.config.CircuitBreaker = instance(r.name, b)
}

func (r *spring) timeWindow(b *resilience4j.CircuitBreaker) {
	n := r.neutral
	seconds := roundUp(n.Window, time.Second)
	b.SlidingWindowType, b.SlidingWindowSize = new(resilience4j.TimeBased), new(int(seconds/time.Second))
	if seconds != n.Window {
		r.comments["slidingWindowSize"] = fmt.Sprintf("seconds; %s rounded up", policy.FormatDuration(n.Window))
		r.add("slidingWindowSize %d: windows are whole seconds, %s is not", int(seconds/time.Second), policy.FormatDuration(n.Window))
	} else {
		r.comments["slidingWindowSize"] = "seconds"
	}
	if t := n.CallTimeout; t > 0 && t < n.Window {
		opens := t + time.Duration(n.FailureRate*float64(n.Window-t))
		r.add("resilience4j divides by the calls that have ended: in a full hang it opens after about %s", policy.FormatDuration(opens.Round(100*time.Millisecond)))
	}
}

// rate is the failure rate in percent, at which resilience4j opens.
func (r *spring) rate(from string) float64 {
	percent := math.Round(r.neutral.FailureRate*1e6) / 1e4
	if from == "opossum" {
		r.comments["failureRateThreshold"] = "opens at it; opossum opened above its percentage"
	}
	switch {
	case percent > 100:
		r.add("failureRateThreshold 100: %s would not open however many calls fail, resilience4j opens when all do", from)
		return 100
	case percent <= 0:
		r.add("failureRateThreshold 0.01: 0 is not allowed")
		return 0.01
	}
	return percent
}

func (r *spring) growth(b *resilience4j.CircuitBreaker) {
	switch g := r.neutral.Growth; {
	case g.Factor > 1:
		b.EnableExponentialBackoff, b.ExponentialBackoffMultiplier = new(true), new(g.Factor)
		if g.Max > 0 {
			b.ExponentialMaxWaitDurationInOpenState = new(resilience4j.Duration(roundUp(g.Max, time.Millisecond)))
		}
		if g.Jitter > 0 {
			r.add("an open time either grows or is randomised: the jitter of %g %% is lost", 100*g.Jitter)
		}
	case g.Jitter > 0:
		b.EnableRandomizedWait, b.RandomizedWaitFactor = new(true), new(g.Jitter)
	}
}

func (r *spring) retry(p policy.Retry) {
	if p.Attempts <= 1 {
		return
	}
	v := resilience4j.Retry{
		MaxAttempts:  new(p.Attempts),
		WaitDuration: new(resilience4j.Duration(max(roundUp(p.Base, time.Millisecond), time.Millisecond))),
	}
	r.comments["maxAttempts"] = "the first call included"
	if p.Base < time.Millisecond {
		r.add("a retry at once is written as a wait of 1ms: a wait of 0 is ignored by some versions, which then wait 500ms")
	}
	multiplier := p.Multiplier
	if multiplier == 0 {
		multiplier = 2
	}
	if multiplier > 1 && p.Base > 0 {
		v.EnableExponentialBackoff, v.ExponentialBackoffMultiplier = new(true), new(multiplier)
		if p.Max > 0 {
			v.ExponentialMaxWaitDuration = new(resilience4j.Duration(roundUp(p.Max, time.Millisecond)))
		}
	}
	if p.Jitter > 0 && p.Base > 0 {
		v.EnableRandomizedWait, v.RandomizedWaitFactor = new(true), new(p.Jitter)
	}
	if p.Budget > 0 {
		r.add("resilience4j has no retry budget: %g %% of calls is lost", 100*p.Budget)
	}
	r.config.Retry = instance(r.name, v)
}

func roundUp(d, unit time.Duration) time.Duration {
	up := d.Truncate(unit)
	if up < d {
		up += unit
	}
	return max(up, unit)
}
