package config

import (
	"fmt"

	format "tripcurve/internal/formats/hystrix"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/hystrix"
	"tripcurve/internal/policy/library"
)

// hystrixProperties writes one command, named like the callee, and its thread pool.
func hystrixProperties(e edge, p policy.Policy, o Origin) (File, error) {
	params, w, err := hystrixParams(e, p)
	if err != nil {
		return File{}, err
	}
	if p.Deadline > 0 {
		w.add("deadline %s is not Hystrix's: its time limit ends the wait on this side only; give the call a deadline (withDeadlineAfter)", policy.FormatDuration(p.Deadline))
	}
	if params.TimeoutEnabled && params.InterruptOnTimeout && p.Cancel == policy.Detach && params.Strategy == hystrix.Thread {
		w.add("cancel detach: Hystrix interrupts the thread of a call that reaches its time limit, which cancels a grpc-java call; interruptOnTimeout=false lets it run on")
	}
	w.around(p, fmt.Sprintf("keepAliveTime(%d, MILLISECONDS) on the channel's builder", p.Keepalive.Time.Milliseconds()), "getFallback() of the command")
	c := format.Of(e.callee, params)
	w = append(w, trap.Sentences(format.Traps(c))...)
	var head []string
	if line := o.Line(); line != "" {
		head = append(head, line)
	}
	head = append(head, "Hystrix "+hystrix.Version+"; 1.5.12 to 1.5.17 have another breaker. Times in milliseconds. The pool's key is the command's group.")
	return File{"hystrix." + e.callee + ".properties", format.Write(c, head...), w}, nil
}

// hystrixParams are the policy in Hystrix' properties. A policy that has Hystrix keeps
// its numbers as they are, but for a shorter time limit or a lower bound around it.
func hystrixParams(e edge, p policy.Policy) (hystrix.Params, warnings, error) {
	n, err := library.NeutralOf(p)
	if err != nil {
		return hystrix.Params{}, nil, err
	}
	var w warnings
	if p.Breaker.Library == "" {
		w.add("%s has no breaker: circuitBreaker.enabled=false is all there is to write of one; set one with %s.breaker=hystrix", e, e)
	}
	if r := n.Retry; r.Attempts > 1 {
		w.add("Hystrix does not retry: the %d attempts and their waits are the caller's to make; each attempt is one command", r.Attempts)
		if r.Budget > 0 {
			w.add("Hystrix has no retry budget: %g %% of calls is the caller's to keep", percent(r.Budget))
		}
	}
	n.Retry = policy.Retry{} // said above
	params, losses := hystrix.FromNeutral(n)
	if p.Breaker.Library != "hystrix" {
		return params, append(w, losses...), nil
	}
	own, err := hystrix.Parse(p.Breaker.Params)
	if err != nil {
		return own, nil, err
	}
	if n.CallTimeout > 0 {
		own.Timeout, own.TimeoutEnabled = params.Timeout, true
	}
	if bound := p.MaxConcurrent; bound > 0 && bound < own.Places() {
		if own.Strategy == hystrix.Semaphore {
			own.MaxConcurrentRequests = bound
		} else { // without a queue and without growth
			own.CoreSize, own.AllowMaximumSizeToDivergeFromCoreSize, own.MaxQueueSize = bound, false, -1
		}
	}
	return own, w, nil
}
