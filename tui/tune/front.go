package tune

import (
	"fmt"
	"math"
	"reflect"

	report "tripcurve/internal/export/tune"
	search "tripcurve/sim/tune"
	"tripcurve/tui/grid"
	"tripcurve/tui/theme"
)

// onFront is how probably a finalist is on the front to be drawn as one that is.
const onFront = 0.5

// dot is one finalist of the sweep in its picture.
type dot struct {
	wait, lost float64
	sign       rune
	style      grid.Style
}

// dots are the finalists, those that matter most last: the others, those on the front,
// the chosen one, and where the knobs stand.
func (s *Screen) dots() []dot {
	r := s.sweeps.found
	var others, front, last []dot
	for i, f := range r.Finalists {
		d := dot{f.Mean[search.Wait], f.Mean[search.NotServed], '.', theme.Dim}
		switch {
		case s.edgeName() == r.Problem.Edge && reflect.DeepEqual(f.Policy, s.policy()):
			d.sign, d.style = '@', theme.Accent
			last = append(last, d)
			continue
		case !f.Holds:
			d.sign, d.style = 'x', theme.Crit
		case i == 0:
			d.sign, d.style = '*', theme.OK
			last = append([]dot{d}, last...)
			continue
		case f.Front >= onFront:
			d.sign, d.style = 'o', theme.Text
			front = append(front, d)
			continue
		}
		others = append(others, d)
	}
	return append(append(others, front...), last...)
}

// drawFront draws what the sweep found: not served against the wait.
func (s *Screen) drawFront(c *grid.Canvas) {
	const left, legend = 7, "* chosen  o front  . other  x fails  @ this"
	if c.H() < 5 || c.W() < left+10 {
		return
	}
	c.Clip(0, 0, c.W(), theme.Dim, fmt.Sprintf("sweep: %s up, %s to the right", report.Named(search.NotServed), report.Named(search.Wait)), s.Set().More)
	body := c.Sub(left, 1, c.W()-left, c.H()-3)
	dots := s.dots()
	x, y := axis(dots, func(d dot) float64 { return d.wait }), axis(dots, func(d dot) float64 { return d.lost })
	c.Fill(left-1, 1, 1, body.H(), s.Set().Wall, theme.Faint)
	c.Fill(left-1, 1+body.H(), c.W()-left+1, 1, s.Set().Rule, theme.Faint)
	c.Right(left-2, 1, theme.Dim, report.Figure(search.NotServed, y.hi))
	c.Right(left-2, body.H(), theme.Dim, report.Figure(search.NotServed, y.lo))
	for _, d := range dots {
		body.Set(x.place(d.wait, body.W()), body.H()-1-y.place(d.lost, body.H()), d.sign, d.style)
	}
	from, to := report.Figure(search.Wait, x.lo), report.Figure(search.Wait, x.hi)
	end := c.Text(left, c.H()-1, theme.Dim, from)
	c.Right(c.W(), c.H()-1, theme.Dim, to)
	if room := c.W() - end - grid.Width(to) - 4; room >= grid.Width(legend) {
		c.Text(end+2, c.H()-1, theme.Dim, legend)
	}
}

// scale is from where to where an axis goes.
type scale struct{ lo, hi float64 }

// axis has all dots on it, and a twentieth to each side.
func axis(dots []dot, of func(dot) float64) scale {
	s := scale{math.Inf(1), math.Inf(-1)}
	for _, d := range dots {
		s.lo, s.hi = min(s.lo, of(d)), max(s.hi, of(d))
	}
	margin := max((s.hi-s.lo)/20, 0.01)
	return scale{max(0, s.lo-margin), s.hi + margin}
}

// place is a value's cell among n.
func (s scale) place(v float64, n int) int {
	return min(max(int(math.Round((v-s.lo)/(s.hi-s.lo)*float64(n-1))), 0), n-1)
}
