package config

import (
	"tripcurve/internal/formats"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Rules is the catalogue: every rule that a finding can name.
func Rules() []Rule {
	rules := []Rule{{"file/unknown-document", trap.Warning, "a document among others whose format is not known"}}
	for _, f := range formats.All() {
		rules = append(rules, strictRules(f)...)
		rules = append(rules, formatRules[f.Name]...)
	}
	for _, c := range checks() {
		rules = append(rules, c.Rule)
	}
	return append(rules, aboveCallers, outlive, times)
}

// mistakes are the kinds of what a strict reader would not take.
var mistakes = []source.Mistake{source.Syntax, source.UnknownKey, source.Repeated, source.Value}

// strictRules are what the strict reader of a format would not take.
func strictRules(f formats.Format) []Rule {
	of := func(m source.Mistake, doc string) Rule { return Rule{f.Name + "/" + m.String(), trap.Error, doc} }
	return []Rule{
		of(source.Syntax, "the file cannot be read: "+f.Title),
		of(source.UnknownKey, "a key that nobody reads"),
		of(source.Repeated, "a key that is there twice"),
		of(source.Value, "a value of another kind, out of range, or at odds with another one"),
	}
}

// formatRules are the traps of each format, in the order in which its package
// has them.
var formatRules = map[string][]Rule{
	"policy": {
		{"policy/library", trap.Note, "what the library of a boundary does with its parameters, in its words"},
	},
	"opossum": {
		{"opossum/ignored-key", trap.Error, "errorThreshold and maxFailures are no options of opossum, which ignores them in silence"},
		{"opossum/shared-abort", trap.Error, "one abortController aborts all calls in flight at the first time-out"},
		{"opossum/string-number", trap.Error, "a number in quotes becomes the default (volumeThreshold 0, capacity unlimited) or is left to JavaScript"},
		{"opossum/filter-in-json", trap.Error, "errorFilter is a function and cannot stand in JSON"},
		{"opossum/filter-in-code", trap.Note, "errorFilter is a function and stands in the code"},
		{"opossum/zero-window", trap.Warning, "rollingCountTimeout 0 falls back to the default"},
		{"opossum/disabled", trap.Error, "enabled false guards nothing"},
		{"opossum/volume-zero", trap.Warning, "without volumeThreshold one failure after a quiet window opens the breaker"},
		{"opossum/never-opens", trap.Error, "errorThresholdPercentage 100 is never exceeded"},
		{"opossum/reset-in-window", trap.Warning, "closing keeps the window: with a resetTimeout inside it the next failure opens again"},
		{"opossum/no-timeout", trap.Error, "without a timeout a hang is never a failure, and a hung probe is for ever"},
		{"opossum/timeout-beyond-window", trap.Warning, "calls leave the window before their failure enters it"},
		{"opossum/hang-diluted", trap.Note, "calls in flight dilute the rate: a hang is let through for timeout and the threshold's share of the window"},
		{"opossum/work-goes-on", trap.Note, "a time-out settles the caller; the call runs on"},
		{"opossum/unbound-method", trap.Error, "a client's method handed over without its client fails on every call"},
		{"opossum/shared-options", trap.Error, "the constructor writes into the options object; two breakers must not share one"},
		{"opossum/misnamed-option", trap.Warning, "a parameter named errorThreshold that is a percentage"},
		{"opossum/capacity-fails", trap.Note, "calls above capacity count as failures"},
	},
	"resilience4j": {
		{"resilience4j/no-timelimiter", trap.Error, "the breaker counts calls that have ended; without a time limit a hang is invisible"},
		{"resilience4j/half-open-forever", trap.Warning, "maxWaitDurationInHalfOpenState 0 waits for a hung probe for ever"},
		{"resilience4j/probes-above-minimum", trap.Warning, "half-open is decided after minimumNumberOfCalls results"},
		{"resilience4j/minimum-cut", trap.Warning, "a window of calls cuts minimumNumberOfCalls to its size"},
		{"resilience4j/attempts-counted", trap.Note, "each attempt of a retry is one call to the breaker"},
		{"resilience4j/slow-never", trap.Warning, "a call is cut off before it is slow"},
		{"resilience4j/work-goes-on", trap.Note, "cancelling a CompletableFuture stops no work"},
		{"resilience4j/window-size-default", trap.Warning, "TIME_BASED without a size has a window of 100 s"},
		{"resilience4j/minimum-one", trap.Warning, "minimumNumberOfCalls 1 opens on one failure after a quiet window"},
		{"resilience4j/slow-all", trap.Warning, "slowCallRateThreshold 100 opens only when all calls are slow"},
		{"resilience4j/half-open-cut", trap.Warning, "half-open ends before a probe that hangs does"},
		{"resilience4j/initial-state", trap.Warning, "an initialState other than CLOSED; most have no end"},
		{"resilience4j/below-one-percent", trap.Error, "Spring Boot refuses thresholds below 1 %"},
		{"resilience4j/both-waits", trap.Error, "an open time that both grows and is random stops the application at start"},
		{"resilience4j/wait-overlooked", trap.Error, "without a wait of its own, growth and randomness are overlooked"},
		{"resilience4j/bound-overlooked", trap.Error, "without its multiplier the longest wait is overlooked"},
		{"resilience4j/timeout-not-counted", trap.Error, "recordExceptions or ignoreExceptions keep time-outs from counting as failures"},
		{"resilience4j/bulkhead-counts", trap.Note, "a full bulkhead is a failure to the breaker"},
		{"resilience4j/rejections-retried", trap.Note, "what the open breaker rejects is retried, too"},
	},
	"grpc": {
		{"grpc/no-timeout", trap.Error, "a call without a deadline waits for ever"},
		{"grpc/zero-timeout", trap.Error, "timeout 0s ends every call at once"},
		{"grpc/short-fraction", trap.Warning, "grpc-js takes the decimals of a timeout for nanoseconds: \"0.25s\" ends a call at once"},
		{"grpc/hedging-not-in-go", trap.Warning, "grpc-go does not implement hedgingPolicy"},
		{"grpc/attempts-capped", trap.Warning, "clients make no more than 5 attempts"},
		{"grpc/retry-own-deadline", trap.Warning, "a call's own DEADLINE_EXCEEDED is not retried"},
		{"grpc/timeout-covers-retries", trap.Note, "the timeout covers all attempts; a hang is never retried"},
		{"grpc/waits-reach-timeout", trap.Warning, "the waits between attempts alone reach the timeout"},
		{"grpc/retries-unbounded", trap.Warning, "retries without retryThrottling multiply the load of a failure"},
		{"grpc/throttling-unused", trap.Note, "retryThrottling without a retryPolicy throttles nothing"},
	},
	"grpc-client": {
		{"grpc-client/insecure", trap.Warning, "createInsecure sends requests and tokens in plain text"},
		{"grpc-client/max-concurrent-streams", trap.Error, "grpc.max_concurrent_streams is a server's; on a client it bounds nothing"},
		{"grpc-client/no-keepalive", trap.Warning, "without a keepalive a connection that died in silence is not noticed"},
		{"grpc-client/keepalive-unused", trap.Warning, "settings of a keepalive that is off"},
		{"grpc-client/below-min-time", trap.Warning, "a server closes the connection of a client that pings more often than its MinTime, 5 min by default"},
		{"grpc-client/unpermitted-pings", trap.Warning, "pings without calls need the server's permission"},
		{"grpc-client/no-deadline", trap.Error, "a call without a deadline waits for ever"},
		{"grpc-client/retries-off", trap.Error, "grpc.enable_retries 0 turns a retryPolicy off"},
	},
	"hystrix": {
		{"hystrix/no-timeout", trap.Error, "without a time limit a hang is never a failure and keeps its thread for ever"},
		{"hystrix/semaphore-timeout", trap.Warning, "with SEMAPHORE a caller waits on beyond the time limit"},
		{"hystrix/no-interrupt", trap.Warning, "a call keeps its thread beyond its time limit"},
		{"hystrix/work-goes-on", trap.Note, "the time limit interrupts the thread, which a call may overlook"},
		{"hystrix/rejections-count", trap.Note, "a call that the pool or the semaphore rejects counts as a failure"},
		{"hystrix/maximum-ignored", trap.Error, "maximumSize is ignored without allowMaximumSizeToDivergeFromCoreSize"},
		{"hystrix/queue-cut", trap.Warning, "queueSizeRejectionThreshold, 5 by default, cuts the queue"},
		{"hystrix/queue-waits", trap.Note, "a queued call's time limit runs while it waits"},
		{"hystrix/forced-open", trap.Error, "forceOpen rejects every call"},
		{"hystrix/disabled", trap.Warning, "circuitBreaker.enabled false guards nothing"},
		{"hystrix/forced-closed", trap.Warning, "forceClosed guards nothing"},
		{"hystrix/opens-on-success", trap.Error, "errorThresholdPercentage 0 is reached without a failure"},
		{"hystrix/never-opens", trap.Error, "errorThresholdPercentage above 100 is never reached"},
		{"hystrix/volume-low", trap.Warning, "requestVolumeThreshold 1 opens on one failure in a quiet window"},
		{"hystrix/window-cut", trap.Warning, "the window is cut to whole health snapshots"},
		{"hystrix/timeout-beyond-window", trap.Warning, "a time limit as long as the window"},
		{"hystrix/hang-let-through", trap.Note, "calls are counted at their end: a hang is let through for a while"},
		{"hystrix/any-success", trap.Note, "any success closes, also of a call begun before the opening"},
	},
	"envoy": {
		{"envoy/no-outlier-detection", trap.Warning, "a cluster without outlier_detection keeps calling hosts that fail"},
		{"envoy/ejects-none", trap.Error, "max_ejection_percent, 10 by default, of few hosts is none"},
		{"envoy/panic", trap.Note, "below healthy_panic_threshold ejections are overlooked"},
		{"envoy/all-ejected", trap.Warning, "with no panic threshold all hosts can be ejected"},
		{"envoy/not-enforcing", trap.Error, "detections that are only logged, for enforcing_* is 0"},
		{"envoy/gateway-shadowed", trap.Warning, "consecutive_5xx fires before consecutive_gateway_failure"},
		{"envoy/minimum-hosts", trap.Warning, "failure_percentage_minimum_hosts is more than there are hosts"},
		{"envoy/split-timeouts", trap.Warning, "with split errors a time-out counts as local, after a success that starts the count again"},
		{"envoy/max-retries", trap.Note, "max_retries is 3 for the whole cluster by default"},
		{"envoy/default-timeout", trap.Note, "a route without a timeout has Envoy's 15 s"},
		{"envoy/no-timeout", trap.Error, "timeout 0s waits for ever"},
		{"envoy/retries-nothing", trap.Error, "a retry_policy without retry_on retries nothing"},
		{"envoy/unknown-condition", trap.Error, "a word in retry_on that Envoy overlooks in silence"},
		{"envoy/no-per-try-timeout", trap.Warning, "without per_try_timeout an attempt that hangs uses up the time of all"},
		{"envoy/retries-cut", trap.Warning, "attempts times per_try_timeout is more than the timeout"},
	},
	"istio": {
		{"istio/no-outlier-detection", trap.Warning, "a host without outlierDetection keeps getting calls when it fails"},
		{"istio/silent-ten-percent", trap.Error, "maxEjectionPercent is 10 when it is not written: with fewer than 10 hosts nothing is ejected"},
		{"istio/ejects-none", trap.Warning, "maxEjectionPercent of few hosts is none"},
		{"istio/all-ejected", trap.Warning, "with minHealthPercent 0 all hosts can be ejected"},
		{"istio/panic", trap.Note, "below minHealthPercent ejections are overlooked"},
		{"istio/deprecated", trap.Error, "consecutiveErrors is deprecated"},
		{"istio/no-rule", trap.Error, "no rule is left that could eject a host"},
		{"istio/gateway-shadowed", trap.Warning, "consecutiveGatewayErrors not below consecutive5xxErrors has no effect"},
		{"istio/split-timeouts", trap.Warning, "with split errors a time-out counts as local, after a success that starts the count again"},
		{"istio/no-timeout", trap.Error, "an http route without a timeout waits for ever"},
		{"istio/unasked-retries", trap.Warning, "Istio retries twice when nothing is written"},
		{"istio/unknown-condition", trap.Error, "a word in retryOn that Envoy overlooks in silence"},
		{"istio/no-per-try-timeout", trap.Warning, "without perTryTimeout an attempt that hangs uses up the time of all"},
		{"istio/retries-cut", trap.Warning, "attempts times perTryTimeout is more than the timeout"},
		{"istio/unbounded-retries", trap.Note, "Istio bounds retries by nothing unless it is told to"},
	},
	"linkerd": {
		{"linkerd/no-failure-accrual", trap.Error, "without failure-accrual there is no circuit breaking"},
		{"linkerd/rate-ignored", trap.Error, "success-rate annotations count in the unified mode only"},
		{"linkerd/never-shuts", trap.Error, "thresholds of 0 shut nothing"},
		{"linkerd/row-only", trap.Note, "failures in a row say nothing of an endpoint that fails half of its calls"},
		{"linkerd/one-failure", trap.Warning, "with one request as the minimum a single failure shuts an endpoint"},
		{"linkerd/no-timeout", trap.Error, "without a time limit a hang is no failure"},
		{"linkerd/retries-nothing", trap.Error, "a limit of retries without a condition retries nothing"},
		{"linkerd/retries-cut", trap.Warning, "attempts times their time limit is more than the request's"},
		{"linkerd/no-retry-timeout", trap.Warning, "without retry.linkerd.io/timeout an attempt that hangs uses up the time of all"},
	},
	"polly": {
		{"polly/sampling-below-attempt", trap.Error, "a SamplingDuration below twice AttemptTimeout stops the application at start"},
		{"polly/attempt-above-total", trap.Error, "an AttemptTimeout above TotalRequestTimeout stops the application at start"},
		{"polly/cooperative", trap.Note, "a time limit waits for a call that does not look at its token"},
		{"polly/cancelled-counts", trap.Note, "the attempt that the total timeout cancels counts as a success"},
		{"polly/queue-waits", trap.Warning, "a call waits for a permit without a time limit"},
		{"polly/ratio-zero", trap.Warning, "FailureRatio 0 opens on any failure"},
		{"polly/few-results", trap.Warning, "a MinimumThroughput of a few calls opens after a quiet window"},
		{"polly/needs-traffic", trap.Note, "with less traffic than MinimumThroughput the breaker never opens"},
		{"polly/hang-let-through", trap.Note, "calls are counted at their end: a hang is let through for a while"},
		{"polly/zero-retries", trap.Note, "earlier releases of Polly 8 refuse MaxRetryAttempts 0"},
		{"polly/endless-retries", trap.Warning, "retries without end"},
		{"polly/unsafe-methods", trap.Note, "POST is repeated as well"},
		{"polly/no-jitter", trap.Warning, "retries without jitter come back together"},
		{"polly/attempts-cut", trap.Note, "the total timeout ends an attempt before the last"},
	},
	"semian": {
		{"semian/no-tickets", trap.Error, "without tickets, quota or bulkhead: false the resource cannot be registered"},
		{"semian/tickets-and-quota", trap.Error, "tickets beside quota: the resource cannot be registered"},
		{"semian/busy-counts", trap.Note, "a call without a ticket counts as an error; tickets are of the whole host"},
		{"semian/nothing-left", trap.Error, "neither breaker nor bulkhead: the resource cannot be registered"},
		{"semian/disabled", trap.Error, "circuit_breaker: false guards nothing"},
		{"semian/unchecked", trap.Note, "without force_config_validation wrong options are only logged"},
		{"semian/never-forgets", trap.Warning, "without a window errors of different days add up"},
		{"semian/window-without-effect", trap.Warning, "error_threshold_timeout beside error_threshold_timeout_enabled: false"},
		{"semian/flaps", trap.Error, "with a lumping_interval longer than the open time the breaker flaps on every call"},
		{"semian/one-error", trap.Warning, "error_threshold 1 opens on a single error"},
		{"semian/backoff-falls", trap.Warning, "the first open time is longer than the longest"},
		{"semian/half-open-timeout", trap.Note, "half_open_resource_timeout works with some adapters only"},
		{"semian/per-process", trap.Note, "error_threshold is counted in every process for itself"},
		{"semian/all-probes", trap.Note, "half-open lets every call through"},
		{"semian/from-last-error", trap.Note, "error_timeout runs from the last error, not from the trip"},
		{"semian/adaptive-fast", trap.Note, "above 200 calls a second the adaptive breaker overstates the error rate"},
		{"semian/adaptive-unlearns", trap.Note, "with all calls rejected the adaptive breaker learns that nothing fails"},
	},
}
