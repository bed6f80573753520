package grpc

import (
	"math"
	"slices"
	"strconv"
	"time"

	"tripcurve/internal/policy/retry"
)

// Channel is what the calls of one channel share: the policy and its throttling.
type Channel struct {
	params   Params
	throttle *retry.Throttle // nil is no throttling
}

// NewChannel is a channel that just got its service config.
func NewChannel(p Params) *Channel { return &Channel{params: p, throttle: p.throttle()} }

func (p Params) throttle() *retry.Throttle {
	if p.MaxTokens <= 0 {
		return nil
	}
	return retry.NewThrottle(p.MaxTokens, p.TokenRatio)
}

// Tokens is how many are left of the throttling; false where there is none.
func (c *Channel) Tokens() (float64, bool) {
	if c.throttle == nil {
		return 0, false
	}
	return c.throttle.Tokens(), true
}

// Call is one call and its attempts.
type Call struct {
	channel  *Channel
	deadline time.Time // zero is none
	retries  int       // made so far
	row      int       // of them, those since the server last set a wait
}

// Begin begins a call. Its deadline is the earlier of the caller's own (zero is
// none) and the service config's timeout (grpc-go 1.85.0, stream.go,
// newClientStreamWithParams).
func (c *Channel) Begin(now, deadline time.Time) Call {
	if t := c.params.Timeout; t > 0 {
		if own := now.Add(t); deadline.IsZero() || own.Before(deadline) {
			deadline = own
		}
	}
	return Call{channel: c, deadline: deadline}
}

// Deadline ends the call with DEADLINE_EXCEEDED, in an attempt or in a wait; false
// when it has none.
func (c *Call) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Attempt is how an attempt ended, as the client sees it.
type Attempt struct {
	Status Status
	// Headers: the response's headers had come, and with them the call is committed
	// to this attempt.
	Headers bool
	// Pushback is the trailer grpc-retry-pushback-ms, each of its values.
	Pushback []string
}

// Ended says whether the attempt that just ended is made again, and after which
// wait. Where the deadline comes before the end of the wait, the call ends there
// and no further attempt is made. u in [0,1) is the dice (grpc-go 1.85.0,
// stream.go, csAttempt.shouldRetry).
func (c *Call) Ended(a Attempt, u float64) (wait time.Duration, again bool) {
	p := c.channel.params
	if a.Status == OK {
		c.channel.succeeded()
		return 0, false
	}
	if a.Headers {
		return 0, false // committed: neither retried nor counted for throttling
	}
	if forbidden(a.Pushback) {
		c.channel.failed() // counts, whatever the status
		return 0, false
	}
	if p.Attempts <= 1 || !p.Retryable(a.Status) {
		return 0, false
	}
	// A failure counts for throttling also when it is the call's last attempt, and
	// before the attempts are counted.
	if !c.channel.failed() {
		return 0, false
	}
	if c.retries+1 >= p.attempts() {
		return 0, false
	}
	c.retries++
	if len(a.Pushback) == 1 {
		ms, _ := strconv.Atoi(a.Pushback[0])
		c.row = 0 // the backoff begins anew after it
		return time.Duration(ms) * time.Millisecond, true
	}
	c.row++
	return p.backoff(c.row, u), true
}

// forbidden is a pushback that is negative, no number, or more than one.
func forbidden(pushback []string) bool {
	switch len(pushback) {
	case 0:
		return false
	case 1:
		ms, err := strconv.Atoi(pushback[0])
		return err != nil || ms < 0
	default:
		return true
	}
}

func (c *Channel) failed() bool { return c.throttle == nil || c.throttle.Failed(false) }

func (c *Channel) succeeded() {
	if c.throttle != nil {
		c.throttle.Succeeded()
	}
}

// attempts is at most MaxAttempts.
func (p Params) attempts() int { return min(p.Attempts, MaxAttempts) }

// Retryable says whether a status is worth another attempt.
func (p Params) Retryable(s Status) bool { return slices.Contains(p.RetryableStatusCodes, s) }

// backoff is the wait before retry n, 1 being the second attempt. The bound comes
// before the jitter of 20 %, so a wait can pass it (grpc-go before its pull request
// 7869 drew from 0 to 100 %).
func (p Params) backoff(n int, u float64) time.Duration {
	wait := float64(p.InitialBackoff) * math.Pow(p.BackoffMultiplier, float64(n-1))
	wait = min(wait, float64(p.MaxBackoff))
	return time.Duration(wait * (0.8 + 0.4*u))
}

// Plan is the retries as a host makes them whose callees neither push back nor send
// headers before they fail; nil where there are none.
func (p Params) Plan() *retry.Plan {
	if p.Attempts <= 1 {
		return nil
	}
	plan := &retry.Plan{
		Attempts: p.attempts(),
		Wait:     p.backoff,
		Retries:  func(status uint32) bool { return p.Retryable(Status(status)) },
	}
	if t := p.throttle(); t != nil {
		plan.Budget = t
	}
	return plan
}
