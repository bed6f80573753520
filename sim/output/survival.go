package output

import (
	"math"
	"slices"
)

// Until is how long something took, in seconds, or how long it was watched
// without its happening.
type Until struct {
	Seconds  float64
	Censored bool // it had not happened yet when the watch ended
}

// Survival is the estimated share of cases that take longer than a time, after
// Kaplan and Meier: what was cut off counts for as long as it was watched. A mean
// of such times would leave out, or cut short, exactly the worst.
type Survival struct {
	Cases, Censored int
	Steps           []Step // by time; one for each time at which something happened
}

// Step is where the share falls.
type Step struct {
	At     float64 // s
	Left   float64 // share, 0..1, that takes longer than At
	Error  float64 // standard error of Left, by Greenwood's formula
	AtRisk int     // cases that were watched up to At without its happening before
}

// Survive makes the curve of the cases.
func Survive(cases []Until) Survival {
	sorted := slices.Clone(cases)
	slices.SortFunc(sorted, func(a, b Until) int {
		switch {
		case a.Seconds != b.Seconds:
			if a.Seconds < b.Seconds {
				return -1
			}
			return 1
		case a.Censored == b.Censored:
			return 0
		case a.Censored: // what is cut off at an instant was still there at that instant
			return 1
		default:
			return -1
		}
	})
	s := Survival{Cases: len(cases)}
	left, greenwood := 1.0, 0.0
	for i := 0; i < len(sorted); {
		at, risk, happened := sorted[i].Seconds, len(sorted)-i, 0
		for ; i < len(sorted) && sorted[i].Seconds == at; i++ {
			if sorted[i].Censored {
				s.Censored++
			} else {
				happened++
			}
		}
		if happened == 0 {
			continue
		}
		d, r := float64(happened), float64(risk)
		left *= 1 - d/r
		se := 0.0
		if happened < risk {
			greenwood += d / (r * (r - d))
			se = left * math.Sqrt(greenwood)
		}
		s.Steps = append(s.Steps, Step{At: at, Left: left, Error: se, AtRisk: risk})
	}
	return s
}

// Quantile is the time by which it has happened to a share q (0 < q < 1) of the
// cases; 0.5 is the median. Value and Hi are infinite when the watch was too short
// to see it. The interval is of all times whose own interval for the share, on the
// scale of log(-log), has q in it (Brookmeyer and Crowley 1982).
func (s Survival) Quantile(q, level float64) Interval {
	i := Interval{Value: math.Inf(1), Lo: math.Inf(1), Hi: math.Inf(1), Level: level, N: s.Cases}
	z := normal(level)
	for _, step := range s.Steps {
		lo, hi := step.bounds(z)
		if step.Left <= 1-q+1e-12 && math.IsInf(i.Value, 1) {
			i.Value = step.At
		}
		if lo <= 1-q && math.IsInf(i.Lo, 1) {
			i.Lo = step.At
		}
		if hi <= 1-q && math.IsInf(i.Hi, 1) {
			i.Hi = step.At
		}
	}
	return i
}

// bounds is the interval of the share left.
func (s Step) bounds(z float64) (lo, hi float64) {
	if s.Left <= 0 {
		return 0, 0
	}
	if s.Error == 0 {
		return s.Left, s.Left
	}
	l := math.Log(s.Left)
	w := z * s.Error / (s.Left * -l)
	return math.Pow(s.Left, math.Exp(w)), math.Pow(s.Left, math.Exp(-w))
}
