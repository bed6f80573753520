package tune

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"tripcurve/sim/replicate"
)

// Sensitivity is what moving one knob does, after Morris: the mean size of its effect
// on an objective over its whole scale, and how much that differs from place to place.
type Sensitivity struct {
	Knob     Knob
	MeanSize Values // mu*
	Spread   Values // sigma
	Effects  int    // steps that were made
}

// sensitivities walks through the space one knob at a time, half a scale at a step.
func (s *search) sensitivities(ctx context.Context, at grade) error {
	s.eval.stage = "sensitivities"
	type step struct {
		knob     int
		from, to *candidate
	}
	var steps []step
	var all []*candidate
	rng := rand.New(rand.NewPCG(replicate.Seed(s.o.Seed, 4), 0x7a11))
	for range trajectories {
		u := make([]float64, len(s.space))
		for i := range u {
			u[i] = 0.05 + 0.4*rng.Float64()
			if rng.IntN(2) == 1 {
				u[i] += 0.5
			}
		}
		from, err := s.put(slices.Clone(u))
		if err == nil {
			all = append(all, from)
		}
		for _, k := range rng.Perm(len(u)) {
			if u[k] < 0.5 {
				u[k] += 0.5
			} else {
				u[k] -= 0.5
			}
			to, wrong := s.put(slices.Clone(u))
			if wrong == nil {
				all = append(all, to)
				if err == nil {
					steps = append(steps, step{k, from, to})
				}
			}
			from, err = to, wrong
		}
	}
	if err := s.eval.make(ctx, all, at); err != nil {
		return err
	}
	effects := make([][]Values, len(s.space))
	for _, st := range steps {
		a, b := mean(s.eval.values(st.from, at)), mean(s.eval.values(st.to, at))
		var e Values
		for i := range e {
			e[i] = (b[i] - a[i]) / 0.5
			if st.to.at[st.knob] < st.from.at[st.knob] {
				e[i] = -e[i]
			}
		}
		effects[st.knob] = append(effects[st.knob], e)
	}
	for k, es := range effects {
		s.res.Sensitivity = append(s.res.Sensitivity, sensitivity(s.space[k], es))
	}
	slices.SortStableFunc(s.res.Sensitivity, func(a, b Sensitivity) int {
		return cmp.Compare(b.MeanSize[NotServed], a.MeanSize[NotServed])
	})
	return nil
}

// sensitivity sums up the effects of one knob, each in the objective's unit for the
// knob's whole scale.
func sensitivity(k Knob, effects []Values) Sensitivity {
	out := Sensitivity{Knob: k, Effects: len(effects)}
	n := float64(len(effects))
	if n == 0 {
		return out
	}
	m := mean(effects)
	for _, e := range effects {
		for i := range e {
			out.MeanSize[i] += math.Abs(e[i]) / n
			if n > 1 {
				out.Spread[i] += (e[i] - m[i]) * (e[i] - m[i]) / (n - 1)
			}
		}
	}
	for i := range out.Spread {
		out.Spread[i] = math.Sqrt(out.Spread[i])
	}
	return out
}
