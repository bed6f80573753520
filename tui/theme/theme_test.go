package theme

import (
	"fmt"
	"image/color"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"

	"tripcurve/tui/grid"
)

var series = []grid.Style{Data1, Data2, Data3, Data4, Data5, Data6}

// in256 is the nearest of the 256 colours, as Bubble Tea chooses it.
func in256(t *testing.T, hex string) string {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	c := colorprofile.ANSI256.Convert(color.RGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255})
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("%02x%02x%02x", r>>8, g>>8, b>>8)
}

// linear is a colour in linear RGB, 0..1.
func linear(hex string) (c [3]float64) {
	n, _ := strconv.ParseUint(hex, 16, 32)
	for i := range c {
		v := float64(n>>(16-8*i)&255) / 255
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// simulations are the full dichromacies of Viénot, Brettel and Mollon 1999 (the
// third of Brettel 1997, one half plane), as matrices on linear RGB.
var simulations = map[string][9]float64{
	"none":         {1, 0, 0, 0, 1, 0, 0, 0, 1},
	"protanopia":   {0.11238, 0.88762, 0, 0.11238, 0.88762, 0, 0.00401, -0.00401, 1},
	"deuteranopia": {0.29275, 0.70725, 0, 0.29275, 0.70725, 0, -0.02234, 0.02234, 1},
	"tritanopia":   {1, 0.14461, -0.14461, 0, 0.85924, 0.14076, 0, 0.85924, 0.14076},
}

func seen(c [3]float64, m [9]float64) (out [3]float64) {
	for i := range out {
		out[i] = max(0, min(1, m[3*i]*c[0]+m[3*i+1]*c[1]+m[3*i+2]*c[2]))
	}
	return out
}

// lab is CIE L*a*b* under D65.
func lab(c [3]float64) (out [3]float64) {
	xyz := [3]float64{
		(0.4124*c[0] + 0.3576*c[1] + 0.1805*c[2]) / 0.9505,
		0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2],
		(0.0193*c[0] + 0.1192*c[1] + 0.9505*c[2]) / 1.089,
	}
	var f [3]float64
	for i, v := range xyz {
		if v > 0.008856 {
			f[i] = math.Cbrt(v)
		} else {
			f[i] = 7.787*v + 16.0/116
		}
	}
	return [3]float64{116*f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])}
}

func distance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

// TestSeriesCanBeToldApart: the first four series, which are all that a chart
// of ours has, stay apart for every kind of eye; in the theme made for it all
// six do for a deuteranope.
func TestSeriesCanBeToldApart(t *testing.T) {
	for _, th := range All() {
		if th == &mono {
			continue // patterns and letters alone
		}
		for name, m := range simulations {
			n, least := 4, 10.0
			if th == &deuteranopia && name == "deuteranopia" {
				n = 6
			}
			for i := range n {
				for j := range i {
					x, y := th.roles[series[i]].rgb, th.roles[series[j]].rgb
					full := distance(lab(seen(linear(x), m)), lab(seen(linear(y), m)))
					less := distance(lab(seen(linear(in256(t, x)), m)), lab(seen(linear(in256(t, y)), m)))
					if d := min(full, less); d < least {
						t.Errorf("%s, %s: series %d and %d are %.1f apart, in 256 colours %.1f, at least %.0f", th.Name, name, j+1, i+1, full, less, least)
					}
				}
			}
		}
	}
}

// TestSixteenColours: of the sixteen only 1 to 6 and the default are used, for 7
// and 8 vanish on some background, and the series differ.
func TestSixteenColours(t *testing.T) {
	for _, th := range All() {
		used := map[int]bool{}
		for r, l := range th.roles {
			if l.basic == 0 || l.basic > 6 {
				t.Errorf("%s: role %d uses colour %d", th.Name, r, l.basic)
			}
		}
		for _, s := range series {
			if b := th.roles[s].basic; th != &mono && used[b] {
				t.Errorf("%s: two series have colour %d", th.Name, b)
			} else {
				used[b] = true
			}
		}
	}
}

var sgr = regexp.MustCompile(`^\x1b\[(0(;[0-9]+)*)?m$`)

// TestTables: every sequence is one complete SGR that begins with a reset, and
// a terminal without colour gets none.
func TestTables(t *testing.T) {
	for _, th := range All() {
		for _, p := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI, colorprofile.ASCII} {
			for i, s := range th.Table(p) {
				if !sgr.MatchString(s) {
					t.Fatalf("%s, %s, style %d: %q", th.Name, p, i, s)
				}
				params := ";" + strings.Trim(s, "\x1b[m") + ";"
				if p == colorprofile.ASCII && regexp.MustCompile(`;(3[0-8]|4[0-8]|9\d|10\d);`).MatchString(params) {
					t.Fatalf("%s without colour has %q", th.Name, s)
				}
			}
		}
	}
}

func TestEveryRoleHasALetter(t *testing.T) {
	seen := map[byte]bool{}
	for r := grid.Style(0); r < count; r++ {
		l := Letter(r)
		if l == '?' || seen[l] {
			t.Errorf("role %d has letter %q", r, l)
		}
		seen[l] = true
	}
}

func TestByName(t *testing.T) {
	if _, err := ByName("light"); err != nil {
		t.Error(err)
	}
	if _, err := ByName("neon"); err == nil || !strings.Contains(err.Error(), "deuteranopia") {
		t.Errorf("a theme that is not there: %v", err)
	}
}
