package output

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s: %.6g, want %.6g", what, got, want)
	}
}

// Ten values with mean 2 and standard deviation 1: half the 95 % interval is
// 2.262157 (t with 9 degrees of freedom, Fisher and Yates' table) by the root of 10.
func TestMean(t *testing.T) {
	a := math.Sqrt(0.9)
	i := Mean([]float64{2 - a, 2 + a, 2 - a, 2 + a, 2 - a, 2 + a, 2 - a, 2 + a, 2 - a, 2 + a}, 0.95)
	near(t, "mean", i.Value, 2, 1e-12)
	near(t, "half", i.Half(), 2.262157/math.Sqrt(10), 1e-6)
	near(t, "relative", i.Relative(), 2.262157/math.Sqrt(10)/2, 1e-6)
	near(t, "t with 19 degrees of freedom at 99.9 %", student(19, 0.999), 3.8834, 1e-4)
	if !i.Contains(2.7) || i.Contains(2.8) || i.N != 10 {
		t.Errorf("%v", i)
	}
	if one := Mean([]float64{3}, 0.95); one.Value != 3 || !math.IsInf(one.Lo, -1) || !math.IsInf(one.Hi, 1) {
		t.Errorf("one value: %v", one)
	}
	if same := Mean([]float64{0, 0, 0}, 0.95); same.Relative() != 0 {
		t.Errorf("no spread around 0: %v", same)
	}
}

// Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 of 263 and
// 0 of 20.
func TestShare(t *testing.T) {
	i := Share(81, 263, 0.95)
	near(t, "lower", i.Lo, 0.2553, 5e-5)
	near(t, "upper", i.Hi, 0.3662, 5e-5)
	i = Share(0, 20, 0.95)
	near(t, "lower of none", i.Lo, 0, 1e-12)
	near(t, "upper of none", i.Hi, 0.1611, 5e-5)
	near(t, "lower of all", Share(20, 20, 0.95).Lo, 1-0.1611, 5e-5)
	if i := Share(0, 0, 0.95); i.Lo != 0 || i.Hi != 1 {
		t.Errorf("nothing known: %v", i)
	}
}

// The rule of three against what it stands for: 1-0.05^(1/n) (Hanley and
// Lippman-Hand 1983).
func TestAtMost(t *testing.T) {
	for _, n := range []int{30, 100, 1000} {
		exact := 1 - math.Pow(0.05, 1/float64(n))
		if got := AtMost(n); got < exact || got > exact*1.06 {
			t.Errorf("n = %d: %.5f, exactly %.5f", n, got, exact)
		}
	}
	if AtMost(2) != 1 {
		t.Error("two cases rule nothing out")
	}
}

// The interval of the median of ten values is from the 2nd to the 9th, of twenty
// from the 6th to the 15th (Conover, Practical Nonparametric Statistics, table A3).
func TestQuantileBetweenRanks(t *testing.T) {
	for _, c := range []struct {
		n      int
		q      float64
		lo, hi int
	}{{10, 0.5, 2, 9}, {20, 0.5, 6, 15}, {5, 0.5, 0, 6}, {20, 0.99, 19, 21}} {
		if lo, hi := ranks(c.n, c.q, 0.95); lo != c.lo || hi != c.hi {
			t.Errorf("n = %d, q = %g: from %d to %d, want %d to %d", c.n, c.q, lo, hi, c.lo, c.hi)
		}
	}
	v := []float64{9, 1, 8, 2, 7, 3, 6, 4, 5, 10}
	if i := Quantile(v, 0.5, 0.95); i.Value != 5 || i.Lo != 2 || i.Hi != 9 {
		t.Errorf("%v", i)
	}
	if i := Quantile(v, 0.99, 0.95); i.Value != 10 || !math.IsInf(i.Hi, 1) {
		t.Errorf("ten values set no upper bound to a p99: %v", i)
	}
}

// Student's sleep data (Student 1908), paired: mean difference 1.58, 95 % interval
// 0.70 to 2.46.
func TestPaired(t *testing.T) {
	a := []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
	b := []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}
	d, err := Paired(a, b, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", d.Value, 1.58, 1e-9)
	near(t, "lower", d.Lo, 0.7001142, 1e-6)
	near(t, "upper", d.Hi, 2.4598858, 1e-6)
	near(t, "reduction", d.Reduction, (4.009+3.200556)/1.512889, 1e-3)
	if _, err := Paired(a, b[1:], 0.95); err == nil {
		t.Error("unequal numbers were paired")
	}
	if same, _ := Paired(a, a, 0.95); same.Reduction != 0 || same.Lo != 0 || same.Hi != 0 {
		t.Errorf("a thing compared with itself: %+v", same)
	}
}

