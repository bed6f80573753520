package validate

import (
	"math"
	"testing"
)

// Symbols as in the textbooks: a the offered load in erlangs, c servers, r = a/c.
// Times are in units of the mean service time.

// erlangB is the share that finds all c servers taken, where such customers leave.
func erlangB(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	return b
}

// erlangC is the share that must wait in M/M/c.
func erlangC(c int, a float64) float64 {
	b, r := erlangB(c, a), a/float64(c)
	return b / (1 - r*(1-b))
}

// waitMMc is the mean time in the queue of M/M/c.
func waitMMc(c int, a float64) float64 { return erlangC(c, a) / (float64(c) - a) }

// waitMG1 is Pollaczek and Khinchine's mean time in the queue; c2 is the service
// time's squared coefficient of variation.
func waitMG1(r, c2 float64) float64 { return (1 + c2) / 2 * r / (1 - r) }

// birthDeath is the probabilities of the states 0 to top of a chain that goes up
// from n at rate up(n) and down to n from n+1 at rate down(n+1).
func birthDeath(top int, up, down func(n int) float64) []float64 {
	p := make([]float64, top+1)
	p[0] = 1
	sum := 1.0
	for n := range top {
		p[n+1] = p[n] * up(n) / down(n+1)
		if sum += p[n+1]; sum > 1e200 {
			for i := range p[:n+2] {
				p[i] /= sum
			}
			sum = 1
		}
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// beyond is the mean number above c: who waits.
func beyond(p []float64, c int) (lq float64) {
	for n := c + 1; n < len(p); n++ {
		lq += float64(n-c) * p[n]
	}
	return lq
}

// bounded is M/M/c/K: the share turned away, and the mean wait of the others.
func bounded(c, places int, a float64) (lost, wait float64) {
	p := birthDeath(places, func(int) float64 { return a }, func(n int) float64 { return float64(min(n, c)) })
	lost = p[places]
	return lost, beyond(p, c) / (a * (1 - lost))
}

// erlangA is M/M/c with customers who leave the queue after an exponential patience:
// the share that does, and the mean number waiting.
func erlangA(c int, a, patience float64) (leave, lq float64) {
	top := c + int(40*math.Sqrt(a*patience)+20*a*patience) + 100
	p := birthDeath(top, func(int) float64 { return a }, func(n int) float64 {
		return float64(min(n, c)) + float64(max(n-c, 0))/patience
	})
	lq = beyond(p, c)
	return lq / patience / a, lq
}

// repair is n clients who think for a time and then want one of c servers: the
// mean wait.
func repair(n, c int, think float64) float64 {
	p := birthDeath(n, func(k int) float64 { return float64(n-k) / think }, func(k int) float64 { return float64(min(k, c)) })
	var rate float64
	for k, pk := range p {
		rate += pk * float64(n-k) / think
	}
	return beyond(p, c) / rate
}

// The formulas themselves, against values worked out elsewhere: the reference of
// this project, from Erlang's B recursion, Pollaczek and Khinchine, and birth-death
// chains. Digits as given there.
func TestFormulas(t *testing.T) {
	const s = 0.040 // s, of the Erlang rows
	lost1, wait1 := bounded(1, 5, 0.8)
	lost2, _ := bounded(1, 5, 1)
	lost3, wait3 := bounded(100, 110, 95)
	lost4, wait4 := bounded(100, 200, 105)
	leave, lq := erlangA(100, 105, 1/s)
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"M/M/1 W, ms", waitMMc(1, 0.8), 4},
		{"M/M/1 p99 of T, ms", -math.Log(0.01) / (1 - 0.8), 23.03},
		{"M/D/1 W, ms", waitMG1(0.8, 0), 2},
		{"M/G/1 W, C2 = 4, ms", waitMG1(0.8, 4), 10},
		{"B(2, 1.6)", erlangB(2, 1.6), 0.329897},
		{"C(2, 1.6)", erlangC(2, 1.6), 0.711111},
		{"W(2, 1.6), ms", waitMMc(2, 1.6) * s * 1e3, 71.11},
		{"B(10, 8)", erlangB(10, 8), 0.121661},
		{"C(10, 8)", erlangC(10, 8), 0.409180},
		{"W(10, 8), ms", waitMMc(10, 8) * s * 1e3, 8.1836},
		{"B(100, 80)", erlangB(100, 80), 0.00399203},
		{"C(100, 80)", erlangC(100, 80), 0.0196464},
		{"W(100, 80), ms", waitMMc(100, 80) * s * 1e3, 0.0392929},
		{"B(100, 95)", erlangB(100, 95), 0.0488042},
		{"C(100, 95)", erlangC(100, 95), 0.506457},
		{"W(100, 95), ms", waitMMc(100, 95) * s * 1e3, 4.05165},
		{"M/M/1/5 lost at 0.8", lost1, 0.0888195},
		{"M/M/1/5 Lq at 0.8", wait1 * 0.8 * (1 - lost1), 1.13939},
		{"M/M/1/5 lost at 1", lost2, 1. / 6},
		{"M/M/100/110 lost at 95", lost3, 0.0212967},
		{"M/M/100/110 Lq at 95", wait3 * 95 * (1 - lost3), 1.37725},
		{"M/M/100/200 lost at 105", lost4, 0.0478184},
		{"M/M/100/200 Lq at 105", wait4 * 105 * (1 - lost4), 80.4876},
		{"Erlang A leave, c = 100, a = 105, 1 s", leave, 0.0478323},
		{"Erlang A Lq", lq, 125.56},
	} {
		if math.Abs(c.got-c.want) > 6e-6*c.want && math.Abs(c.got-c.want) > 5.1e-3*math.Pow(10, math.Floor(math.Log10(c.want))-1) {
			t.Errorf("%s: %.7g, want %.7g", c.what, c.got, c.want)
		}
	}
	// One server, one client: never waits. Two: by hand, with think 1: states in the
	// ratio 1 : 2 : 2, one waits in the last, and the rate is 0.8.
	if w := repair(1, 1, 1); w != 0 {
		t.Errorf("a lone client waits %g", w)
	}
	if w := repair(2, 1, 1); math.Abs(w-0.5) > 1e-12 {
		t.Errorf("two clients wait %g, want 0.4/0.8", w)
	}
}
