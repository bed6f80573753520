package tui

import (
	"fmt"
	"slices"
	"strings"

	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
)

// actions are the root's own: they mean the same on every screen. The order is
// that of the help.
func (r *Root) actions() []screen.Action {
	out := []screen.Action{
		{Name: "help", Keys: []string{"?", "f1"}, Show: "?", Help: "this help", Hint: "help"},
		{Name: "command", Keys: []string{":"}, Help: "command line; tab completes, up and down recall", Hint: "command"},
		{Name: "filter", Keys: []string{"/"}, Help: "filter by a regular expression; ! inverts", Arg: "REGEXP", Hint: "filter"},
	}
	names := make([]string, len(r.screens))
	for i, s := range r.screens {
		names[i] = strings.ToLower(s.Title())
		out = append(out, screen.Action{Name: names[i], Keys: []string{fmt.Sprint(i + 1)}, Help: "go to " + s.Title()})
	}
	var levels, themes []string
	for l := glyph.Braille; l <= glyph.ASCII; l++ {
		levels = append(levels, l.String())
	}
	for _, t := range theme.All() {
		themes = append(themes, t.Name)
	}
	return append(out,
		screen.Action{Name: "screen", Arg: "NAME", Values: names, Help: "go to a screen"},
		screen.Action{Name: "next-screen", Keys: []string{"tab"}, Help: "next screen"},
		screen.Action{Name: "previous-screen", Keys: []string{"shift+tab"}, Help: "previous screen"},
		screen.Action{Name: "older", Keys: []string{"["}, Help: "the screen before in the history"},
		screen.Action{Name: "newer", Keys: []string{"]"}, Help: "the screen after in the history"},
		screen.Action{Name: "back", Keys: []string{"esc"}, Help: "out one level"},
		screen.Action{Name: "quit", Keys: []string{"q"}, Help: "back, and at the top leave", Hint: "quit"},
		screen.Action{Name: "quit-now", Keys: []string{"ctrl+c"}, Show: "ctrl+c twice", Help: "leave at once"},
		screen.Action{Name: "pause", Keys: []string{"space"}, Help: "pause or resume live data; play or stop a recording"},
		screen.Action{Name: "faster", Keys: []string{"}"}, Help: "play faster, up to 60x"},
		screen.Action{Name: "slower", Keys: []string{"{"}, Help: "play slower, down to 1x"},
		screen.Action{Name: "newest", Keys: []string{"."}, Help: "to the newest evidence, and follow it"},
		screen.Action{Name: "goto", Arg: "14:25:01", Help: "move the time cursor to a time, in the zone shown; with Z in UTC"},
		screen.Action{Name: "next-finding", Keys: []string{"e"}, Help: "time cursor to the next event"},
		screen.Action{Name: "previous-finding", Keys: []string{"E"}, Help: "time cursor to the event before"},
		screen.Action{Name: "zoom-in", Keys: []string{"+", "="}, Show: "+", Help: "half the time range, around the cursor"},
		screen.Action{Name: "zoom-out", Keys: []string{"-"}, Help: "twice the time range"},
		screen.Action{Name: "zoom-all", Keys: []string{"0"}, Help: "the whole incident"},
		screen.Action{Name: "mark", Keys: []string{"m"}, Arg: "LETTER", Help: "mark the time cursor's instant with a letter"},
		screen.Action{Name: "jump", Keys: []string{"'"}, Arg: "LETTER", Help: "time cursor to a mark"},
		screen.Action{Name: "unmark", Arg: "LETTER", Help: "take a mark away"},
		screen.Action{Name: "yank", Keys: []string{"y"}, Help: "copy what is selected, as text"},
		screen.Action{Name: "yank-markdown", Keys: []string{"Y"}, Help: "copy it as Markdown"},
		screen.Action{Name: "behind", Keys: []string{"Q"}, Help: "the query or the lines behind what is selected"},
		screen.Action{Name: "glossary", Keys: []string{"K"}, Arg: "WORD", Help: "what the words here mean"},
		screen.Action{Name: "undo", Keys: []string{"z"}, Help: "undo: filters, marks, zoom, zone"},
		screen.Action{Name: "redo", Keys: []string{"Z"}, Help: "do again what was undone"},
		screen.Action{Name: "reset", Keys: []string{"ctrl+r"}, Help: "no filters, no marks, the whole incident, UTC, all choices as at first"},
		screen.Action{Name: "export-dialog", Keys: []string{"ctrl+s"}, Help: "export this incident"},
		screen.Action{Name: "full", Keys: []string{"f"}, Help: "this pane full screen and back"},
		screen.Action{Name: "glyphs", Keys: []string{"B"}, Arg: "LEVEL", Values: levels, Help: "braille, blocks or ascii"},
		screen.Action{Name: "theme", Arg: "NAME", Values: themes, Help: "change the colours"},
		screen.Action{Name: "tz", Arg: "ZONE", Values: zones(), Help: "show times in a zone: utc, local, or a name; exports stay UTC"},
		screen.Action{Name: "mouse", Keys: []string{"M"}, Help: "mouse on or off"},
		screen.Action{Name: "keys", Help: "all keys and commands"},
		screen.Action{Name: "suspend", Keys: []string{"ctrl+z"}, Help: "suspend to the shell"},
	)
}

// find is the action that a key or a command's name means on the focused screen;
// own says that it is the screen's.
func (r *Root) find(is func(screen.Action) bool) (a screen.Action, own, ok bool) {
	mine := r.own(r.at)
	if i := slices.IndexFunc(mine, is); i >= 0 {
		return mine[i], true, true
	}
	if i := slices.IndexFunc(r.global, is); i >= 0 {
		return r.global[i], false, true
	}
	return screen.Action{}, false, false
}
