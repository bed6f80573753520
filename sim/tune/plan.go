package tune

// plan says beforehand how much work there will be, at most, for the progress.
func (s *search) plan() {
	of := func(n int, at grade) float64 {
		sum := 0.0
		for _, u := range s.eval.unitsOf(&candidate{}, at) {
			sum += s.eval.weight(u)
		}
		return float64(n) * sum
	}
	all, few := len(s.Cases), min(len(s.pool), s.o.Finalists)
	first := grade{cases: 1, to: firstSeeds}
	wide := grade{cases: all, to: firstSeeds}
	more := grade{cases: all, from: firstSeeds, to: raceSeeds}
	final := grade{cases: all, to: s.o.Seeds, whole: true}
	second := min(s.keep(5), len(s.pool))
	s.eval.of = of(len(s.pool), first) + of(second, wide) - of(second, first) +
		of(min(parents, s.o.Finalists, len(s.pool))*children, wide) + of(min(s.keep(20), 2*len(s.pool)), more) +
		of(trajectories*(len(s.space)+1), wide) + of(few, final) + of(len(s.baselines(nil))+3, final)
}
