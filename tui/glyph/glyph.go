// Package glyph holds the characters that screens are drawn with, at three
// levels: braille, half blocks and plain ASCII. At the braille level chrome uses
// only characters whose width no terminal disputes.
package glyph

import "tripcurve/tui/grid"

// Level is how much the terminal's font can show.
type Level uint8

const (
	Braille Level = iota
	Block
	ASCII
)

// Next is the level after l, as the key B cycles them.
func (l Level) Next() Level { return (l + 1) % 3 }

func (l Level) String() string { return [...]string{"braille", "block", "ascii"}[l%3] }

// Parse reads the name of a level.
func Parse(s string) (Level, bool) {
	for _, l := range []Level{Braille, Block, ASCII} {
		if s == l.String() {
			return l, true
		}
	}
	return 0, false
}

// Set is the characters of one level.
type Set struct {
	Rule, Wall   rune // lines between regions
	Cursor       rune // before the selected row
	Open, Closed rune // before a row that unfolds
	Hard, Soft   rune // connector of who holds the lock, and of who only waits ahead
	Stem, Corner rune // of a tree
	Full, Empty  rune // of a bar
	Dot          rune // of a dotted column
	Knob         rune // of a slider
	Pin          rune // before a clock time on an axis
	Tick, NoTick string
	More         string // after text that was cut
	Frame        grid.Frame
}

var sets = [...]Set{
	Braille: {
		Rule: '╌', Wall: '╎', Cursor: '▸', Open: '▾', Closed: '▸',
		Hard: '╸', Soft: '╌', Stem: '╎', Corner: '╵',
		Full: '⣿', Empty: '⠤', Dot: '⠅', Knob: '⣿', Pin: '╵',
		Tick: "[x]", NoTick: "[ ]", More: "..",
		Frame: grid.Frame{H: '╌', V: '╎', TL: '╷', TR: '╷', BL: '╵', BR: '╵'},
	},
	Block: {
		Rule: '─', Wall: '│', Cursor: '>', Open: 'v', Closed: '>',
		Hard: '─', Soft: '~', Stem: '│', Corner: '└',
		Full: '█', Empty: '─', Dot: ':', Knob: '█', Pin: '╵',
		Tick: "[x]", NoTick: "[ ]", More: "..",
		Frame: grid.Frame{H: '─', V: '│', TL: '┌', TR: '┐', BL: '└', BR: '┘'},
	},
	ASCII: {
		Rule: '-', Wall: '|', Cursor: '>', Open: 'v', Closed: '>',
		Hard: '-', Soft: '~', Stem: '|', Corner: '`',
		Full: '#', Empty: '-', Dot: ':', Knob: 'o', Pin: '|',
		Tick: "[x]", NoTick: "[ ]", More: "..",
		Frame: grid.Frame{H: '-', V: '|', TL: '+', TR: '+', BL: '+', BR: '+'},
	},
}

// Set is the characters of the level.
func (l Level) Set() *Set { return &sets[l%3] }
