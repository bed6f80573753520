package semian

import (
	"fmt"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/semian"
)

// Traps are what a file does that its keys do not say.
func Traps(c Config) []trap.Trap {
	var t traps
	for _, b := range c {
		t.at = b.Path
		if len(c) > 1 {
			t.name = b.Name + ": "
		}
		t.bulkhead(b.Options)
		if !is(b.Options.CircuitBreaker, true) && !is(b.Options.Bulkhead, true) {
			t.add("nothing-left", trap.Error, "circuit_breaker", "registering the resource fails: the library wants one of the two",
				"leave circuit_breaker out", "circuit_breaker: false beside bulkhead: false")
			continue
		}
		if !is(b.Options.CircuitBreaker, true) {
			t.add("disabled", trap.Error, "circuit_breaker", "nothing opens, however many calls fail", "leave the key out", "circuit_breaker: false")
			continue
		}
		t.unchecked(b.Options)
		if p := b.Options.params(); p.AdaptiveCircuitBreaker {
			t.adaptive(p)
		} else {
			t.classic(p, b.Options)
		}
	}
	return t.found
}

// traps of the breaker that is looked at.
type traps struct {
	at    []string
	name  string // before each, where there are several breakers
	found []trap.Trap
}

func (t *traps) add(rule string, s trap.Severity, key, why, instead, what string, args ...any) {
	t.found = append(t.found, trap.Trap{
		Rule: "semian/" + rule, Severity: s, Path: trap.At(t.at, key),
		What: t.name + fmt.Sprintf(what, args...), Why: why, Instead: instead,
	})
}

// classic: what it takes to open, how long that lasts, and what half-open lets in.
func (t *traps) classic(p semian.Params, o Options) {
	open := p.ErrorTimeout
	if p.ExponentialBackoffErrorTimeout {
		open = p.ExponentialBackoffInitialTimeout
	}
	if !p.ErrorThresholdTimeoutEnabled {
		t.add("never-forgets", trap.Warning, "error_threshold_timeout_enabled",
			"no error ever leaves the window: those of different days add up", "leave the key out", "error_threshold_timeout_enabled: false")
		if o.ErrorThresholdTimeout != nil {
			t.add("window-without-effect", trap.Warning, "error_threshold_timeout",
				"without a window it has no effect, and the library takes the two for a contradiction", "leave one of the two out",
				"error_threshold_timeout %s beside error_threshold_timeout_enabled: false", number(*o.ErrorThresholdTimeout))
		}
	}
	if p.LumpingInterval > open {
		t.add("flaps", trap.Error, "lumping_interval",
			"an error in half-open opens again but leaves the old stamp, so that the very next call is half-open again",
			"write less than the open time", "lumping_interval %s is longer than the open time of %s", p.LumpingInterval, open)
	}
	if p.ErrorThreshold == 1 {
		t.add("one-error", trap.Warning, "error_threshold", fmt.Sprintf("a single error opens the breaker for %s", open),
			"write the errors that one process may see in a bad moment, such as 3", "error_threshold 1")
	}
	if p.ExponentialBackoffErrorTimeout && open > p.ErrorTimeout {
		t.add("backoff-falls", trap.Warning, "exponential_backoff_initial_timeout",
			"error_timeout is the longest open time: the second opening is shorter than the first", "write less than error_timeout",
			"exponential_backoff_initial_timeout %s is longer than error_timeout %s", open, p.ErrorTimeout)
	}
	if p.HalfOpenResourceTimeout > 0 {
		t.add("half-open-timeout", trap.Note, "half_open_resource_timeout",
			"it works with Mysql2, Trilogy, Net::HTTP and Redis; the gRPC and PostgreSQL adapters change nothing", "",
			"half_open_resource_timeout %s", p.HalfOpenResourceTimeout)
	}
	t.add("per-process", trap.Note, "error_threshold",
		"with n processes on a host up to n times as many calls fail before all are open", "",
		"error_threshold %d is counted in every process for itself", p.ErrorThreshold)
	t.add("all-probes", trap.Note, "success_threshold",
		"with calls that hang the whole load is let in until the first of them fails", "",
		"half-open lets every call through")
	t.add("from-last-error", trap.Note, "error_timeout",
		"calls begun before the trip that fail while open prolong it, by up to their time limit", "",
		"error_timeout %s runs from the last error, not from the trip", p.ErrorTimeout)
}

func (t *traps) adaptive(p semian.Params) {
	t.add("adaptive-fast", trap.Note, "adaptive_circuit_breaker",
		fmt.Sprintf("it keeps %d stamps of a kind for %d s: with more successes the error rate is overstated and healthy calls are rejected", 200*p.WindowSize, p.WindowSize), "",
		"adaptive_circuit_breaker is for no more than 200 calls a second in a process")
	t.add("adaptive-unlearns", trap.Note, "adaptive_circuit_breaker",
		"with all calls rejected the error rate reads 0, which is learnt as normal: about every 15 s some calls go through, and after the recovery a share is rejected for half a minute", "",
		"adaptive_circuit_breaker measures nothing while all is rejected")
}

func (t *traps) bulkhead(o Options) {
	switch {
	case !is(o.Bulkhead, true):
	case o.Tickets == nil && o.Quota == nil:
		t.add("no-tickets", trap.Error, "bulkhead", "registering the resource fails: the library wants one of the two",
			"write bulkhead: false, or tickets", "neither tickets nor quota")
	case o.Tickets != nil && o.Quota != nil:
		t.add("tickets-and-quota", trap.Error, "quota", "registering the resource fails: the library wants one of the two",
			"write one of the two", "tickets beside quota")
	default:
		t.add("busy-counts", trap.Note, "tickets",
			"a call without a ticket counts as an error and can open the breaker; tickets are of the whole host, and under threads (Puma, Sidekiq) they must be off", "",
			"the bulkhead is inside the breaker")
	}
}

func (t *traps) unchecked(o Options) {
	if !is(o.ForceConfigValidation, false) {
		t.add("unchecked", trap.Note, "force_config_validation", "what is wrong with the options is written into a log only",
			"write force_config_validation: true", "no force_config_validation")
	}
}
