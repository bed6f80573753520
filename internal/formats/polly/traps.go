package polly

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/polly"
)

// Traps are what a config does that its keys do not say.
func Traps(c Config) []trap.Trap {
	var traps []trap.Trap
	for _, client := range c {
		j := judge{client: client, p: client.Options.Params()}
		j.limits()
		j.breaker()
		j.retries()
		traps = append(traps, j.traps...)
	}
	return traps
}

// judge collects the traps of one client.
type judge struct {
	client Client
	p      polly.Params
	traps  []trap.Trap
}

func (j *judge) add(rule string, s trap.Severity, path []string, why, instead, what string, args ...any) {
	j.traps = append(j.traps, trap.Trap{
		Rule: "polly/" + rule, Severity: s, Path: trap.At(j.client.Path, path...),
		What: j.client.Name + ": " + fmt.Sprintf(what, args...), Why: why, Instead: instead,
	})
}

var (
	attemptPath  = []string{"AttemptTimeout", "Timeout"}
	samplingPath = []string{"CircuitBreaker", "SamplingDuration"}
)

func (j *judge) limits() {
	p := j.p
	if p.SamplingDuration < 2*p.AttemptTimeout {
		j.add("sampling-below-attempt", trap.Error, samplingPath,
			"it is less than twice AttemptTimeout "+polly.FormatTimeSpan(p.AttemptTimeout)+", and the application does not start",
			"write "+polly.FormatTimeSpan(2*p.AttemptTimeout)+" or more, or a shorter AttemptTimeout",
			"SamplingDuration %s", polly.FormatTimeSpan(p.SamplingDuration))
	}
	if p.AttemptTimeout > p.TotalRequestTimeout {
		j.add("attempt-above-total", trap.Error, attemptPath,
			"it is longer than TotalRequestTimeout "+polly.FormatTimeSpan(p.TotalRequestTimeout)+", and the application does not start",
			"write a shorter one", "AttemptTimeout %s", polly.FormatTimeSpan(p.AttemptTimeout))
	}
	j.add("cooperative", trap.Note, attemptPath,
		"it cancels the token and waits: a call that does not look at its token is never timed out, and as a probe it leaves the breaker half-open for ever", "",
		"AttemptTimeout %s", polly.FormatTimeSpan(p.AttemptTimeout))
	j.add("cancelled-counts", trap.Note, []string{"TotalRequestTimeout", "Timeout"},
		"the attempt that it cancels counts as a success of the breaker", "", "TotalRequestTimeout %s", polly.FormatTimeSpan(p.TotalRequestTimeout))
	if l := j.client.Options.RateLimiter; l != nil && l.DefaultRateLimiterOptions != nil {
		if q := l.DefaultRateLimiterOptions.QueueLimit; q != nil && *q > 0 {
			j.add("queue-waits", trap.Warning, []string{"RateLimiter", "DefaultRateLimiterOptions", "QueueLimit"},
				"the limiter is outside TotalRequestTimeout: a call waits for a permit without a time limit", "write 0", "QueueLimit %d", *q)
		}
	}
}

func (j *judge) breaker() {
	p := j.p
	if p.MinimumThroughput == math.MaxInt32 { // switched off
		return
	}
	if p.FailureRatio == 0 {
		j.add("ratio-zero", trap.Warning, []string{"CircuitBreaker", "FailureRatio"},
			fmt.Sprintf("any failure opens the breaker once there are %d results", p.MinimumThroughput), "write a share above 0", "FailureRatio 0")
	}
	if p.MinimumThroughput < 5 {
		j.add("few-results", trap.Warning, []string{"CircuitBreaker", "MinimumThroughput"},
			"a failure or two in a quiet window open the breaker", "write the calls that make a rate mean something, such as 10", "MinimumThroughput %d", p.MinimumThroughput)
	}
	j.add("needs-traffic", trap.Note, []string{"CircuitBreaker", "MinimumThroughput"},
		fmt.Sprintf("below %.3g calls/s there are never so many results in %s, and the breaker never opens",
			float64(p.MinimumThroughput)/p.SamplingDuration.Seconds(), polly.FormatTimeSpan(p.SamplingDuration)), "",
		"MinimumThroughput %d", p.MinimumThroughput)
	if limit := min(p.AttemptTimeout, p.SamplingDuration); limit > 0 {
		opens := limit + time.Duration(p.FailureRatio*float64(p.SamplingDuration-limit))
		j.add("hang-let-through", trap.Note, samplingPath,
			fmt.Sprintf("under load a hang is let through for about %s before the breaker opens", policy.FormatDuration(opens.Round(100*time.Millisecond))), "", "calls are counted at their end")
	}
}

func (j *judge) retries() {
	r := j.p.Retry
	attempts := []string{"Retry", "MaxRetryAttempts"}
	switch r.MaxRetryAttempts {
	case 0:
		j.add("zero-retries", trap.Note, attempts, "earlier releases of Polly 8 refuse 0 and do not start", "", "MaxRetryAttempts 0")
		return
	case math.MaxInt32:
		j.add("endless-retries", trap.Warning, attempts, "it is tried without end, as long as TotalRequestTimeout allows", "write a number such as 3", "MaxRetryAttempts %d", r.MaxRetryAttempts)
	}
	j.add("unsafe-methods", trap.Note, attempts,
		"the standard pipeline repeats POST and PUT as well, unless the program calls Retry.DisableForUnsafeHttpMethods()", "", "MaxRetryAttempts %d", r.MaxRetryAttempts)
	if !r.UseJitter && r.Delay > 0 {
		j.add("no-jitter", trap.Warning, []string{"Retry", "UseJitter"}, "callers that failed together try again together", "write true", "UseJitter false")
	}
	if n, cut := j.cut(); cut {
		j.add("attempts-cut", trap.Note, attempts,
			fmt.Sprintf("when every attempt takes its %s, TotalRequestTimeout %s ends attempt %d", polly.FormatTimeSpan(j.p.AttemptTimeout), polly.FormatTimeSpan(j.p.TotalRequestTimeout), n), "",
			"MaxRetryAttempts %d", r.MaxRetryAttempts)
	}
}

// cut is the number of the attempt that the total timeout meets when every one takes
// as long as it may; waits are without their jitter. Nobody looks beyond a thousand.
func (j *judge) cut() (attempt int, ok bool) {
	r := j.p.Retry
	r.UseJitter = false
	plan := r.Plan()
	used := j.p.AttemptTimeout
	for n := 1; n <= min(r.MaxRetryAttempts, 1000); n++ {
		used += min(plan.Wait(n, 0), polly.Longest) + j.p.AttemptTimeout
		if used > j.p.TotalRequestTimeout {
			return n + 1, true
		}
	}
	return 0, false
}
