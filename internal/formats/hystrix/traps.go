package hystrix

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/hystrix"
)

// Traps are what a config does that its properties do not say. What is true of the
// default for all is said of it alone, unless no command is named.
func Traps(c Config) []trap.Trap {
	var traps []trap.Trap
	for _, key := range keys(c.Commands) {
		if p, err := c.Params(key); err == nil {
			j := judge{config: c, key: key, p: p}
			j.limits()
			j.places()
			j.breaker()
			traps = append(traps, j.traps...)
		}
	}
	return traps
}

// judge collects the traps of one command.
type judge struct {
	config Config
	key    string
	p      hystrix.Params
	traps  []trap.Trap
}

// add is a trap about a property. One that comes from the default for all is said
// there.
func (j *judge) add(rule string, s trap.Severity, name, why, instead, what string, args ...any) {
	path, inherited := j.path(name)
	if inherited {
		return
	}
	j.traps = append(j.traps, trap.Trap{
		Rule: "hystrix/" + rule, Severity: s, Path: path,
		What: j.key + ": " + fmt.Sprintf(what, args...), Why: why, Instead: instead,
	})
}

// path is where the property is said: for the command itself, its pool, or for all,
// in which case it is judged there. What nobody says is at the command's first key.
func (j *judge) path(name string) (path []string, inherited bool) {
	says := func(kind, key string, s any) bool {
		_, texts := values(s)
		path = []string{prefix + kind + "." + key + "." + name}
		return texts[name] != ""
	}
	own, pool := j.config.Commands[j.key], j.config.pool(j.key)
	_, judged := j.config.Commands[Default]
	switch {
	case says(commandKind, j.key, own):
		return path, false
	case says(commandKind, Default, j.config.Commands[Default]):
		return path, true
	case says(poolKind, pool, j.config.ThreadPools[pool]):
		return path, false
	case says(poolKind, Default, j.config.ThreadPools[Default]):
		return path, judged && j.key != Default
	}
	if names, _ := values(own); len(names) > 0 {
		return []string{prefix + commandKind + "." + j.key + "." + names[0]}, false
	}
	return nil, false // all that it says is wrong
}

func (j *judge) limits() {
	p := j.p
	switch {
	case !p.TimeoutEnabled:
		j.add("no-timeout", trap.Error, "execution.timeout.enabled",
			fmt.Sprintf("a hang is never seen as a failure, and each hung call keeps one of the %d places for ever", p.Places()),
			"write true and execution.isolation.thread.timeoutInMilliseconds", "execution.timeout.enabled false")
	case p.Strategy == hystrix.Semaphore:
		j.add("semaphore-timeout", trap.Warning, "execution.isolation.strategy",
			fmt.Sprintf("the call runs in the caller's thread: after its time limit of %s it counts as failed, but its caller waits on until it ends", p.Timeout),
			"give the call a time limit of its own, or write THREAD", "execution.isolation.strategy SEMAPHORE")
	case !p.InterruptOnTimeout:
		j.add("no-interrupt", trap.Warning, "execution.isolation.thread.interruptOnTimeout",
			"a call keeps its thread of the pool after its time limit, until it ends by itself", "write true, or give the call a time limit of its own",
			"execution.isolation.thread.interruptOnTimeout false")
	default:
		j.add("work-goes-on", trap.Note, "execution.isolation.thread.timeoutInMilliseconds",
			"the time limit interrupts the thread; a call that does not look at interrupts keeps it until it ends", "", "timeoutInMilliseconds %d", p.Timeout.Milliseconds())
	}
}

