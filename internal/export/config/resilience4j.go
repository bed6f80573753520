package config

import (
	"fmt"
	"slices"
	"time"

	format "tripcurve/internal/formats/resilience4j"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/resilience4j"
)

// springYAML writes one instance, named like the callee, of each module that the
// policy needs.
func springYAML(e edge, p policy.Policy, o Origin) (File, error) {
	s, err := springOf(e, p)
	if err != nil {
		return File{}, err
	}
	var c format.Config
	c.Add(e.callee, s.params, s.breaker)
	text := comment(o)
	for _, loss := range s.losses {
		text += "# approximated or lost: " + loss + "\n"
	}
	text += format.Write(c, s.comments())
	s.deadlines(p)
	s.around(p, fmt.Sprintf("keepAliveTime(%d, SECONDS) on the channel's builder", int((p.Keepalive.Time+time.Second-1)/time.Second)), "fallbackMethod of the annotation")
	s.warnings = append(s.warnings, trap.Sentences(format.Traps(c))...)
	return File{"resilience4j." + e.callee + ".yml", text, s.warnings}, nil
}

// spring is an edge's policy in resilience4j's properties.
type spring struct {
	params  resilience4j.Params
	breaker bool
	losses  []string // also in the file
	warnings
}

// springOf keeps the numbers of a policy that has resilience4j as they are, under the
// limits and retries that the policy sets beside them.
func springOf(e edge, p policy.Policy) (spring, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return spring{}, err
	}
	s := spring{breaker: true}
	switch from := p.Breaker.Library; {
	case from == "resilience4j":
		if s.params, err = resilience4j.Parse(p.Breaker.Params); err != nil {
			return spring{}, err
		}
		s.within(p, n)
	case from != "" && n.FailureRate > 0:
		s.params, s.losses = resilience4j.FromNeutral(n)
		s.cancels(p)
	default:
		s.breaker = false
		if from == "" {
			s.add("%s has no breaker: no circuitbreaker instance is written; set one with %s.breaker=resilience4j", e, e)
		} else {
			s.add("%s's %s has no rate to open at: no circuitbreaker instance is written", e, from)
		}
		s.alone(n)
		s.cancels(p)
	}
	if s.params.TimeLimiter.TimeoutDuration == 0 {
		s.add("no time limit: no timelimiter instance is written")
	}
	s.hang()
	s.warnings = append(slices.Clone(s.losses), s.warnings...)
	return s, nil
}

// within puts what the policy sets beside the library's own numbers over them.
func (s *spring) within(p policy.Policy, n policy.Neutral) {
	own := s.params.Neutral()
	if p.Retry.Attempts > 1 {
		beside, losses := partsOf(policy.Neutral{Retry: p.Retry})
		s.params.Retry, s.losses = beside.Retry, append(s.losses, losses...)
	}
	if n.CallTimeout != own.CallTimeout {
		beside, losses := partsOf(policy.Neutral{CallTimeout: n.CallTimeout})
		s.params.TimeLimiter.TimeoutDuration, s.losses = beside.TimeLimiter.TimeoutDuration, append(s.losses, losses...)
	}
	s.params.Bulkhead.MaxConcurrentCalls = n.MaxConcurrent
}

// alone is everything but a breaker; what a breaker inside them rejected is then no
// concern of the retries.
func (s *spring) alone(n policy.Neutral) {
	s.params, s.losses = partsOf(policy.Neutral{CallTimeout: n.CallTimeout, TotalTimeout: n.TotalTimeout, MaxConcurrent: n.MaxConcurrent, Retry: n.Retry})
	s.params.Retry.IgnoreExceptions = ""
}

// partsOf are the modules around a breaker, and what is lost of those alone.
func partsOf(n policy.Neutral) (resilience4j.Params, []string) {
	n.FailureRate, n.MinCalls, n.WindowCalls, n.Probes = 1, 1, 1, 1 // nothing is lost of the breaker
	return resilience4j.FromNeutral(n)
}

// cancels says whether the time limit ends the call, as far as it can.
func (s *spring) cancels(p policy.Policy) {
	if s.params.TimeLimiter.TimeoutDuration > 0 {
		s.params.TimeLimiter.CancelRunningFuture = p.Cancel == policy.Propagate || p.Deadline > 0
	}
}

// hang says when a window of time opens in a full hang, for that surprises.
func (s *spring) hang() {
	p := s.params
	window, limit := time.Duration(p.SlidingWindowSize)*time.Second, p.TimeLimiter.TimeoutDuration
	if s.breaker && p.SlidingWindowType == resilience4j.TimeBased && limit > 0 && limit < window {
		opens := limit + time.Duration(p.FailureRateThreshold/100*float64(window-limit))
		s.add("resilience4j divides by the calls that have ended: in a full hang it opens after about %s", policy.FormatDuration(opens.Round(100*time.Millisecond)))
	}
}

// comments follow from the file's own numbers, so that they are the same whoever
// writes it.
func (s *spring) comments() map[string]string {
	comments := map[string]string{
		"maxAttempts":         "the first call included",
		"cancelRunningFuture": "has no effect on a CompletableFuture",
	}
	if s.params.SlidingWindowType == resilience4j.TimeBased {
		comments["slidingWindowSize"] = "seconds"
	}
	if s.params.MaxWaitDurationInHalfOpenState > 0 {
		comments["maxWaitDurationInHalfOpenState"] = "the default waits for a hung probe for ever"
	}
	return comments
}

func (s *spring) deadlines(p policy.Policy) {
	if p.Deadline > 0 {
		s.add("deadline %s is not resilience4j's: its timelimiter ends the wait on this side only; give the call a deadline (withDeadlineAfter)", policy.FormatDuration(p.Deadline))
	}
}
