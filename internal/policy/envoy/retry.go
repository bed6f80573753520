package envoy

import (
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy/retry"
)

// Plan is the retries of the route; nil when it makes none.
func (p Params) Plan() *retry.Plan {
	if !p.Retries() {
		return nil
	}
	return &retry.Plan{Attempts: p.NumRetries + 1, Wait: p.wait, Retries: p.retriable(), Budget: &breaker{params: p}}
}

// retried are the gRPC statuses that a word of retry_on retries. The words for HTTP
// see a gRPC call only where it fails as HTTP: with a 504 when per_try_timeout ends
// it, and with a 503 or a reset when there is no connection.
var retried = map[string][]uint32{
	"5xx":                {deadlineExceeded, unavailable},
	"gateway-error":      {deadlineExceeded, unavailable},
	"reset":              {unavailable},
	"connect-failure":    {unavailable},
	"refused-stream":     {unavailable},
	"cancelled":          {1},
	"deadline-exceeded":  {deadlineExceeded},
	"internal":           {13},
	"resource-exhausted": {8},
	"unavailable":        {unavailable},
}

const (
	deadlineExceeded = 4
	unavailable      = 14
)

// retriable says which gRPC statuses retry_on retries.
func (p Params) retriable() func(status uint32) bool {
	var all []uint32
	for word := range strings.SplitSeq(p.RetryOn, ",") {
		all = append(all, retried[strings.TrimSpace(word)]...)
	}
	return func(status uint32) bool { return slices.Contains(all, status) }
}

// wait before retry n is anything from 0 up to base_interval, which doubles from
// retry to retry up to max_interval: the wait is random as a whole
// (source/common/common/backoff_strategy.cc, JitteredExponentialBackOffStrategy).
// The documentation of retry_back_off says base_interval * (2^n - 1); the code, since
// 2020, doubles.
func (p Params) wait(n int, u float64) time.Duration {
	most := p.longestWait()
	reach := p.BaseInterval
	for range n - 1 {
		if reach >= most/2 {
			reach = most
			break
		}
		reach *= 2
	}
	return time.Duration(u * float64(reach))
}

// longestWait is MaxInterval with its default.
func (p Params) longestWait() time.Duration {
	if p.MaxInterval > 0 {
		return p.MaxInterval
	}
	return 10 * p.BaseInterval
}

// breaker is what circuit_breakers says about retries: at most max_retries at once,
// or with a retry budget a share of the requests in flight. A retry counts from the
// decision to make it, its wait included, to its end (source/common/router/
// retry_state_impl.cc, shouldRetry and resetRetry; source/common/upstream/
// resource_manager_impl.h, RetryBudgetImpl).
type breaker struct {
	params   Params
	requests int // in flight, the one that is about to be retried included
	retries  int // decided upon and not ended
}

var _ retry.Budget = (*breaker)(nil)

// Begin of a call, or of a retry after its wait.
func (b *breaker) Begin(bool) bool {
	b.requests++
	return true
}

// End of a retry, or of the call: the request of its last attempt.
func (b *breaker) End(retry bool) {
	if retry {
		b.retries--
		return
	}
	b.requests--
}

// Failed is asked after the number of retries has been looked at: a call that has
// none left takes no place.
func (b *breaker) Failed(last bool) bool {
	if last || b.retries >= b.most() {
		return false
	}
	b.retries++
	b.requests-- // until the retry begins there is no request
	return true
}

// Succeeded does nothing: only what is in flight counts.
func (b *breaker) Succeeded() {}

// most is how many retries there may be now: a share of the requests, cut to a
// whole number, but never fewer than min_retry_concurrency.
func (b *breaker) most() int {
	if !b.params.RetryBudget {
		return b.params.MaxRetries
	}
	return max(int(b.params.BudgetPercent/100*float64(b.requests)), b.params.MinRetryConcurrency)
}
