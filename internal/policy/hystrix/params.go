// Package hystrix is the circuit breaker of Netflix's Java library Hystrix 1.5.18
// with the thread pool or semaphore around each command: its properties, its
// machine, and its way to and from the neutral policy.
package hystrix

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/param"
)

// Version is the release that the machine follows. It is the code line of 1.5.11:
// 1.5.12 to 1.5.17 had another breaker, with a half-open state.
const Version = "1.5.18"

// Isolation strategies.
const (
	Thread    = "THREAD"
	Semaphore = "SEMAPHORE"
)

// Params are the properties of one command and of its thread pool that decide
// anything, under their names without "hystrix.command.<key>." and
// "hystrix.threadpool.<key>.".
type Params struct {
	RequestVolumeThreshold   int           // calls in the window below which nothing trips
	SleepWindow              time.Duration // after the trip, and after each test, until the next test
	ErrorThresholdPercentage int           // trips at this percentage, cut to a whole one; above 100 never
	Enabled                  bool          // false: no breaker, but pool and time limit stay
	ForceOpen, ForceClosed   bool          // ForceOpen wins

	Strategy              string // Thread or Semaphore
	Timeout               time.Duration
	TimeoutEnabled        bool
	InterruptOnTimeout    bool // of the worker thread
	MaxConcurrentRequests int  // Semaphore

	RollingStats   time.Duration // the window, in whole health snapshots
	HealthSnapshot time.Duration // between two looks at the window

	// The thread pool, which all commands of a group share.
	CoreSize                              int
	MaximumSize                           int // looked at only with the next
	AllowMaximumSizeToDivergeFromCoreSize bool
	MaxQueueSize                          int // 0 and -1: no queue
	QueueSizeRejectionThreshold           int // bounds the queue below MaxQueueSize
}

// Default is what the library takes for properties that are absent.
func Default() Params {
	return Params{
		RequestVolumeThreshold:      20,
		SleepWindow:                 5 * time.Second,
		ErrorThresholdPercentage:    50,
		Enabled:                     true,
		Strategy:                    Thread,
		Timeout:                     time.Second,
		TimeoutEnabled:              true,
		InterruptOnTimeout:          true,
		MaxConcurrentRequests:       10,
		RollingStats:                10 * time.Second,
		HealthSnapshot:              500 * time.Millisecond,
		CoreSize:                    10,
		MaximumSize:                 10,
		MaxQueueSize:                -1,
		QueueSizeRejectionThreshold: 5,
	}
}

// Factory is half of the calls of 10 s, with a time limit of 5 s on each, and a
// pool that holds 20 calls a second through that time limit: what a pool of 10
// rejects would open the breaker before any call has failed.
func Factory() map[string]string {
	return map[string]string{
		"circuitBreaker.requestVolumeThreshold":            "10",
		"circuitBreaker.sleepWindowInMilliseconds":         "30000",
		"circuitBreaker.errorThresholdPercentage":          "50",
		"execution.isolation.thread.timeoutInMilliseconds": "5000",
		"metrics.rollingStats.timeInMilliseconds":          "10000",
		"coreSize": "100",
	}
}

const (
	longest = math.MaxInt32 * time.Millisecond // properties are Java ints
	most    = math.MaxInt32

	mostBuckets = 100_000 // of the window; the library sums them all at every snapshot
)

