package policy

import "time"

// Neutral is a breaker and what belongs around it in words that no library owns,
// the go-between when thresholds move from one library to another. What a
// library cannot say is lost on the way, and its FromNeutral says so in words.
type Neutral struct {
	// CallTimeout ends one attempt; 0 is no limit.
	CallTimeout time.Duration
	// TotalTimeout ends the call with all its attempts and waits; 0 is no limit.
	TotalTimeout time.Duration
	// FailureRate trips the breaker when it is reached, 0..1; slightly above 1
	// never trips. 0 says that there is no rule on a rate.
	FailureRate float64
	// MinCalls must be in the window before the rate is looked at.
	MinCalls int
	// Window is the time window of the rate; 0 where WindowCalls counts calls.
	Window      time.Duration
	WindowCalls int
	// OpenFor is how long the breaker stays open the first time.
	OpenFor time.Duration
	Growth  Growth
	// Probes is the number of calls let in half-open; 0 is one.
	Probes int
	// MaxConcurrent bounds the calls in flight; 0 is no bound.
	MaxConcurrent int
	// Retry counts all tries, the first included, whatever the target library counts.
	Retry Retry
}

// Growth says how the open time changes from opening to opening.
type Growth struct {
	Factor float64       // each open time is this many times the last; 0 and 1 do not grow
	Max    time.Duration // longest open time; 0 is no bound
	Jitter float64       // 0..1: drawn from [1-Jitter, 1+Jitter] of its length
}
