package tune

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/samplemv"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/sim/replicate"
)

// Knob is one value of a policy that is searched.
type Knob struct {
	Path    string // below the edge, as --set takes it: deadline, breaker.resetTimeout
	Unit    string // written behind the number, where the field wants one
	Shows   string // unit for people, where Unit is empty
	Lo, Hi  float64
	Log     bool    // even on a logarithmic scale
	Step    float64 // values are multiples of it; 0 is two significant digits
	Choices []string
}

// Space is the knobs of a library on an edge.
type Space []Knob

// Value is the knob's text at a place u of its scale, 0..1, rounded to a number that
// one would write.
func (k Knob) Value(u float64) string {
	if len(k.Choices) > 0 {
		return k.Choices[min(int(u*float64(len(k.Choices))), len(k.Choices)-1)]
	}
	v := k.Lo + u*(k.Hi-k.Lo)
	if k.Log {
		v = k.Lo * math.Pow(k.Hi/k.Lo, u)
	}
	step := k.Step
	if step == 0 {
		step = math.Pow(10, math.Floor(math.Log10(v))-1)
	}
	v = min(max(math.Round(v/step)*step, k.Lo), k.Hi)
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) + k.Unit
}

// Settings are a policy's values of the space, as --set takes them below the edge.
func (s Space) Settings(p policy.Policy) []string {
	all := make([]string, len(s))
	for i, k := range s {
		v, err := p.Get(k.Path)
		if err != nil || v == "" && strings.HasPrefix(k.Path, "breaker.") {
			v = "-" // of another library
		}
		all[i] = k.Path + "=" + v
	}
	return all
}

// Show is a policy's values in words: timeout 2500 ms, errorThresholdPercentage 50 %,
// the call's deadline 4s.
func (s Space) Show(p policy.Policy) string {
	var parts []string
	for _, k := range s {
		v, err := p.Get(k.Path)
		if err != nil || v == "" {
			continue
		}
		if k.Shows != "" {
			v += " " + k.Shows
		}
		name, own := strings.CutPrefix(k.Path, "breaker.")
		if !own {
			name = "the call's " + name
		}
		parts = append(parts, name+" "+v)
	}
	return strings.Join(parts, ", ")
}

// baseOf is the edge's policy with the library's breaker as choosing it writes it.
func baseOf(p Problem, l library.Library) (policy.Policy, error) {
	base := p.Today
	if err := base.Set("breaker", l.Name); err != nil {
		return base, err
	}
	if l.Hosts != "" && p.Hosts > 0 {
		return base, base.Set("breaker."+l.Hosts, strconv.Itoa(p.Hosts))
	}
	return base, nil
}

// put is the base with the knobs at a place; an error where the library does not take
// the values together.
func (s *search) put(u []float64) (*candidate, error) {
	c := &candidate{at: u, policy: policy.Edges{"": s.base}.Clone()[""]}
	for i, k := range s.space {
		v := k.Value(u[i])
		if err := c.policy.Set(k.Path, v); err != nil {
			return nil, fmt.Errorf("%s %s: %w", k.Path, v, err)
		}
	}
	return c, s.finish(c)
}

// finish makes a candidate what its library's file can hold, or says why it cannot
// be one.
func (s *search) finish(c *candidate) (err error) {
	if err = takes(c.policy); err == nil && s.o.Written != nil {
		if c.policy, err = s.o.Written(c.policy); err == nil {
			err = takes(c.policy)
		}
	}
	c.key = keyOf(c.policy)
	return err
}

// takes says what is wrong with a policy for whoever carries it out.
func takes(p policy.Policy) error {
	b, err := library.New(p.Breaker, time.Time{})
	if err == nil && b.Retry != nil && b.Retry.Attempts > 1 && p.Retry.Attempts > 1 {
		err = fmt.Errorf("the edge and its %s would both try again", p.Breaker.Library)
	}
	return err
}

// sample is the first settings: what choosing the library writes, and then points of a
// Halton sequence, scrambled after Owen, that the library takes. Points that come to
// the same values count once, so there are fewer where the space has no more.
func (s *search) sample() (all []*candidate) {
	seen := map[string]bool{}
	add := func(c *candidate) {
		if !seen[c.key] {
			seen[c.key] = true
			all = append(all, c)
		}
	}
	if s.o.Space == nil {
		c := &candidate{policy: s.base}
		if s.finish(c) == nil {
			c.at = s.place(c.policy)
			add(c)
		}
	}
	batch := mat.NewDense(8*s.o.Configs, len(s.space), nil)
	halton := samplemv.Halton{
		Kind: samplemv.Owen, Q: distmv.NewUnitUniform(len(s.space), nil), Src: rand.NewPCG(replicate.Seed(s.o.Seed, 1), 0x7a11),
	}
	halton.Sample(batch)
	for i := range 8 * s.o.Configs {
		if len(all) == s.o.Configs {
			break
		}
		if c, err := s.put(slices.Clone(batch.RawRowView(i))); err == nil {
			add(c)
		}
	}
	return all
}

// place is where on the knobs' scales a policy's values are, as far as they are.
func (s *search) place(p policy.Policy) []float64 {
	u := make([]float64, len(s.space))
	for i, k := range s.space {
		text, err := p.Get(k.Path)
		if err != nil {
			continue
		}
		u[i] = k.place(text)
	}
	return u
}

func (k Knob) place(text string) float64 {
	if n := len(k.Choices); n > 0 {
		return (float64(max(slices.Index(k.Choices, text), 0)) + 0.5) / float64(n)
	}
	v, err := strconv.ParseFloat(text, 64)
	if d, wrong := time.ParseDuration(text); err != nil && wrong == nil {
		v = d.Seconds()
		if k.Unit == "ms" {
			v *= 1000
		}
	}
	if v = min(max(v, k.Lo), k.Hi); k.Log {
		return math.Log(v/k.Lo) / math.Log(k.Hi/k.Lo)
	}
	return (v - k.Lo) / (k.Hi - k.Lo)
}

// refine is new settings near the best: one or two knobs of each moved by up to a fifth
// of their scale.
func (s *search) refine() (born []*candidate) {
	if len(s.space) == 0 {
		return nil
	}
	known := map[string]bool{}
	for _, c := range s.tried {
		known[c.key] = true
	}
	rng := rand.New(rand.NewPCG(replicate.Seed(s.o.Seed, 2), 0x7a11))
	for _, parent := range s.pool[:min(parents, s.o.Finalists, len(s.pool))] {
		for range children {
			u := slices.Clone(parent.at)
			for range 1 + rng.IntN(2) {
				i := rng.IntN(len(u))
				u[i] = min(max(u[i]+0.4*(rng.Float64()-0.5), 0), 1)
			}
			if c, err := s.put(u); err == nil && !known[c.key] {
				known[c.key] = true
				born = append(born, c)
			}
		}
	}
	return born
}