var table = param.Table[Params]{
	Library:  "hystrix",
	Word:     "property",
	Default:  Default,
	Hint:     hint,
	Validate: validate,
	Always: []string{
		"circuitBreaker.requestVolumeThreshold", "circuitBreaker.sleepWindowInMilliseconds",
		"circuitBreaker.errorThresholdPercentage", "execution.isolation.thread.timeoutInMilliseconds",
	},
	Params: []param.Of[Params]{
		param.Integer(policy.Param{
			Name: "circuitBreaker.requestVolumeThreshold", Unit: "calls", Kind: policy.KindInteger, Default: 20, Min: 1, Max: 100, Step: 1,
			Help: "calls ended or rejected in the window before it can open",
		}, func(p *Params) *int { return &p.RequestVolumeThreshold }, 0, most),
		param.Millis(policy.Param{
			Name: "circuitBreaker.sleepWindowInMilliseconds", Unit: "ms", Kind: policy.KindNumber, Default: 5000, Min: 500, Max: 120000, Step: 500,
			Help: "lets one test call in this long after the opening, and again this long after each test, until any call succeeds",
		}, func(p *Params) *time.Duration { return &p.SleepWindow }, 0, longest),
		param.Integer(policy.Param{
			Name: "circuitBreaker.errorThresholdPercentage", Unit: "%", Kind: policy.KindInteger, Default: 50, Min: 1, Max: 100, Step: 5,
			Help: "opens at this share of failed calls among those that ended or were rejected by the pool; above 100 never",
		}, func(p *Params) *int { return &p.ErrorThresholdPercentage }, 0, most),
		param.Switch(policy.Param{
			Name: "circuitBreaker.enabled", Kind: policy.KindSwitch, Default: 1, Max: 1, Step: 1,
			Help: "false leaves the pool and the time limit alone",
		}, func(p *Params) *bool { return &p.Enabled }),
		param.Switch(policy.Param{
			Name: "circuitBreaker.forceOpen", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "rejects every call",
		}, func(p *Params) *bool { return &p.ForceOpen }),
		param.Switch(policy.Param{
			Name: "circuitBreaker.forceClosed", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "lets every call through, whatever the breaker thinks; forceOpen wins",
		}, func(p *Params) *bool { return &p.ForceClosed }),
		param.Choice(policy.Param{
			Name: "execution.isolation.strategy", Max: 1, Step: 1,
			Help: "runs a call in a pool's thread, or in the caller's with a bound on their number",
		}, func(p *Params) *string { return &p.Strategy }, Thread, Semaphore),
		param.Millis(policy.Param{
			Name: "execution.isolation.thread.timeoutInMilliseconds", Unit: "ms", Kind: policy.KindNumber, Default: 1000, Min: 100, Max: 30000, Step: 100,
			Help: "time limit on a call, for semaphores too",
		}, func(p *Params) *time.Duration { return &p.Timeout }, time.Millisecond, longest),
		param.Switch(policy.Param{
			Name: "execution.timeout.enabled", Kind: policy.KindSwitch, Default: 1, Max: 1, Step: 1,
			Help: "false: a call may take for ever",
		}, func(p *Params) *bool { return &p.TimeoutEnabled }),
		param.Switch(policy.Param{
			Name: "execution.isolation.thread.interruptOnTimeout", Kind: policy.KindSwitch, Default: 1, Max: 1, Step: 1,
			Help: "interrupts the thread of a call that reached the time limit",
		}, func(p *Params) *bool { return &p.InterruptOnTimeout }),
		param.Integer(policy.Param{
			Name: "execution.isolation.semaphore.maxConcurrentRequests", Unit: "calls", Kind: policy.KindInteger, Default: 10, Min: 1, Max: 500, Step: 1,
			Help: "calls in flight with SEMAPHORE; one more is rejected and counts as a failure",
		}, func(p *Params) *int { return &p.MaxConcurrentRequests }, 0, most),
		param.Millis(policy.Param{
			Name: "metrics.rollingStats.timeInMilliseconds", Unit: "ms", Kind: policy.KindNumber, Default: 10000, Min: 1000, Max: 60000, Step: 1000,
			Help: "length of the window in which calls are counted, cut to whole health snapshots",
		}, func(p *Params) *time.Duration { return &p.RollingStats }, time.Millisecond, longest),
		param.Millis(policy.Param{
			Name: "metrics.healthSnapshot.intervalInMilliseconds", Unit: "ms", Kind: policy.KindNumber, Default: 500, Min: 100, Max: 5000, Step: 100,
			Help: "the breaker sees what has ended up to the last snapshot, and these are this far apart",
		}, func(p *Params) *time.Duration { return &p.HealthSnapshot }, time.Millisecond, longest),
		param.Integer(policy.Param{
			Name: "coreSize", Unit: "calls", Kind: policy.KindInteger, Default: 10, Min: 1, Max: 500, Step: 1,
			Help: "threads of the pool; one call more is rejected and counts as a failure",
		}, func(p *Params) *int { return &p.CoreSize }, 1, most),
		param.Integer(policy.Param{
			Name: "maximumSize", Unit: "calls", Kind: policy.KindInteger, Default: 10, Min: 1, Max: 500, Step: 1,
			Help: "threads that the pool can grow to; without effect unless allowMaximumSizeToDivergeFromCoreSize",
		}, func(p *Params) *int { return &p.MaximumSize }, 1, most),
		param.Switch(policy.Param{
			Name: "allowMaximumSizeToDivergeFromCoreSize", Kind: policy.KindSwitch, Max: 1, Step: 1,
			Help: "maximumSize is looked at",
		}, func(p *Params) *bool { return &p.AllowMaximumSizeToDivergeFromCoreSize }),
		param.Integer(policy.Param{
			Name: "maxQueueSize", Unit: "calls", Kind: policy.KindInteger, Default: -1, Min: -1, Max: 500, Step: 1,
			Help: "calls that may wait for a thread; -1 none. Their wait is not modelled here, their number is",
		}, func(p *Params) *int { return &p.MaxQueueSize }, -1, most),
		param.Integer(policy.Param{
			Name: "queueSizeRejectionThreshold", Unit: "calls", Kind: policy.KindInteger, Default: 5, Min: 1, Max: 500, Step: 1,
			Help: "waiting calls above which calls are rejected, however long the queue may be",
		}, func(p *Params) *int { return &p.QueueSizeRejectionThreshold }, 0, most),
	},
}

