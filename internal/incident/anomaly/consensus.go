package anomaly

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"tripcurve/internal/incident/sketch"
)

// ConsensusParams tune the search for the instant at which many series changed;
// the zero value takes the defaults. They were chosen on the development split of
// DBSherlock's recordings (docs/rca.md).
type ConsensusParams struct {
	Windows []int   // w: samples on either side that are compared, each length by itself; default 8 and 12
	Clip    float64 // sigmas beyond which a series says hardly more: only 2 ln(J/clip); default 6
	Floor   float64 // sigmas below which a series says nothing; default 2
	Peak    float64 // an earlier peak of this share of the largest is the onset; default 0.7
	Level   float64 // floor of a series' sigma as a share of its level; default 0.03
}

// agreeFactor times the floor makes a series agree: the largest of some twenty
// jumps of noise alone is often beyond the floor, hardly ever beyond its double.
const agreeFactor = 2

// leastSamples of a coarse series make a mean, however short the window is.
const leastSamples = 3

// beyondClip is what the logarithm beyond the clip is worth, in sigmas. A hard
// clip has flat tops whose first sample is too early by half a window.
const beyondClip = 2

func (p ConsensusParams) withDefaults() ConsensusParams {
	if len(p.Windows) == 0 {
		p.Windows = []int{8, 12}
	}
	def := func(v *float64, d float64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&p.Clip, 6)
	def(&p.Floor, 2)
	def(&p.Peak, 0.7)
	def(&p.Level, 0.03)
	return p
}

// Row is one series on the common grid.
type Row struct {
	ID     string
	Values []float64 // one per grid step, NaN where nothing is known
	// Every is how many grid steps one sample of this series covers; a coarser
	// series says less precisely when it changed. 0 and 1 are the same.
	Every int
	// Quantum is the least sigma, in the row's unit: half an event of what is
	// counted. One failure in a quiet hour is no jump.
	Quantum float64
}

func (r Row) every() int { return max(1, r.Every) }

// Agreement is one series that changed around the onset.
type Agreement struct {
	ID   string
	Jump float64 // sigmas; its sign is the way it went
	At   int     // the grid step of its own strongest change
}

// Onset is when the series changed together.
type Onset struct {
	At       int     // grid step: the first that belongs to the new time
	Err      int     // grid steps by which it may be off either way; see Consensus
	Strength float64 // mean over all series of the sigmas beyond the floor
	// Prominence is the strength by its own median over all instants: series that
	// wander agree a little at any time.
	Prominence float64
	Agree      []Agreement
	Of         int // series that say anything at all: constant or empty ones do not
}

