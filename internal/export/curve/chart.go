package curve

import (
	"fmt"
	"math"
	"strings"
	"time"

	trip "tripcurve/sim/curve"
)

// The chart, in characters.
const (
	width  = 68 // of the plot, without its axis
	height = 13
	gutter = 9 // left of the axis
)

// letters are the keys of the settings.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func letter(i int) byte { return letters[i%len(letters)] }

// chart is one way of failing: time to open upwards, failing share to the right,
// both logarithmic. Curves that lie on each other take turns.
type chart struct {
	low, high   float64 // s
	left, right float64 // shares
	cells       [height][width][]byte
	never       [width][]byte
	band        [height][width]bool
}

// chartOf draws the curves of one mode in the order of their letters.
func chartOf(curves []trip.Curve, horizon time.Duration) *chart {
	ch := &chart{low: horizon.Seconds() / 10, high: horizon.Seconds(), left: 1, right: 0}
	for _, c := range curves {
		for _, p := range c.Points {
			ch.left, ch.right = min(ch.left, p.Share), max(ch.right, p.Share)
			if t := p.OpenAfter(0.05); t != trip.Never {
				ch.low = min(ch.low, max(t.Seconds(), 0.01))
			}
		}
	}
	ch.low = math.Pow(10, math.Floor(math.Log10(ch.low)*3+1e-9)/3) // a third of a decade down at most
	if ch.left >= ch.right {
		ch.left = ch.right / 10
	}
	// The band of more than two curves would hide what it is about.
	if len(curves) <= 2 {
		for _, c := range curves {
			ch.addBand(c)
		}
	}
	for i, c := range curves {
		ch.addLine(c, letter(i))
	}
	return ch
}

// row of a time, from the top.
func (ch *chart) row(seconds float64) int {
	part := math.Log(max(seconds, ch.low)/ch.low) / math.Log(ch.high/ch.low)
	return min(max(height-1-int(math.Round(part*(height-1))), 0), height-1)
}

// share of a column.
func (ch *chart) share(x int) float64 {
	return ch.left * math.Pow(ch.right/ch.left, float64(x)/(width-1))
}

// at is a quantile's time at a failing share: between two points where the breaker
// opened along a line, else as at the nearer point. ok is false for never.
func at(c trip.Curve, share, q float64) (seconds float64, ok bool) {
	i := 1
	for i < len(c.Points)-1 && c.Points[i].Share < share {
		i++
	}
	b := c.Points[min(i, len(c.Points)-1)]
	a := b
	if len(c.Points) > 1 {
		a = c.Points[i-1]
	}
	ta, tb := a.OpenAfter(q), b.OpenAfter(q)
	part := 1.0
	if a.Share < b.Share {
		part = min(max(math.Log(share/a.Share)/math.Log(b.Share/a.Share), 0), 1)
	}
	switch {
	case ta == trip.Never && tb == trip.Never, ta == trip.Never && part < 1-1e-9, tb == trip.Never && part > 1e-9:
		return 0, false
	case ta == trip.Never:
		return tb.Seconds(), true
	case tb == trip.Never:
		return ta.Seconds(), true
	}
	return ta.Seconds() + part*(tb-ta).Seconds(), true
}

func (ch *chart) addLine(c trip.Curve, key byte) {
	last := -1
	for x := range width {
		t, ok := at(c, ch.share(x), 0.5)
		if !ok {
			ch.never[x] = append(ch.never[x], key)
			last = -1
			continue
		}
		y := ch.row(t)
		from := y
		if last >= 0 && last < y-1 { // a step down is a line, too
			from = last + 1
		}
		for ; from <= y; from++ {
			ch.cells[from][x] = append(ch.cells[from][x], key)
		}
		last = y
	}
}

func (ch *chart) addBand(c trip.Curve) {
	for x := range width {
		lo, ok := at(c, ch.share(x), 0.05)
		if !ok {
			continue
		}
		top := 0
		if hi, ok := at(c, ch.share(x), 0.95); ok {
			top = ch.row(hi)
		}
		for y := top; y <= ch.row(lo); y++ {
			ch.band[y][x] = true
		}
	}
}

// turn is the key that shows where several curves share a cell.
func turn(keys []byte, x int) byte { return keys[x/2%len(keys)] }

func (ch *chart) write(b *strings.Builder) {
	line := func(label string, axis byte, of func(x int) byte) {
		text := make([]byte, width)
		for x := range text {
			text[x] = of(x)
		}
		fmt.Fprintf(b, "%*s %c%s\n", gutter-1, label, axis, strings.TrimRight(string(text), " "))
	}
	line("never", '|', func(x int) byte {
		if len(ch.never[x]) == 0 {
			return ' '
		}
		return turn(ch.never[x], x)
	})
	ticks := ch.ticks()
	for y := range height {
		axis := byte('|')
		if ticks[y] != "" {
			axis = '+'
		}
		line(ticks[y], axis, func(x int) byte {
			switch {
			case len(ch.cells[y][x]) > 0:
				return turn(ch.cells[y][x], x)
			case ch.band[y][x]:
				return '.'
			}
			return ' '
		})
	}
	rule, names := []byte(strings.Repeat("-", width)), []byte(strings.Repeat(" ", gutter+1+width+6))
	for _, share := range []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1} {
		x := int(math.Round(math.Log(share/ch.left) / math.Log(ch.right/ch.left) * (width - 1)))
		if x < 0 || x >= width {
			continue
		}
		rule[x] = '+'
		name := percent(share)
		copy(names[gutter+1+x-len(name)/2:], name)
	}
	fmt.Fprintf(b, "%*s+%s\n", gutter, "", rule)
	fmt.Fprintln(b, strings.TrimRight(string(names), " "))
}

// ticks are the labels of the rows: 1, 2 and 5 of each decade where there is room.
func (ch *chart) ticks() (labels [height]string) {
	labels[0] = say(time.Duration(ch.high * float64(time.Second)))
	last := 0
	for decade := 1e4; decade >= 1e-3; decade /= 10 {
		for _, m := range []float64{5, 2, 1} {
			v := m * decade
			if v >= ch.high || v < ch.low*0.999 {
				continue
			}
			if y := ch.row(v); y >= last+2 {
				labels[y], last = say(time.Duration(v*float64(time.Second))), y
			}
		}
	}
	return labels
}

func percent(share float64) string {
	return fmt.Sprintf("%.4g %%", 100*share)
}

// say is a time to three figures: 9.95 s, 120 s, 20 ms.
func say(d time.Duration) string {
	s := d.Seconds()
	switch {
	case d == trip.Never:
		return "never"
	case s > 0 && s < 0.1:
		return fmt.Sprintf("%.0f ms", 1000*s)
	case s >= 100:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.3g s", s)
}