// Inert are properties that change no decision of the breaker or the pool.
var Inert = []string{
	"execution.isolation.thread.interruptOnFutureCancel",
	"fallback.enabled", "fallback.isolation.semaphore.maxConcurrentRequests",
	"metrics.rollingStats.numBuckets",
	"metrics.rollingPercentile.enabled", "metrics.rollingPercentile.timeInMilliseconds",
	"metrics.rollingPercentile.numBuckets", "metrics.rollingPercentile.bucketSize",
	"requestCache.enabled", "requestLog.enabled", "threadPoolKeyOverride", "keepAliveTimeMinutes",
}

func hint(name string) error {
	switch {
	case slices.Contains(Inert, name):
		return fmt.Errorf("hystrix's property %s changes no decision of the breaker: leave it out", name)
	case strings.HasPrefix(name, "hystrix."):
		return fmt.Errorf("%s is written without its hystrix.command.<key>. or hystrix.threadpool.<key>. here", name)
	case name == "execution.isolation.semaphore.timeoutInMilliseconds":
		return errors.New("hystrix has no such property: execution.isolation.thread.timeoutInMilliseconds holds for semaphores too")
	}
	return nil
}

func validate(p Params) error {
	if p.HealthSnapshot > p.RollingStats {
		return fmt.Errorf("metrics.healthSnapshot.intervalInMilliseconds %d is more than metrics.rollingStats.timeInMilliseconds %d: the window would have no bucket, and the library throws",
			p.HealthSnapshot.Milliseconds(), p.RollingStats.Milliseconds())
	}
	if p.RollingStats/p.HealthSnapshot > mostBuckets {
		return fmt.Errorf("a window of %s has more than %d snapshots of %s", p.RollingStats, mostBuckets, p.HealthSnapshot)
	}
	return nil
}

// List is the properties that can be set, in the order of the documentation.
func List() []policy.Param { return table.List() }

// Names are the names of all properties that can be set.
func Names() []string { return table.Names() }

// Known says what is wrong with a property's name, if anything.
func Known(name string) error { return table.Known(name) }

// Check says whether the library takes value for its property name and returns it
// as the library writes it. Times are accepted as milliseconds or as "5s".
func Check(name, value string) (string, error) { return table.Check(name, value) }

// Parse reads properties under the library's own names over its defaults.
func Parse(params map[string]string) (Params, error) { return table.Parse(params) }

// Map writes p under the library's own names, leaving out what has the library's
// default except the four that everybody looks for.
func (p Params) Map() map[string]string { return table.Map(p) }

// CallTimeout is the time limit on a call; 0 is none.
func (p Params) CallTimeout() time.Duration {
	if !p.TimeoutEnabled {
		return 0
	}
	return p.Timeout
}

// Window is the time that the breaker really looks at: whole snapshots.
func (p Params) Window() time.Duration { return p.RollingStats.Truncate(p.HealthSnapshot) }

