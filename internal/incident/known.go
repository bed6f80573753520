package incident

import (
	"math"
	"slices"
	"time"
)

// leastHold is how long a look at the locks holds when looks follow each other
// faster than this: a late one is no gap.
const leastHold = 3 * time.Second

// holds is how long a look at the locks stands for the time after it: three
// usual intervals.
func (v *View) holds() time.Duration {
	if len(v.sampled) < 2 {
		return leastHold
	}
	const most = 201 // distances tell the usual one well enough
	recent := v.sampled[max(0, len(v.sampled)-most):]
	gaps := make([]time.Duration, 0, most)
	for i := 1; i < len(recent); i++ {
		gaps = append(gaps, recent[i].Sub(recent[i-1]))
	}
	slices.Sort(gaps)
	return max(leastHold, 3*gaps[(len(gaps)-1)/2])
}

// lastLook is the newest instant at which locks were looked at, and whether at
// is after it but still so near that it holds.
func (v *View) lastLook(at time.Time) (time.Time, bool) {
	if len(v.sampled) == 0 {
		return time.Time{}, false
	}
	last := v.sampled[len(v.sampled)-1]
	return last, at.After(last) && at.Sub(last) < v.holds()
}

// unlooked makes the zeros NaN that no look at the locks supports; a wait that
// is known is known, also when its beginning was told later.
func (v *View) unlooked(counts []float64, w Window, step time.Duration) {
	hold := v.holds()
	for i, n := range counts {
		lo, hi := w.From.Add(time.Duration(i)*step), w.From.Add(time.Duration(i+1)*step)
		j, _ := slices.BinarySearchFunc(v.sampled, hi, time.Time.Compare)
		if n == 0 && (j == 0 || lo.Sub(v.sampled[j-1]) >= hold) {
			counts[i] = math.NaN()
		}
	}
}

// unlogged makes the steps NaN in which no gateway's evidence lies: every log
// ended before, or begins after.
func (v *View) unlogged(counts []float64, w Window, step time.Duration) {
	v.logged.Do(func() {
		byName := map[string]Window{}
		v.EachBucket(Window{}, func(b *Bucket) {
			s, ok := byName[b.Origin.Name]
			if !ok {
				s.From = b.At // buckets come in order of time
			}
			s.To = LaterOf(s.To, b.At.Add(b.Width))
			byName[b.Origin.Name] = s
		})
		for _, s := range v.Sources {
			if have, ok := byName[s.Name]; ok && s.Group == "gateway" {
				have.To = LaterOf(have.To, s.LastAt)
				byName[s.Name] = have
			}
		}
		for _, s := range byName {
			v.logs = append(v.logs, s)
		}
	})
	for i := range counts {
		lo, hi := w.From.Add(time.Duration(i)*step), w.From.Add(time.Duration(i+1)*step)
		if !slices.ContainsFunc(v.logs, func(s Window) bool { return s.From.Before(hi) && s.To.After(lo) }) {
			counts[i] = math.NaN()
		}
	}
}