// Consensus finds the onset by jumps that many series make together. For each
// series, instant and window length
//
//	J(t) = |mean of the next w - mean of the last w| / (sigma sqrt(2/w))
//
// with sigma from the MAD of first differences, at least 3 % of the level; S(t)
// is the mean over series and window lengths of max(J-2, 0), and the onset is the
// first local peak of S of at least 0.7 of the largest. One series is not enough:
// on DBSherlock's recordings no detector on latency alone finds as many
// beginnings as agreement does. Two window lengths, for the short one alone takes
// a flicker for an onset and the long one alone is vague.
//
// The error bound is the distance within which eight of ten agreeing series
// changed, at least a step of the finest of them and half the short window. It is
// false when no series jumps.
func Consensus(rows []Row, p ConsensusParams) (Onset, bool) {
	p = p.withDefaults()
	n := 0
	for _, r := range rows {
		n = max(n, len(r.Values))
	}
	j := newJumper(p, n)
	sum := make([]float64, n)
	sigmas := make([]float64, len(rows))
	said := 0
	for i, r := range rows {
		sigmas[i] = j.sigma(r)
		if sigmas[i] == 0 || !j.load(r) {
			sigmas[i] = 0
			continue
		}
		said++
		for _, w := range p.Windows {
			j.addBeyondFloor(sum, r, w, sigmas[i])
		}
	}
	best := 0.0
	for t := range sum {
		sum[t] /= float64(max(1, said) * len(p.Windows))
		best = max(best, sum[t])
	}
	if best <= 0 {
		return Onset{Of: said}, false
	}
	short, long := slices.Min(p.Windows), slices.Max(p.Windows)
	at := firstPeak(sum, p.Peak*best, long)
	o := Onset{At: at, Strength: sum[at], Prominence: math.Inf(1), Of: said}
	if usual := slices.Sorted(slices.Values(sum[min(short, n/2) : n-min(short, n/2)])); len(usual) > 0 && quantile(usual, 0.5) > 0 {
		o.Prominence = sum[at] / quantile(usual, 0.5)
	}
	finest := 0
	for i, r := range rows {
		if sigmas[i] == 0 {
			continue
		}
		// Its own instant is sought around the onset, so only that is loaded.
		every := r.every()
		reach := max(short, every)
		first := max(0, at-reach-(max(leastSamples, short)+1)*every) / every * every
		last := min(len(r.Values), at+reach+(max(leastSamples, short)+1)*every+1)
		if first >= last {
			continue
		}
		near := Row{Values: r.Values[first:last], Every: r.Every}
		if !j.load(near) {
			continue
		}
		top := Agreement{ID: r.ID}
		j.each(near, short, sigmas[i], max(0, at-reach-first), min(n, at+reach+1)-first, func(t int, jump float64) {
			if math.Abs(jump) > math.Abs(top.Jump) {
				top.Jump, top.At = jump, t+first
			}
		})
		if math.Abs(top.Jump) < agreeFactor*p.Floor {
			continue
		}
		o.Agree = append(o.Agree, top)
		if finest == 0 || r.every() < finest {
			finest = r.every()
		}
	}
	o.Err = max(1, finest, finest*short/2, spread(o.Agree, at))
	slices.SortStableFunc(o.Agree, func(a, b Agreement) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Jump), math.Abs(a.Jump)), cmp.Compare(a.ID, b.ID))
	})
	return o, true
}

// firstPeak is the first local peak that is high enough. A peak is the largest
// of half a window around it.
func firstPeak(sum []float64, least float64, window int) int {
	half := max(1, window/2)
	for t, s := range sum {
		if s < least {
			continue
		}
		peak := true
		for u := max(0, t-half); u <= min(len(sum)-1, t+half); u++ {
			if sum[u] > s {
				peak = false
				break
			}
		}
		if peak {
			return t
		}
	}
	return 0
}

// spread is how far from the onset eight of ten agreeing series changed.
func spread(agree []Agreement, at int) int {
	if len(agree) == 0 {
		return 0
	}
	away := make([]int, len(agree))
	for i, a := range agree {
		away[i] = max(a.At-at, at-a.At)
	}
	slices.Sort(away)
	return away[min(len(away)-1, len(away)*8/10)]
}

// jumper works out jumps in memory that it uses again.
type jumper struct {
	p     ConsensusParams
	cum   []float64 // of the loaded row's values before each sample
	count []int32   // of its samples that are there
	n     int       // samples loaded
	gaps  bool      // some of them are not there
	diff  []float64
	own   []float64 // a coarse row's own samples
}

func newJumper(p ConsensusParams, n int) *jumper {
	return &jumper{p: p, cum: make([]float64, n+1), count: make([]int32, n+1), diff: make([]float64, 0, n), own: make([]float64, 0, n)}
}

// samples are the row's own: of a coarse one each once, for held ones would look
// like a quiet series.
func (j *jumper) samples(r Row) []float64 {
	step := r.every()
	if step == 1 {
		return r.Values
	}
	j.own = j.own[:0]
	for t := step - 1; t < len(r.Values); t += step {
		j.own = append(j.own, r.Values[t])
	}
	return j.own
}

// load takes a row; false when it is too short for any window.
func (j *jumper) load(r Row) bool {
	values := j.samples(r)
	j.n = len(values)
	for i, v := range values {
		c, k := j.cum[i], j.count[i]
		if v-v == 0 { // neither NaN nor infinite
			c += v
			k++
		}
		j.cum[i+1], j.count[i+1] = c, k
	}
	j.gaps = int(j.count[j.n]) < j.n
	return j.n >= 2*max(leastSamples, slices.Min(j.p.Windows)/r.every())
}

