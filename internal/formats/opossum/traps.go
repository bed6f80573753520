package opossum

import (
	"fmt"
	"time"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/opossum"
)

// unlimited is the library's default of capacity, Number.MAX_SAFE_INTEGER.
const unlimited = 1<<53 - 1

// Traps are what a file with these options does that its keys do not say.
func Traps(p opossum.Params) []trap.Trap {
	var t traps
	span := p.RollingCountTimeout
	if span == 0 {
		span = opossum.Default().RollingCountTimeout
		t.add("zero-window", trap.Warning, "rollingCountTimeout", fmt.Sprintf("it falls back to %s", span),
			"write the window in milliseconds", "rollingCountTimeout 0")
	}
	if !p.Enabled {
		t.add("disabled", trap.Error, "enabled", "every call goes through, without a time limit",
			"leave the key out", "enabled false")
		return t
	}
	t.rate(p, span)
	t.timeout(p, span)
	if p.Capacity < unlimited {
		t.add("capacity-fails", trap.Note, "capacity",
			"a call above it counts as a failure and can open the breaker; time-outs free a place although the work goes on, so it does not bound the real concurrency",
			"", "capacity %d", p.Capacity)
	}
	if p.FiltersTimeout || p.FiltersLocked {
		t.add("filter-in-code", trap.Note, "errorFilter", "it is a function and cannot stand in a JSON file",
			"write it in the code", "errorFilter")
	}
	return t
}

type traps []trap.Trap

func (t *traps) add(rule string, s trap.Severity, key, why, instead, what string, args ...any) {
	*t = append(*t, trap.Trap{
		Rule: "opossum/" + rule, Severity: s, Path: []string{key},
		What: fmt.Sprintf(what, args...), Why: why, Instead: instead,
	})
}

// rate: what it takes to open, and to open again.
func (t *traps) rate(p opossum.Params, span time.Duration) {
	if p.VolumeThreshold == 0 {
		t.add("volume-zero", trap.Warning, "volumeThreshold",
			fmt.Sprintf("after a quiet window (%s without calls) one failure opens the breaker for %s", span, p.ResetTimeout),
			"write the calls that make a rate mean something, such as 10", "volumeThreshold 0")
	}
	if p.ErrorThresholdPercentage == 100 {
		t.add("never-opens", trap.Error, "errorThresholdPercentage",
			"the breaker opens strictly above it, so failing calls alone do not open it",
			"write 99.99 to open when every call fails", "errorThresholdPercentage 100")
	}
	if p.ResetTimeout < span {
		t.add("reset-in-window", trap.Warning, "resetTimeout",
			"closing keeps the window, so the next single failure can open it again",
			fmt.Sprintf("write %d or more, or a shorter window", span.Milliseconds()),
			"resetTimeout %s is shorter than rollingCountTimeout %s", p.ResetTimeout, span)
	}
}

// timeout: what the library's time limit does, and what happens without.
func (t *traps) timeout(p opossum.Params, span time.Duration) {
	switch {
	case p.Timeout == 0:
		t.add("no-timeout", trap.Error, "timeout",
			"a hang is never seen as a failure, and a hung probe leaves the breaker half-open and rejecting for ever",
			"write a time limit in milliseconds, such as 5000", "timeout false")
		return
	case p.Timeout >= span:
		t.add("timeout-beyond-window", trap.Warning, "timeout",
			"calls leave the window before their failure enters it, so the rate can pass 100 %",
			"write a shorter timeout or a longer rollingCountTimeout",
			"timeout %s is not shorter than rollingCountTimeout %s", p.Timeout, span)
	default:
		through := p.Timeout + time.Duration(p.ErrorThresholdPercentage/100*float64(span))
		t.add("hang-diluted", trap.Note, "errorThresholdPercentage",
			"calls in flight and rejected calls dilute the rate (timeout + errorThresholdPercentage of rollingCountTimeout)", "",
			"under load a hang is let through for about %s before the breaker opens", through.Round(10*time.Millisecond))
	}
	t.add("work-goes-on", trap.Note, "timeout", "the call runs on, and its result is thrown away", "",
		"timeout settles the caller only")
}
