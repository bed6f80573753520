package tui

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"tripcurve/internal/config"
	"tripcurve/internal/export/chosen"
	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/session"
	"tripcurve/tui/theme"
	"tripcurve/tui/timeline"
	"tripcurve/tui/tune"
)

// EvidenceMsg brings a new view of the evidence; see screen.EvidenceMsg.
type EvidenceMsg = screen.EvidenceMsg

// Options say what the TUI shows and how. The zero value shows nothing, in the
// dark theme.
type Options struct {
	Name string // of the incident, shown before it is loaded
	File string // what commands take for it: a path, or inc-2847; empty: not known
	// Context ends whatever the TUI has started; nil is context.Background().
	Context context.Context
	// Load brings the evidence once, away from the event loop; nil loads nothing.
	Load func(context.Context) (EvidenceMsg, error)
	// Loaded is called once, a second after the first evidence came to the screens, away from
	// the event loop; nil is nothing.
	Loaded func()
	// Rest is called when nobody has pressed a key for a second after where they are was
	// written down, away from the event loop; nil is nothing.
	Rest func()
	// Complete fills in what is known of these options only once the screens are made. Its
	// error ends Run before anything is drawn; nil completes nothing.
	Complete func(*Options) error
	// Said is shown while Load works; the zero value says nothing.
	Said screen.SaidMsg
	// Live brings a new view whenever there is one; nil for a recording. The
	// sender never has to wait: the TUI takes the newest and skips the rest.
	Live <-chan EvidenceMsg
	// Note is shown until the first key: what one must know of the incident.
	Note string
	// Record is the file in which live evidence is being kept, named at the start;
	// empty when it is not kept.
	Record string

	Theme       string // empty: dark, or light when the terminal says so
	Glyphs      glyph.Level
	Mouse       bool
	NoAnimation bool
	// Chosen keeps the policies that the user chooses; nil keeps nothing. Who gave it
	// flushes it when the screens are left.
	Chosen *chosen.Keeper
	// Lines finds the lines of gateways' logs again, for the Gateway screen; nil cannot.
	Lines func(context.Context, incident.LinesWanted) (incident.LineReader, error)
	// Sweep searches settings on the Tune screen; nil cannot.
	Sweep    tune.Sweep
	LockSQL  string           // what one sample of the locks asks of Postgres, for who wants to see it
	Timeline timeline.Options // who may change the timeline
	Keys     []config.Binding // the user's own keys, which CheckKeys has found to be fine
	// Session keeps where somebody was for the next time; nil keeps nothing. Who gave it
	// flushes it when the screens are left.
	Session   *session.Keeper
	ExportDir string // where the Export screen writes; empty: a folder here with the incident's name
	Clipboard Clipboard
	// Around puts another model around the screens, as the tour does; nil puts none.
	Around func(tea.Model) tea.Model
	// shown is closed when the first frame has left; nil: nobody can tell.
	shown <-chan struct{}
	// Screens replaces the screens that New would show, for tests.
	Screens []screen.Screen
}

// Colors are those that a terminal is to be sent for a colour mode (auto, always, never, 16,
// 256, truecolor; empty is auto) and the environment ("NAME=value"). NO_COLOR counts with any
// value that is not empty, where colorprofile overlooks NO_COLOR=yes. The mode wins over the
// variable.
func Colors(mode string, env []string, out io.Writer) (colorprofile.Profile, error) {
	profiles := map[string]colorprofile.Profile{
		"always": colorprofile.TrueColor, "never": colorprofile.ASCII,
		"16": colorprofile.ANSI, "256": colorprofile.ANSI256, "truecolor": colorprofile.TrueColor,
	}
	p, forced := profiles[mode]
	switch {
	case forced:
		return p, nil
	case mode != "" && mode != "auto":
		return 0, fmt.Errorf("color %q: not one of auto, always, never, 16, 256, truecolor", mode)
	case slices.ContainsFunc(env, func(v string) bool {
		return strings.HasPrefix(v, "NO_COLOR=") && v != "NO_COLOR="
	}):
		return colorprofile.ASCII, nil
	}
	return colorprofile.Detect(out, env), nil
}

func (o Options) theme() (*theme.Theme, error) {
	if o.Theme == "" || o.Theme == "auto" {
		return theme.All()[0], nil
	}
	return theme.ByName(o.Theme)
}