// addBeyondFloor adds what the loaded row's jumps are beyond the floor to sum.
func (j *jumper) addBeyondFloor(sum []float64, r Row, window int, sigma float64) {
	if r.every() > 1 || j.gaps {
		j.each(r, window, sigma, 0, len(sum), func(t int, jump float64) {
			if a := math.Abs(jump); a > j.p.Floor {
				sum[t] += a - j.p.Floor
			}
		})
		return
	}
	// The usual row, without gaps: the same by a third of the work.
	w := max(leastSamples, window)
	if j.n < 2*w {
		return
	}
	cum := j.cum[:j.n+1]
	scale := 1 / (sigma * math.Sqrt(2*float64(w)))
	for i := w; i+w < len(cum); i++ {
		a := math.Abs((cum[i+w] - 2*cum[i] + cum[i-w]) * scale)
		if a <= j.p.Floor {
			continue
		}
		if a > j.p.Clip {
			a = j.p.Clip + beyondClip*math.Log(a/j.p.Clip)
		}
		sum[i] += a - j.p.Floor
	}
}

// each calls f with the loaded row's jump, with its sign, at every grid step of
// [from, to) at which enough samples stand on both sides.
func (j *jumper) each(r Row, window int, sigma float64, from, to int, f func(t int, jump float64)) {
	step := r.every()
	w := max(leastSamples, window/step)
	least := int32(w+1) / 2 // of each side must be there
	to = min(to, len(r.Values))
	full := 1 / (sigma * math.Sqrt(2/float64(w)))
	for i := max(w, from/step); i+w <= j.n && i*step < to; i++ {
		before, after := j.count[i]-j.count[i-w], j.count[i+w]-j.count[i]
		if before < least || after < least {
			continue
		}
		scale := full
		if int(before) < w || int(after) < w {
			scale = 1 / (sigma * math.Sqrt(1/float64(before)+1/float64(after)))
		}
		v := ((j.cum[i+w]-j.cum[i])/float64(after) - (j.cum[i]-j.cum[i-w])/float64(before)) * scale
		if a := math.Abs(v); a > j.p.Clip {
			v = math.Copysign(j.p.Clip+beyondClip*math.Log(a/j.p.Clip), v)
		}
		for t := max(from, i*step); t < min(to, (i+1)*step); t++ { // it changed somewhere between two samples
			f(t, v)
		}
	}
}

// sigma is a sample's noise, from the MAD of first differences: a slow drift and
// the jump itself do not count. Zero for a row that never changes.
func (j *jumper) sigma(r Row) float64 {
	j.diff = j.diff[:0]
	var level, last float64
	n, still := 0, 0
	for _, v := range j.samples(r) {
		if v-v != 0 { // NaN or infinite
			continue
		}
		level += math.Abs(v)
		if d := math.Abs(v - last); n == 0 {
		} else if d == 0 {
			still++
		} else {
			j.diff = append(j.diff, d)
		}
		n++
		last = v
	}
	if len(j.diff) == 0 {
		return 0
	}
	mad := 0.0
	if k := (still+len(j.diff))/2 - still; k >= 0 {
		mad = kth(j.diff, min(k, len(j.diff)-1))
	}
	return max(madToSigma*mad/math.Sqrt2, j.p.Level*level/float64(n), r.Quantum)
}

// kth is the k-th smallest of positive samples; it reorders v. Positive floats
// sort as their bits do, so one pass counts them by their leading bits, and only
// those of one count need to be selected from: half the time.
func kth(v []float64, k int) float64 {
	lo, hi := uint64(math.MaxUint64), uint64(0)
	for _, x := range v {
		b := math.Float64bits(x)
		lo, hi = min(lo, b), max(hi, b)
	}
	shift := max(0, bits.Len64(hi-lo)-8)
	var counts [256]uint16
	if len(v) > math.MaxUint16 {
		return sketch.Kth(v, k)
	}
	for _, x := range v {
		counts[(math.Float64bits(x)-lo)>>shift&255]++
	}
	in, before := 0, 0
	for before+int(counts[in]) <= k {
		before += int(counts[in])
		in++
	}
	few := v[:0]
	for _, x := range v {
		if int((math.Float64bits(x)-lo)>>shift) == in {
			few = append(few, x)
		}
	}
	return sketch.Kth(few, k-before)
}