// Places is how many calls can be in flight, those that wait for a thread included.
func (p Params) Places() int {
	if p.Strategy == Semaphore {
		return p.MaxConcurrentRequests
	}
	threads := p.CoreSize
	if p.AllowMaximumSizeToDivergeFromCoreSize {
		threads = max(p.CoreSize, p.MaximumSize)
	}
	switch queue, threshold := p.MaxQueueSize, p.QueueSizeRejectionThreshold; {
	case queue <= 0:
		return threads // handed over to a thread or rejected
	case threshold == 0:
		return 0 // no queue is short enough, not even an empty one
	case threshold <= queue:
		// A pool grows beyond its core only when its queue is full, which it never is.
		return p.CoreSize + threshold
	default:
		return threads + queue
	}
}

// Traps are what these properties do that their names do not say.
func (p Params) Traps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	places := p.Places()
	if p.TimeoutEnabled {
		p.timeoutTraps(trap)
	} else {
		trap("execution.timeout.enabled false: a hang is never seen as a failure, and each hung call keeps one of the %d places for ever", places)
	}
	trap("a call above the %d in flight is rejected, and that counts as a failure: a slow callee opens the breaker although no call has failed", places)
	if p.AllowMaximumSizeToDivergeFromCoreSize != (p.MaximumSize > p.CoreSize) && p.Strategy == Thread {
		trap("maximumSize %d has no effect: it needs allowMaximumSizeToDivergeFromCoreSize true and more than coreSize %d", p.MaximumSize, p.CoreSize)
	}
	if p.MaxQueueSize > p.QueueSizeRejectionThreshold {
		trap("maxQueueSize %d: calls are rejected from queueSizeRejectionThreshold %d on", p.MaxQueueSize, p.QueueSizeRejectionThreshold)
	}
	switch {
	case p.ForceOpen:
		trap("circuitBreaker.forceOpen: every call is rejected until somebody says otherwise")
		return traps
	case !p.Enabled, p.ForceClosed:
		trap("the breaker is off: every call goes through as long as there is a place for it")
		return traps
	}
	return append(traps, p.breakerTraps()...)
}

func (p Params) timeoutTraps(trap func(string, ...any)) {
	switch {
	case p.Strategy == Semaphore:
		trap("with SEMAPHORE the call runs in the caller's thread: after the %s of its time limit it counts as failed and gives its place back, but its caller waits on until it ends", p.Timeout)
	case p.InterruptOnTimeout:
		trap("the time limit of %s interrupts the thread of a call; one that does not look at interrupts keeps its thread until it ends", p.Timeout)
	default:
		trap("interruptOnTimeout false: a call keeps its thread after its time limit, until it ends by itself; the machine here frees it at once")
	}
}

func (p Params) breakerTraps() []string {
	var traps []string
	trap := func(format string, args ...any) { traps = append(traps, fmt.Sprintf(format, args...)) }
	switch {
	case p.ErrorThresholdPercentage == 0:
		trap("errorThresholdPercentage 0: opens without a single failure, as soon as there are %d calls", p.RequestVolumeThreshold)
	case p.ErrorThresholdPercentage > 100:
		trap("errorThresholdPercentage %d is never reached: the breaker never opens", p.ErrorThresholdPercentage)
	}
	if p.RequestVolumeThreshold <= 1 {
		trap("requestVolumeThreshold %d: one failure in a quiet window opens the breaker for %s", p.RequestVolumeThreshold, p.SleepWindow)
	}
	if w := p.Window(); w != p.RollingStats {
		trap("the window is %s, not %s: it has whole snapshots of %s only", w, p.RollingStats, p.HealthSnapshot)
	}
	if t := p.CallTimeout(); t > 0 && t < p.Window() {
		share := min(float64(p.ErrorThresholdPercentage)/100, 1)
		opens := t + time.Duration(share*float64(p.Window()-t)) + p.HealthSnapshot
		trap("a hang that the pool has places for is let through for about %s before the breaker opens, because it counts calls at their end and looks every %s",
			opens.Round(100*time.Millisecond), p.HealthSnapshot)
	}
	trap("any call that succeeds closes the breaker, also one begun before it opened; a failed test call changes nothing, and the next is let in %s later", p.SleepWindow)
	return traps
}
