package compare

import (
	"math"
	"slices"
	"time"
)

// waitStep is the width of a step of the waits over time: at one checkout per second
// and 20 seeds some 200 customers.
const waitStep = 10 * time.Second

// over is the waits of all replications by when the customers came. The customers
// of a step are put together, and then there is one quantile of them: quantiles of
// replications have no meaningful mean.
func over(length time.Duration, of []piece) Waits {
	steps := int((length + waitStep - 1) / waitStep)
	took := make([][]time.Duration, steps)
	for _, p := range of {
		for _, w := range p.night.waits {
			i := min(int(w.start/waitStep), steps-1)
			took[i] = append(took[i], w.took)
		}
	}
	out := Waits{Step: waitStep, P50: make([]float64, steps), P99: make([]float64, steps)}
	for i, ts := range took {
		out.P50[i], out.P99[i] = math.NaN(), math.NaN()
		if len(ts) > 0 {
			slices.Sort(ts)
			out.P50[i], out.P99[i] = quantile(ts, 0.5).Seconds(), quantile(ts, 0.99).Seconds()
		}
	}
	return out
}
