// Package theme turns what a cell means into how it looks: a role per meaning, a
// theme per audience, a table of SGR sequences per theme and colour profile. The
// terminal's own background is never painted.
package theme

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"tripcurve/tui/grid"
)

// Roles: what a cell means.
const (
	Text   grid.Style = iota
	Dim               // labels, axes, what may be skipped
	Faint             // rules, empty parts of bars
	Strong            // the sentence, totals
	Accent            // the one accent: active tab, keys, cursor
	Head              // heads of tables and panes
	Key               // a key in the last line
	OK
	Note
	Warn
	Crit
	Data1 // series, in the order in which they are given out
	Data2
	Data3
	Data4
	Data5
	Data6
	Marker   // event markers and their column
	Cursor   // the time cursor's column
	Interval // the label of a marked interval
	Match    // what a filter matched
	Input    // what is being typed
	count
)

// letters name the roles in golden frames.
const letters = ".dfSAHkonwc123456mtiMI"

// Letter names a style in a golden frame; upper bits show as '#' (selected) and
// '=' (in a band) when the role has no letter of its own to keep.
func Letter(s grid.Style) byte {
	r := int(s.Role())
	switch {
	case s&grid.Selected != 0 && r == 0:
		return '#'
	case s&grid.Band != 0 && r == 0:
		return '='
	case r < len(letters):
		return letters[r]
	}
	return '?'
}

// look is how a role looks: true colour, its stand-in among the terminal's
// sixteen (-1: the default colour), and attributes.
type look struct {
	rgb   string // "e06c75"; empty is the default colour
	basic int    // 1..6, -1 none
	attr  string // SGR parameters: "1", "2", "7"
}

// Theme is a named set of looks.
type Theme struct {
	Name           string
	roles          [count]look
	selected, band string // background, rgb; empty: reverse, and nothing
}

// themes in the order in which `:theme` offers them; the first is the default.
var themes = []*Theme{&dark, &light, &deuteranopia, &highContrast, &mono}

// All lists the themes.
func All() []*Theme { return themes }