func (j *judge) places() {
	p := j.p
	name, bound := "coreSize", p.CoreSize
	if p.Strategy == hystrix.Semaphore {
		name, bound = "execution.isolation.semaphore.maxConcurrentRequests", p.MaxConcurrentRequests
	}
	j.add("rejections-count", trap.Note, name,
		fmt.Sprintf("call %d in flight is rejected, and that counts as a failure: a slow callee opens the breaker although no call has failed", p.Places()+1), "",
		"%s %d", name, bound)
	if p.Strategy == hystrix.Semaphore {
		return
	}
	if p.MaximumSize > p.CoreSize && !p.AllowMaximumSizeToDivergeFromCoreSize {
		// A pool of less than 10 that says no maximumSize means none.
		if path, _ := j.path("maximumSize"); len(path) > 0 && strings.HasSuffix(path[0], ".maximumSize") {
			j.add("maximum-ignored", trap.Error, "maximumSize", fmt.Sprintf("the pool stays at coreSize %d", p.CoreSize),
				"write allowMaximumSizeToDivergeFromCoreSize=true too", "maximumSize %d is ignored", p.MaximumSize)
		}
	}
	if p.MaxQueueSize > p.QueueSizeRejectionThreshold {
		j.add("queue-cut", trap.Warning, "maxQueueSize", fmt.Sprintf("calls are rejected from queueSizeRejectionThreshold %d on", p.QueueSizeRejectionThreshold),
			fmt.Sprintf("write queueSizeRejectionThreshold=%d too", p.MaxQueueSize), "maxQueueSize %d is never reached", p.MaxQueueSize)
	}
	if p.MaxQueueSize > 0 {
		j.add("queue-waits", trap.Note, "maxQueueSize", "a queued call's time limit runs while it waits", "", "maxQueueSize %d", p.MaxQueueSize)
	}
}

func (j *judge) breaker() {
	p := j.p
	switch {
	case p.ForceOpen:
		j.add("forced-open", trap.Error, "circuitBreaker.forceOpen", "every call is rejected", "leave it out", "circuitBreaker.forceOpen true")
		return
	case !p.Enabled:
		j.add("disabled", trap.Warning, "circuitBreaker.enabled", "nothing opens; the pool and the time limit stay", "leave it out", "circuitBreaker.enabled false")
		return
	case p.ForceClosed:
		j.add("forced-closed", trap.Warning, "circuitBreaker.forceClosed", "nothing opens; the pool and the time limit stay", "leave it out", "circuitBreaker.forceClosed true")
		return
	}
	switch threshold := p.ErrorThresholdPercentage; {
	case threshold == 0:
		j.add("opens-on-success", trap.Error, "circuitBreaker.errorThresholdPercentage",
			fmt.Sprintf("no failure at all reaches it: it opens with %d calls", p.RequestVolumeThreshold), "write 1 or more", "errorThresholdPercentage 0")
	case threshold > 100:
		j.add("never-opens", trap.Error, "circuitBreaker.errorThresholdPercentage", "it is never reached", "write 100 or less", "errorThresholdPercentage %d", threshold)
	}
	if p.RequestVolumeThreshold <= 1 {
		j.add("volume-low", trap.Warning, "circuitBreaker.requestVolumeThreshold",
			fmt.Sprintf("one failure in a quiet window opens the breaker for %s", p.SleepWindow), "write the calls that make a rate mean something, such as 10",
			"requestVolumeThreshold %d", p.RequestVolumeThreshold)
	}
	if w := p.Window(); w != p.RollingStats {
		j.add("window-cut", trap.Warning, "metrics.rollingStats.timeInMilliseconds",
			fmt.Sprintf("the breaker looks at whole snapshots of %s: %s", p.HealthSnapshot, w),
			fmt.Sprintf("write a multiple of %d", p.HealthSnapshot.Milliseconds()), "metrics.rollingStats.timeInMilliseconds %d", p.RollingStats.Milliseconds())
	}
	if limit := p.CallTimeout(); limit >= p.Window() {
		j.add("timeout-beyond-window", trap.Warning, "execution.isolation.thread.timeoutInMilliseconds",
			"while calls hang nothing ends, and when they do the window has nothing else in it", "write a time limit well below the window",
			"a time limit of %s in a window of %s", limit, p.Window())
	} else if limit > 0 {
		share := min(float64(p.ErrorThresholdPercentage)/100, 1)
		opens := limit + time.Duration(share*float64(p.Window()-limit)) + p.HealthSnapshot
		j.add("hang-let-through", trap.Note, "metrics.rollingStats.timeInMilliseconds",
			fmt.Sprintf("a hang that the pool has places for is let through for about %s before the breaker opens", policy.FormatDuration(opens.Round(100*time.Millisecond))), "",
			"calls are counted at their end")
	}
	j.add("any-success", trap.Note, "circuitBreaker.sleepWindowInMilliseconds",
		"any call that succeeds closes the breaker, also one begun before it opened; there is no half-open state", "", "sleepWindowInMilliseconds %d", p.SleepWindow.Milliseconds())
}
