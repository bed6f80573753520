package anomaly

import "time"

// Indicator is what users get, on the same grid as the rows: the share of
// requests that failed or an endpoint's latency.
type Indicator struct {
	ID      string
	Bad     Direction
	Values  []float64 // one per grid step, NaN where nothing is known
	Quantum float64   // less than this is no change, in the indicator's unit
}

// Breach is an indicator that left what it usually does and stayed away.
type Breach struct {
	ID     string
	At     int    // grid step at which the alarm was raised
	Effect Effect // after the onset, against before it
}

// Opening says whether what is seen opens an incident, and on what ground.
type Opening struct {
	Open     bool
	Onset    Onset // zero when no series jumped
	Breaches []Breach
}

// What an incident takes beside a breach: series that changed together. Two of
// two are no agreement of many, a tenth of them all is more than chance, and the
// strength keeps out what only just passes. The prominence tells one event from
// series that wander by themselves: on recorded fault-free time (docs/rca.md) it is
// beyond 2.3 in 1 of 100 windows at most, on DBSherlock's faults beyond 2.5 in 9 of
// 10.
const (
	leastAgreeing   = 3
	agreeingShare   = 0.1
	leastStrength   = 0.5
	leastProminence = 2.5
	// breachSigmas is how far the usual sample after the onset must be from before
	// it; beyond 3, so that an indicator that is merely lively does not pass.
	breachSigmas = 5
)

// Open decides whether an incident is opened: an indicator breached, and many
// series changed together at the time. Neither alone is enough. A single CUSUM
// fires several times per 1,000 samples on a series that only follows the day,
// and a deploy or a batch job moves many series that no user notices. The series
// are looked at only when a sum alarms, for most of the time none does; rows is
// asked for them then.
func Open(indicators []Indicator, rows func() []Row, p ConsensusParams) Opening {
	alarms := make([]int, len(indicators)) // the last alarm of each, -1 for none
	none := true
	for k, i := range indicators {
		alarms[k] = lastAlarm(i)
		none = none && alarms[k] < 0
	}
	if none {
		return Opening{}
	}
	onset, ok := Consensus(rows(), p)
	if !ok {
		return Opening{}
	}
	o := Opening{Onset: onset}
	for k, i := range indicators {
		if b, ok := breached(i, alarms[k], onset); ok {
			o.Breaches = append(o.Breaches, b)
		}
	}
	o.Open = len(o.Breaches) > 0 && onset.Together()
	return o
}

// Together says that enough series changed for it to be one event.
func (o Onset) Together() bool {
	return len(o.Agree) >= leastAgreeing && float64(len(o.Agree)) >= agreeingShare*float64(o.Of) &&
		o.Strength >= leastStrength && o.Prominence >= leastProminence
}

// lastAlarm is the step at which the indicator's sum was last raised; -1 when it
// never was.
func lastAlarm(i Indicator) int {
	c := NewCUSUM(CUSUMParams{Bad: i.Bad, Quantum: i.Quantum})
	last, was := -1, false
	for t, v := range i.Values {
		in := c.Observe(time.Unix(int64(t), 0), v)
		if in && !was {
			last = t
		}
		was = in
	}
	return last
}

// breached says that the indicator's sum alarmed after the onset, and that what
// follows the onset is, as a rule and not for one sample, worse than what was
// before it.
func breached(i Indicator, alarm int, o Onset) (Breach, bool) {
	if o.At <= 0 || o.At >= len(i.Values) || alarm < o.At-o.Err {
		return Breach{}, false
	}
	usual := NewBaseline(i.Values[:o.At], RelativeFloor).AtLeast(i.Quantum)
	b := Breach{ID: i.ID, At: alarm, Effect: usual.Effect(i.Values[o.At:], i.Bad)}
	return b, b.Effect.Anomalous() && b.Effect.Median >= breachSigmas
}