// Efron and Tibshirani, An Introduction to the Bootstrap (1993), table 14.2: the
// variance of the 26 spatial test results A, 171.5; BCa at 90 % gave them
// (115.8, 259.6), the plain percentiles (100.8, 233.9), with acceleration 0.061.
func TestBootstrap(t *testing.T) {
	test := []float64{48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41}
	variance := func(cases []int) float64 {
		var sum, squares float64
		for _, i := range cases {
			sum += test[i]
			squares += test[i] * test[i]
		}
		n := float64(len(cases))
		return squares/n - sum/n*sum/n
	}
	near(t, "acceleration", acceleration(len(test), variance), 0.061, 0.001)
	i, err := Bootstrap(len(test), variance, 20_000, 0.90, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "variance", i.Value, 171.5, 0.05)
	near(t, "lower", i.Lo, 115.8, 4) // theirs are themselves from 2,000 resamples
	near(t, "upper", i.Hi, 259.6, 6)
	again, _ := Bootstrap(len(test), variance, 20_000, 0.90, 1)
	other, _ := Bootstrap(len(test), variance, 20_000, 0.90, 2)
	if i != again || i == other {
		t.Errorf("the seed decides, and it alone: %v, %v, %v", i, again, other)
	}
	flat, err := Bootstrap(5, func([]int) float64 { return 4 }, 200, 0.95, 1)
	if err != nil || flat.Lo != 4 || flat.Hi != 4 {
		t.Errorf("a constant: %v, %v", flat, err)
	}
	if _, err := Bootstrap(1, variance, 2000, 0.95, 1); err == nil {
		t.Error("one case was resampled")
	}
}

// remission is how many weeks 21 patients stayed in remission under
// 6-mercaptopurine (Freireich and others 1963), the textbooks' example.
func remission() (cases []Until) {
	for _, w := range []float64{6, 6, 6, 7, 10, 13, 16, 22, 23} {
		cases = append(cases, Until{Seconds: w})
	}
	for _, w := range []float64{6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35} {
		cases = append(cases, Until{Seconds: w, Censored: true})
	}
	return cases
}

func TestSurvival(t *testing.T) {
	s := Survive(remission())
	// Kleinbaum and Klein, Survival Analysis, table 2.1; errors by Greenwood.
	want := []Step{
		{6, 0.8571, 0.0764, 21},
		{7, 0.8067, 0.0869, 17},
		{10, 0.7529, 0.0963, 15},
		{13, 0.6902, 0.1068, 12},
		{16, 0.6275, 0.1141, 11},
		{22, 0.5378, 0.1282, 7},
		{23, 0.4482, 0.1346, 6},
	}
	if len(s.Steps) != len(want) || s.Cases != 21 || s.Censored != 12 {
		t.Fatalf("%+v", s)
	}
	for i, w := range want {
		g := s.Steps[i]
		near(t, "time", g.At, w.At, 0)
		near(t, "share left", g.Left, w.Left, 1e-4)
		near(t, "its error", g.Error, w.Error, 1e-4)
		near(t, "at risk", float64(g.AtRisk), float64(w.AtRisk), 0)
	}
	// SAS's LIFETEST prints the median 23 with a log-log interval from 13 on,
	// without an upper end.
	m := s.Quantile(0.5, 0.95)
	if m.Value != 23 || m.Lo != 13 || !math.IsInf(m.Hi, 1) {
		t.Errorf("median %v", m)
	}
	if q := s.Quantile(0.75, 0.95); !math.IsInf(q.Value, 1) {
		t.Errorf("three quarters never relapsed within the watch: %v", q)
	}
}

// Without anything cut off it is the plain share, and everything ends.
func TestSurvivalOfCompleteCases(t *testing.T) {
	s := Survive([]Until{{Seconds: 4}, {Seconds: 1}, {Seconds: 3}, {Seconds: 2}})
	for i, left := range []float64{0.75, 0.5, 0.25, 0} {
		near(t, "left", s.Steps[i].Left, left, 1e-12)
	}
	if m := s.Quantile(0.5, 0.95); m.Value != 2 {
		t.Errorf("median %v", m)
	}
	none := Survive([]Until{{5, true}, {5, true}})
	if m := none.Quantile(0.5, 0.95); !math.IsInf(m.Value, 1) || !math.IsInf(m.Lo, 1) || none.Censored != 2 {
		t.Errorf("nothing happened: %v", m)
	}
}

func TestRule(t *testing.T) {
	steady := []float64{10, 10.2, 9.8, 10, 10.1, 9.9, 10, 10.2, 9.8, 10, 10}
	r := Rule{Relative: 0.05, Least: 10, Most: 20, Level: 0.95}
	for n, want := range map[int]Stop{9: GoOn, 10: Precise, 11: Precise} {
		if got := r.Check(steady[:n]); got != want {
			t.Errorf("%d replications: %d", n, got)
		}
	}
	wild := []float64{1, 100, 3, 250, 2, 90, 1, 400, 5, 60, 3, 100}
	if got := r.Check(wild); got != GoOn {
		t.Errorf("wild values: %d", got)
	}
	if got := r.Check(append(wild, wild[:8]...)); got != Budget {
		t.Errorf("wild values at the budget: %d", got)
	}
}