// ByName finds a theme.
func ByName(name string) (*Theme, error) {
	var names []string
	for _, t := range themes {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("theme %q: not one of %s", name, strings.Join(names, ", "))
}

var dark = Theme{
	Name: "dark",
	roles: [count]look{
		Text:     {"", -1, ""},
		Dim:      {"8a91a0", -1, "2"},
		Faint:    {"565d6b", -1, "2"},
		Strong:   {"", -1, "1"},
		Accent:   {"56b6e9", 6, "1"},
		Head:     {"9aa4b5", -1, "4"},
		Key:      {"56b6e9", 6, ""},
		OK:       {"7fbf7f", 2, ""},
		Note:     {"8fb4d9", 4, ""},
		Warn:     {"e5b454", 3, ""},
		Crit:     {"f2646e", 1, "1"},
		Data1:    {"f2646e", 1, ""},
		Data2:    {"56b6e9", 6, ""},
		Data3:    {"e5b454", 3, ""},
		Data4:    {"8f63d2", 5, ""},
		Data5:    {"3fb58a", 2, ""},
		Data6:    {"dfe3ea", 4, ""},
		Marker:   {"c3a0e8", 5, ""},
		Cursor:   {"dfe3ea", -1, "1"},
		Interval: {"e5b454", 3, ""},
		Match:    {"e5b454", 3, "4"},
		Input:    {"", -1, ""},
	},
	selected: "2c3a4f", band: "33291c",
}

var light = Theme{
	Name: "light",
	roles: [count]look{
		Text:     {"", -1, ""},
		Dim:      {"5f6672", -1, "2"},
		Faint:    {"a4a9b2", -1, "2"},
		Strong:   {"", -1, "1"},
		Accent:   {"0b63a8", 4, "1"},
		Head:     {"4f5763", -1, "4"},
		Key:      {"0b63a8", 4, ""},
		OK:       {"2a7a34", 2, ""},
		Note:     {"2f6291", 4, ""},
		Warn:     {"8f5a00", 3, ""},
		Crit:     {"b3122a", 1, "1"},
		Data1:    {"c0203a", 1, ""},
		Data2:    {"0b63a8", 4, ""},
		Data3:    {"b07400", 3, ""},
		Data4:    {"af5fff", 5, ""},
		Data5:    {"0e8a6a", 2, ""},
		Data6:    {"30343b", 6, ""},
		Marker:   {"7b3fb0", 5, ""},
		Cursor:   {"20242b", -1, "1"},
		Interval: {"8f5a00", 3, ""},
		Match:    {"8f5a00", 3, "4"},
		Input:    {"", -1, ""},
	},
	selected: "d5e3f3", band: "f6ead2",
}

// deuteranopia has no pair that differs by red and green alone: blue against
// orange, and lightness.
var deuteranopia = with(dark, "deuteranopia", map[grid.Style]look{
	OK:    {"6fb1f0", 4, ""},
	Note:  {"b9c7d8", 6, ""},
	Warn:  {"f0d060", 3, ""},
	Crit:  {"ff8c1a", 1, "1"},
	Data1: {"ff8c1a", 1, ""},
	Data2: {"4a8fe0", 4, ""},
	Data3: {"f3e08a", 3, ""},
	Data4: {"8c7bb8", 5, ""},
	Data5: {"9fd8f5", 6, ""},
	Data6: {"7a6a58", 2, ""},
})

var highContrast = with(dark, "high-contrast", map[grid.Style]look{
	Dim:      {"d0d0d0", -1, ""},
	Faint:    {"a8a8a8", -1, ""},
	Strong:   {"ffffff", -1, "1"},
	Accent:   {"00d7ff", 6, "1"},
	Head:     {"ffffff", -1, "1;4"},
	Key:      {"00d7ff", 6, "1"},
	OK:       {"5fff5f", 2, ""},
	Note:     {"87d7ff", 4, ""},
	Warn:     {"ffd700", 3, "1"},
	Crit:     {"ff5f5f", 1, "1"},
	Data1:    {"ff5f5f", 1, "1"},
	Data2:    {"00d7ff", 6, "1"},
	Data3:    {"ffd700", 3, "1"},
	Data4:    {"d787ff", 5, "1"},
	Data5:    {"5fff5f", 2, "1"},
	Data6:    {"ffffff", 4, "1"},
	Marker:   {"ff87ff", 5, "1"},
	Cursor:   {"ffffff", -1, "1"},
	Interval: {"ffd700", 3, "1"},
})

var mono = func() Theme {
	t := with(dark, "mono", nil)
	for i := range t.roles {
		t.roles[i].rgb, t.roles[i].basic = "", -1
		switch grid.Style(i) {
		case Dim, Faint:
			t.roles[i].attr = "2"
		case Accent, Key, Crit:
			t.roles[i].attr = "1"
		default: // plain; what is selected is reversed, and bands are not seen
		}
	}
	t.selected, t.band = "", ""
	return t
}()

func with(base Theme, name string, changed map[grid.Style]look) Theme {
	base.Name = name
	for r, l := range changed {
		base.roles[r] = l
	}
	return base
}

// Table builds the SGR sequences for a profile. Bubble Tea turns true colour
// into 256 colours by itself; the sixteen are chosen here, for the nearest of
// them is often unreadable.
func (t *Theme) Table(p colorprofile.Profile) *grid.Table {
	tab := &grid.Table{}
	for i := range tab {
		tab[i] = t.sgr(grid.Style(i), p)
	}
	return tab
}

func (t *Theme) sgr(s grid.Style, p colorprofile.Profile) string {
	var l look
	if r := s.Role(); r < count {
		l = t.roles[r]
	}
	params := ""
	add := func(v string) {
		if v != "" {
			params += ";" + v
		}
	}
	add(t.attr(l, p))
	colour := p == colorprofile.TrueColor || p == colorprofile.ANSI256
	switch {
	case colour:
		add(rgb(38, l.rgb))
	case p == colorprofile.ANSI && l.basic >= 0:
		add(strconv.Itoa(30 + l.basic))
	}
	switch {
	case s&grid.Selected != 0 && (!colour || t.selected == ""):
		add("7")
	case s&grid.Selected != 0:
		add(rgb(48, t.selected))
	case s&grid.Band != 0 && colour:
		add(rgb(48, t.band))
	}
	if params == "" {
		return "\x1b[m"
	}
	return "\x1b[0" + params + "m" // 0: nothing is inherited from the cell before
}

// attr drops the faint attribute where a colour says the same better.
func (t *Theme) attr(l look, p colorprofile.Profile) string {
	if l.attr == "2" && l.rgb != "" && p >= colorprofile.ANSI256 {
		return ""
	}
	return l.attr
}

func rgb(kind int, hex string) string {
	if len(hex) != 6 {
		return ""
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d;2;%d;%d;%d", kind, n>>16, n>>8&255, n&255)
}
