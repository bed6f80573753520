package tui

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
	"tripcurve/tui/glyph"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
	"tripcurve/tui/tune"
)

// send gives the root messages and, to the end, what its commands answer.
// Timers are left out: they would wait.
func send(r *Root, msgs ...tea.Msg) {
	for _, msg := range msgs {
		_, cmd := r.Update(msg)
		send(r, tuitest.Answers(cmd)...)
	}
}

// opened is a root with the incident, at a size.
func opened(w, h int) *Root {
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true})
	send(r, tea.WindowSizeMsg{Width: w, Height: h}, tuitest.Incident())
	return r
}

var named = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
	"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "space": {Code: tea.KeySpace, Text: " "},
	"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	"shift+left": {Code: tea.KeyLeft, Mod: tea.ModShift}, "shift+right": {Code: tea.KeyRight, Mod: tea.ModShift},
	"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"backspace": {Code: tea.KeyBackspace}, "f1": {Code: tea.KeyF1}, "delete": {Code: tea.KeyDelete},
}

// press is the key that a binding names.
func press(name string) tea.KeyPressMsg {
	if m, ok := named[name]; ok {
		return m
	}
	if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(rest[0]), Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

func keys(r *Root, names ...string) {
	for _, n := range names {
		send(r, press(n))
	}
}

func typed(r *Root, text string) {
	for _, c := range text {
		send(r, tea.KeyPressMsg{Code: c, Text: string(c)})
	}
}

func lines(r *Root) []string {
	r.View()
	return r.frame.grid.Lines()
}

func TestFrames(t *testing.T) {
	for _, size := range tuitest.Sizes {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			r := opened(size[0], size[1])
			r.View()
			tuitest.Golden(t, name, &r.frame.grid)
		})
	}
}

func TestColouredFrame(t *testing.T) {
	r := opened(80, 24)
	tuitest.GoldenText(t, "coloured", strings.ReplaceAll(r.View().Content, "\x1b", "ESC")+"\n")
}

func TestFrameWithoutColour(t *testing.T) {
	r := opened(80, 24)
	send(r, tea.ColorProfileMsg{Profile: colorprofile.ASCII})
	s := r.View().Content
	if m := regexp.MustCompile(`\x1b\[[0-9;]*\b(3[0-8]|4[0-8])\b[0-9;]*m`).FindString(s); m != "" {
		t.Errorf("a colour without colour: %q", m)
	}
	if !strings.Contains(s, "\x1b[0;1m") {
		t.Error("nothing is bold any more")
	}
}

func TestFirstFrameNeedsNoData(t *testing.T) {
	r := newRoot(Options{Name: "INC-2847", Load: func(context.Context) (EvidenceMsg, error) { return EvidenceMsg{}, nil }})
	if v := r.View(); v.Content != "" || !v.AltScreen {
		t.Errorf("at no size: %q, alternate screen %v", v.Content, v.AltScreen)
	}
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24})
	got := strings.Join(lines(r), "\n")
	for _, part := range []string{"INC-2847", "[1 Overview]", "reading INC-2847", "? help"} {
		if !strings.Contains(got, part) {
			t.Errorf("the skeleton lacks %q:\n%s", part, got)
		}
	}
}

// TestNothingChangedNothingMade: the same string comes back, at no cost.
func TestNothingChangedNothingMade(t *testing.T) {
	r := opened(200, 50)
	a := r.View().Content
	if n := testing.AllocsPerRun(20, func() { r.View() }); n > 0 {
		t.Errorf("%v allocations for a frame that did not change", n)
	}
	send(r, tea.FocusMsg{})
	if b := r.View().Content; a != b {
		t.Error("the frame changed without a reason")
	}
}

func TestSmallTerminal(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {10, 3}, {59, 18}, {60, 17}, {40, 10}} {
		got := strings.Join(lines(opened(size[0], size[1])), "\n")
		if size[0] >= 40 && (!strings.Contains(got, "need 60x18") || !strings.Contains(got, "pid 48291") || !strings.Contains(got, "INC-2847")) {
			t.Errorf("%v:\n%s", size, got)
		}
	}
}

func TestOpensAtThePeak(t *testing.T) {
	r := opened(80, 24)
	at := r.common.Cursor
	if at.Before(tuitest.At("14:23:46")) || at.After(tuitest.At("14:27:01")) {
		t.Errorf("the cursor is at %v, want a moment with all sessions waiting", at)
	}
	if head := lines(r)[0]; !strings.Contains(head, "REPLAY") || !strings.Contains(head, "datadog absent") {
		t.Errorf("line 1: %s", head)
	}
}

func TestGoesPlaces(t *testing.T) {
	r := opened(80, 24)
	for _, c := range []struct{ keys, want string }{
		{"2", "Locks"},
		{"tab", "Gateway"},
		{"shift+tab", "Locks"},
		{"1", "Overview"},
		{"enter", "Locks"},
		{"esc", "Overview"}, // drilled in, and out again
		{"[", "Locks"},
		{"]", "Overview"},
		{"3", "Gateway"},
		{"enter", "Gateway"},
		{"esc", "Gateway"},
	} {
		keys(r, c.keys)
		if got := r.screens[r.at].Title(); got != c.want {
			t.Errorf("after %s on %s, want %s", c.keys, got, c.want)
		}
	}
}

func TestLeaving(t *testing.T) {
	quits := func(cmd tea.Cmd) bool {
		return slices.ContainsFunc(tuitest.Answers(cmd), func(m tea.Msg) bool { _, ok := m.(tea.QuitMsg); return ok })
	}
	r := opened(80, 24)
	ctrlC := tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	_, cmd := r.Update(ctrlC)
	if quits(cmd) || !strings.Contains(lines(r)[23], "ctrl+c again leaves") {
		t.Error("one ctrl+c leaves, or is not answered")
	}
	if _, cmd = r.Update(ctrlC); !quits(cmd) {
		t.Error("the second ctrl+c does not leave")
	}
	r = opened(80, 24)
	keys(r, "enter")
	if _, cmd = r.Update(press("q")); quits(cmd) {
		t.Error("q leaves from below the top")
	}
	if _, cmd = r.Update(press("q")); !quits(cmd) {
		t.Error("q at the top does not leave")
	}
}

// TestEveryBindingIsInTheHelp also holds the other way round: what the help
// names does something or at least is the screen's to refuse.
func TestEveryBindingIsInTheHelp(t *testing.T) {
	r := opened(200, 50)
	for i := range r.screens {
		r.at = i
		for _, groups := range [][]helpGroup{r.helpGroups(false), r.helpGroups(true)} {
			r.help = nil
			r.openHelp("all keys and commands", groups)
			shown := r.help.view.GetContent()
			own := r.screens[i].Actions()
			for _, a := range append(own, unshadowed(r.global, own)...) {
				if len(a.Keys) > 0 && !strings.Contains(shown, a.Label()) {
					t.Errorf("%s: the help lacks %q", r.screens[i].Title(), a.Label())
				}
				if !strings.Contains(shown, a.Help) && len(a.Keys) > 0 {
					t.Errorf("%s: the help lacks %q", r.screens[i].Title(), a.Help)
				}
			}
		}
		r.help = nil
	}
}

// TestNoKeyMeansTwoThings on one screen, nor a command. Where a screen gives one
// of the root's keys a meaning of its own, it is the same in its own terms, or
// the root's makes no sense there.
func TestNoKeyMeansTwoThings(t *testing.T) {
	r := opened(80, 24)
	own := map[string]string{
		"gRPC": "y", "Timeline": "y z Z", "Tune": "e E 0 z Z ctrl+s", "Export": "space y",
	}
	unique := func(where string, list []screen.Action) {
		byKey, byName := map[string]string{}, map[string]bool{}
		for _, a := range list {
			for _, k := range a.Keys {
				if have := byKey[k]; have != "" {
					t.Errorf("%s: %s means %s and %s", where, k, have, a.Name)
				}
				byKey[k] = a.Name
			}
			if byName[a.Name] {
				t.Errorf("%s: two commands are called %s", where, a.Name)
			}
			byName[a.Name] = true
		}
	}
	unique("everywhere", r.global)
	for _, s := range r.screens {
		unique(s.Title(), s.Actions())
		for _, a := range s.Actions() {
			for _, k := range a.Keys {
				shadows := slices.ContainsFunc(r.global, func(g screen.Action) bool { return slices.Contains(g.Keys, k) })
				if shadows && !slices.Contains(strings.Fields(own[s.Title()]), k) {
					t.Errorf("%s: %s hides the root's %s", s.Title(), a.Name, k)
				}
			}
		}
	}
}

// TestEveryKeyIsHandled: whatever key the help names, on whatever screen, changes the
// frame or does something, or says why not.
func TestEveryKeyIsHandled(t *testing.T) {
	// At the top of a list, or with nothing done, these have nothing to do.
	idle := map[string]bool{"undo": true, "redo": true, "up": true, "top": true, "page-up": true, "preview-up": true}
	// Nor have these here: there is one call, the preview is short and its file new, and
	// Export is where one is already. Their packages' tests press them.
	here := map[string]string{"gRPC": "down bottom page-down", "Export": "diff preview-down page-down export-dialog", "Tune": "zoom-all"}
	// What is pressed before, so that there is something to take back.
	first := map[string]string{"Tune": "l"}
	t.Chdir(t.TempDir()) // a key may well export something
	for i, s := range bare(0).screens {
		for _, a := range append(s.Actions(), bare(0).global...) {
			if idle[a.Name] || a.Name == strings.ToLower(s.Title()) || slices.Contains(strings.Fields(here[s.Title()]), a.Name) {
				continue
			}
			for _, k := range a.Keys {
				r := bare(i)
				keys(r, "+")
				keys(r, strings.Fields(first[s.Title()])...)
				before := r.View()
				_, cmd := r.Update(press(k))
				after := r.View()
				if cmd == nil && before.Content == after.Content && before.MouseMode == after.MouseMode {
					t.Errorf("%s: %s (%s) does nothing", s.Title(), k, a.Name)
				}
			}
		}
	}
}

// bare is a root on the i-th screen.
func bare(i int) *Root {
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true, Screens: quick()})
	send(r, tea.WindowSizeMsg{Width: 120, Height: 36}, tuitest.Incident())
	r.at = i
	return r
}

func TestCommands(t *testing.T) {
	r := opened(80, 24)
	for _, c := range []struct{ line, foot string }{
		{"screen locks", ""},
		{"sort wait", ""},
		{"nonsense", `!! no command "nonsense" here`},
		{"screen nowhere", `!! screen "nowhere": not one of`},
		{"help me", `!! help takes nothing, got "me"`},
		{"glyphs ascii", "drawn with ascii"},
		{"theme neon", `!! theme "neon": not one of dark, light`},
		{"goto 14:30", ""},
		{"goto soon", `!! goto "soon": not a time`},
	} {
		keys(r, ":")
		typed(r, c.line)
		keys(r, "enter")
		if foot := lines(r)[23]; c.foot != "" && !strings.Contains(foot, c.foot) {
			t.Errorf(":%s says %q, want %q", c.line, foot, c.foot)
		}
	}
	if r.screens[r.at].Title() != "Locks" || !r.common.Cursor.Equal(tuitest.At("14:30:00")) {
		t.Errorf("on %s at %v, want Locks at 14:30:00", r.screens[r.at].Title(), r.common.Cursor)
	}
}

func TestPromptCompletesAndRecalls(t *testing.T) {
	r := opened(80, 24)
	keys(r, ":")
	typed(r, "screen lo")
	if foot := lines(r)[23]; !strings.Contains(foot, ":screen locks") {
		t.Errorf("no completion is offered: %q", foot)
	}
	if c := r.View().Cursor; c == nil || c.X != 11 || c.Y != 23 {
		t.Errorf("the cursor is at %+v, want 11,23", c)
	}
	keys(r, "tab", "enter", ":", "up")
	if got := r.prompt.input.Value(); got != "screen locks" {
		t.Errorf("recalled %q", got)
	}
	keys(r, "down", "esc")
	send(r, press(":"), tea.PasteMsg{Content: "goto\n 14:31\n"})
	if got := r.prompt.input.Value(); got != "goto 14:31" {
		t.Errorf("pasted %q, want one line", got)
	}
}

func TestFilterBelongsToTheScreen(t *testing.T) {
	r := opened(80, 24)
	keys(r, "3", "/")
	typed(r, "!inventory")
	keys(r, "enter")
	got := strings.Join(lines(r), "\n")
	if strings.Contains(got, "GET /api/inventory") || !strings.Contains(got, "GET /api/orders/:id") || !strings.Contains(got, "/!inventory") {
		t.Errorf("the filter is not in force or not shown:\n%s", got)
	}
	keys(r, "1")
	if got := strings.Join(lines(r), "\n"); strings.Contains(got, "/!inventory") {
		t.Error("the filter is on another screen as well")
	}
	keys(r, "3", "esc")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "GET /api/inventory") {
		t.Error("esc does not lift the filter")
	}
	keys(r, "/")
	typed(r, "(")
	keys(r, "enter")
	if foot := lines(r)[23]; !strings.Contains(foot, "!! filter") {
		t.Errorf("a broken expression is not said to be one: %q", foot)
	}
}

func TestTimeIsShared(t *testing.T) {
	r := opened(80, 24)
	keys(r, "0")
	was := r.common.Cursor
	keys(r, "2", "l")
	if !r.common.Cursor.After(was) {
		t.Error("l does not move the time cursor")
	}
	whole := r.common.Range
	keys(r, "+", "+")
	if got := r.common.Range.Length(); got < whole.Length()/5 || got > whole.Length()/3 {
		t.Errorf("zoomed twice to %v of %v", got, whole.Length())
	}
	if !r.common.Range.Has(r.common.Cursor) {
		t.Error("the cursor is out of sight")
	}
	keys(r, "0")
	if r.common.Range != whole {
		t.Errorf("0 shows %v, want %v", r.common.Range, whole)
	}
	keys(r, "e")
	if want := tuitest.At("14:27:01"); !r.common.Cursor.Equal(want) {
		t.Errorf("e goes to %v, want %v", r.common.Cursor, want)
	}
}

func TestLiveFollowsAndPauses(t *testing.T) {
	live := make(chan EvidenceMsg)
	r := newRoot(Options{Name: "now", Live: live, NoAnimation: true})
	view := func(to string) EvidenceMsg {
		ev := incident.NewEvidence()
		ev.Add(incident.Change{At: tuitest.At("14:20:00")}, incident.Change{At: tuitest.At(to)})
		ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", State: incident.SourceStale, LastAt: tuitest.At(to)})
		return EvidenceMsg{Name: "now", View: ev.Snapshot(), Live: true}
	}
	update := func(msgs ...tea.Msg) { // without the commands, which would wait
		for _, m := range msgs {
			r.Update(m)
		}
	}
	update(tea.WindowSizeMsg{Width: 80, Height: 24}, liveMsg(view("14:25:00")), screen.TickMsg{Now: tuitest.At("14:25:42")})
	if head := lines(r)[0]; !strings.Contains(head, "14:25:42Z LIVE at 14:25:00Z  pg STALE 42s") {
		t.Errorf("line 1: %q", head)
	}
	update(press("space"), liveMsg(view("14:26:00")), liveMsg(view("14:27:00")))
	if head := lines(r)[0]; !strings.Contains(head, "PAUSED (2 updates waiting)") || !r.common.Cursor.Equal(tuitest.At("14:25:00")) {
		t.Errorf("paused: %q, cursor %v", head, r.common.Cursor)
	}
	update(press("space"))
	if !r.common.Cursor.Equal(tuitest.At("14:27:00")) {
		t.Errorf("resumed at %v, want the newest", r.common.Cursor)
	}
	update(screen.CursorMsg{At: tuitest.At("14:22:00")}, liveMsg(view("14:28:00")))
	if head := lines(r)[0]; !r.common.Cursor.Equal(tuitest.At("14:22:00")) || !strings.Contains(head, "at 14:22:00Z") {
		t.Errorf("a moved cursor is dragged along: %v, %q", r.common.Cursor, head)
	}
}

// TestLineOneHasTheStateOfEverySource: also of one that has only begun, and since when
// one is down that was never reached.
func TestLineOneHasTheStateOfEverySource(t *testing.T) {
	r := newRoot(Options{Name: "now", Live: make(chan EvidenceMsg), NoAnimation: true})
	ev := incident.NewEvidence()
	ev.Add(incident.Change{At: tuitest.At("14:20:00")})
	for _, s := range []incident.SourceStatus{
		{Name: "a", State: incident.SourceStarting, Since: tuitest.At("14:24:58")},
		{Name: "b", State: incident.SourceOK, LastAt: tuitest.At("14:24:59")},
		{Name: "c", State: incident.SourceDegraded, LastAt: tuitest.At("14:24:00")},
		{Name: "d", State: incident.SourceDown, Since: tuitest.At("14:20:00")},
	} {
		s.Group = "test"
		ev.SetSource(s)
	}
	r.Update(tea.WindowSizeMsg{Width: 120, Height: 36})
	r.Update(liveMsg(EvidenceMsg{Name: "now", View: ev.Snapshot(), Live: true}))
	r.Update(screen.TickMsg{Now: tuitest.At("14:25:00")})
	if head := lines(r)[0]; !strings.Contains(head, "a starting 2s  b ok 1s  c DEGRADED 1m00s  d DOWN 5m00s") {
		t.Errorf("line 1: %q", head)
	}
	r.Update(tea.WindowSizeMsg{Width: 60, Height: 18})
	if head := lines(r)[0]; !strings.Contains(head, "+1 DOWN") {
		t.Errorf("line 1 where there is little room: %q", head)
	}
}

// TestListenTakesTheNewest: a slow screen skips views, and never holds the
// sender up for long; it stops with its context.
func TestListenTakesTheNewest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	live := make(chan EvidenceMsg, 3)
	r := newRoot(Options{Live: live, Context: ctx})
	for _, name := range []string{"a", "b", "c"} {
		live <- EvidenceMsg{Name: name}
	}
	if got := r.listen()().(liveMsg); got.Name != "c" {
		t.Errorf("took %q, want the newest", got.Name)
	}
	cancel()
	if got := r.listen()(); got != nil {
		t.Errorf("after the end: %v", got)
	}
}

func TestLoadingFails(t *testing.T) {
	r := newRoot(Options{Name: "x", NoAnimation: true, Theme: "dark", Load: func(context.Context) (EvidenceMsg, error) {
		return EvidenceMsg{}, errors.New("open x.incident: not an incident file\x1b[2J")
	}})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, r.load()())
	got := strings.Join(lines(r), "\n")
	if !strings.Contains(got, `!! open x.incident: not an incident file\x1b[2J`) {
		t.Errorf("the failure is not shown, or not made harmless:\n%s", got)
	}
}

func TestCopying(t *testing.T) {
	said := func(c Clipboard, m screen.CopyMsg) string {
		var out []string
		for _, msg := range tuitest.Answers(c.copy(m)) {
			switch msg := msg.(type) {
			case screen.StatusMsg:
				out = append(out, msg.Text)
			case screen.FailedMsg:
				out = append(out, msg.Err.Error())
			}
		}
		return strings.Join(out, "|")
	}
	dir := t.TempDir()
	c := Clipboard{Dir: dir}
	if got := said(c, screen.CopyMsg{}); got != "nothing to copy here" {
		t.Errorf("nothing: %q", got)
	}
	got := said(c, screen.CopyMsg{Text: strings.Repeat("long ", 20_000) + "mail bob@example.org", What: "the table"})
	if !strings.HasPrefix(got, "the table (100,0") || !strings.Contains(got, dir) {
		t.Errorf("too long for a terminal: %q", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil || strings.Contains(string(body), "bob@example.org") {
		t.Errorf("what leaves is not redacted (%v)", err)
	}
	if got := said(Clipboard{Mode: "native"}, screen.CopyMsg{Text: "x", What: "it"}); !strings.Contains(got, "osc52 asks the terminal") && !strings.Contains(got, "pbcopy") {
		t.Errorf("no clipboard on this machine: %q", got)
	}
	tool := filepath.Join(dir, "xclip")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\ncat > "+filepath.Join(dir, "clip")+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	display := func(name string) string { return map[string]string{"DISPLAY": ":0"}[name] }
	if got := said(Clipboard{Mode: "native", Env: display}, screen.CopyMsg{Text: "the text", What: "it"}); got != "it is on this machine's clipboard, by xclip" {
		t.Errorf("with xclip: %q", got)
	}
	if clip, err := os.ReadFile(filepath.Join(dir, "clip")); err != nil || string(clip) != "the text" {
		t.Errorf("the clipboard has %q, %v", clip, err)
	}
	if got := said(Clipboard{Mode: "file", Dir: filepath.Join(dir, "none")}, screen.CopyMsg{Text: "x", What: "it"}); !strings.HasPrefix(got, "copy it to a file:") {
		t.Errorf("a folder that is not there: %q", got)
	}
}

func TestProgramOptions(t *testing.T) {
	for _, c := range []struct {
		color string
		env   []string
		n     int
		bad   bool
	}{
		{"", nil, 1, false},
		{"auto", []string{"NO_COLOR="}, 1, false},
		{"auto", []string{"NO_COLOR=yes"}, 2, false},
		{"never", nil, 2, false},
		{"256", []string{"NO_COLOR=1"}, 2, false},
		{"pink", nil, 0, true},
	} {
		opts, err := ProgramOptions(c.color, c.env, 0)
		if len(opts) != c.n || (err != nil) != c.bad {
			t.Errorf("%q %v: %d options, %v", c.color, c.env, len(opts), err)
		}
	}
}

func TestSynchronizedOutput(t *testing.T) {
	for _, c := range []struct {
		mode        string
		opts        int
		answer, bad bool
	}{{"", 0, false, false}, {"auto", 0, false, false}, {"on", 0, true, false}, {"off", 1, false, false}, {"often", 0, false, true}} {
		opts, answer, err := synchronized(c.mode)
		if len(opts) != c.opts || (answer != nil) != c.answer || (err != nil) != c.bad {
			t.Errorf("%q: %d options, an answer %v, %v", c.mode, len(opts), answer != nil, err)
		}
	}
	_, answer, _ := synchronized("on")
	if _, ok := answer().(tea.ModeReportMsg); !ok {
		t.Error("on answers something else")
	}
}

type killed struct{ n int }

func (k *killed) Kill() { k.n++ }

func TestPanicBesideTheScreen(t *testing.T) {
	var k killed
	err := <-guarded(&k, func() { panic("boom") })
	if err == nil || !strings.Contains(err.Error(), "boom") || k.n != 1 {
		t.Errorf("error %v, killed %d times", err, k.n)
	}
	if err := <-guarded(&k, func() {}); err != nil || k.n != 1 {
		t.Errorf("without a panic: %v, killed %d times", err, k.n)
	}
}

// TestRandomKeysAndSizes: whatever is pressed at whatever size, the frame has
// exactly its height and nothing is wider than the terminal.
func TestRandomKeysAndSizes(t *testing.T) {
	t.Chdir(t.TempDir()) // the keys may well export something
	seed := uint64(time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC).Unix())
	rnd := rand.New(rand.NewPCG(seed, 1))
	var all []string
	r := newRoot(Options{Name: "INC-2847", Theme: "dark", NoAnimation: true, Screens: quick()})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, tuitest.Incident())
	for _, s := range r.screens {
		for _, a := range append(s.Actions(), r.global...) {
			all = append(all, a.Keys...)
		}
	}
	for _, skip := range []string{"ctrl+c", "ctrl+z", "q"} {
		all = slices.DeleteFunc(all, func(k string) bool { return k == skip })
	}
	all = append(all, "x", "5", ".", "backspace", "delete", "esc", "enter", "在")
	var trail []string
	for range 1500 {
		if rnd.IntN(8) == 0 {
			w, h := rnd.IntN(220), rnd.IntN(60)
			trail = append(trail, fmt.Sprintf("%dx%d", w, h))
			send(r, tea.WindowSizeMsg{Width: w, Height: h})
		} else {
			k := all[rnd.IntN(len(all))]
			trail = append(trail, k)
			_, cmd := r.Update(press(k))
			for _, msg := range tuitest.Answers(cmd) {
				if _, quit := msg.(tea.QuitMsg); !quit {
					send(r, msg)
				}
			}
		}
		sound(t, r, fmt.Sprintf("seed %d, after %v", seed, tail(trail)))
	}
}

// foreign is an escape sequence that is no colour or the like, as frames may not have.
var foreign = regexp.MustCompile(`\x1b(\[[0-9;]*[^0-9;m]|[^\[])`)

// sound fails where a frame has not its height, a line is too wide, the cursor is
// outside, or an escape is not ours.
func sound(t *testing.T, r *Root, when string) {
	t.Helper()
	v := r.View()
	rows := strings.Split(v.Content, "\n")
	if r.common.H > 0 && len(rows) != r.common.H {
		t.Fatalf("%d rows at %dx%d, %s", len(rows), r.common.W, r.common.H, when)
	}
	for y, line := range r.frame.grid.Lines() {
		if w := grid.Width(line); w > r.common.W {
			t.Fatalf("row %d is %d wide at %dx%d, %s", y, w, r.common.W, r.common.H, when)
		}
	}
	if c := v.Cursor; c != nil && (c.X < 0 || c.Y < 0 || c.X >= r.common.W || c.Y >= r.common.H) {
		t.Fatalf("the cursor is at %d,%d of %dx%d, %s", c.X, c.Y, r.common.W, r.common.H, when)
	}
	if bad := foreign.FindString(v.Content); bad != "" {
		t.Fatalf("a sequence that is not ours: %q, %s", bad, when)
	}
}

// quick are all screens, of which Tune simulates once for all tests and answers the
// same to every question.
func quick() []screen.Screen {
	all := screens(Options{})
	all[5] = tune.New(tune.Options{Context: context.Background(), Scenario: scenario.INC2847(), Run: func(context.Context, sim.Scenario) (*sim.Result, error) { return simulated() }})
	return all
}

var simulated = sync.OnceValues(func() (*sim.Result, error) { return simulate(context.Background(), scenario.INC2847()) })

func tail(s []string) []string { return s[max(0, len(s)-12):] }

func TestMouse(t *testing.T) {
	r := opened(80, 24)
	keys(r, "M")
	if v := r.View(); v.MouseMode != tea.MouseModeCellMotion {
		t.Errorf("mouse mode %v after M", v.MouseMode)
	}
	send(r, tea.MouseClickMsg{X: strings.Index(lines(r)[1], "Gateway"), Y: 1, Button: tea.MouseLeft})
	if got := r.screens[r.at].Title(); got != "Gateway" {
		t.Errorf("a click on a tab leads to %s", got)
	}
	send(r, tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	// A row of each list by its text, and the second time as enter.
	for key, text := range map[string]string{"1": "amplifier", "2": "RowExclusive", "3": "GET /api/orders/:id", "4": "Reserve", "5": "order restarted"} {
		r := opened(120, 36)
		keys(r, key, "g")
		click := func() bool {
			frame := lines(r)
			for y := range frame {
				if key == "1" { // its list is the lowest
					y = len(frame) - 1 - y
				}
				line := frame[y]
				if i := strings.Index(line, text); y > 2 && i >= 0 {
					before := r.View().Content
					send(r, tea.MouseClickMsg{X: grid.Width(line[:i]), Y: y, Button: tea.MouseLeft})
					return r.View().Content != before
				}
			}
			return false
		}
		if key != "2" && key != "4" && !click() { // the trees of these two have one line in view
			t.Errorf("screen %s: a click on %q does nothing", key, text)
		}
		was := r.at
		if key == "1" || key == "3" || key == "5" {
			if !click() {
				t.Errorf("screen %s: a second click on %q does nothing", key, text)
			}
		}
		if key == "1" && r.at == was {
			t.Error("a second click does not open the finding")
		}
	}
	r = opened(80, 24)
	keys(r, "K")
	before := r.View().Content
	send(r, tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if r.View().Content == before {
		t.Error("the wheel does not scroll the glossary")
	}
	send(r, tea.MouseClickMsg{X: 5, Y: 20, Button: tea.MouseLeft})
	if r.sheet == nil {
		t.Error("a click went through the glossary")
	}
}

func TestThemesAndGlyphs(t *testing.T) {
	r := opened(80, 24)
	for _, want := range []glyph.Level{glyph.Block, glyph.ASCII, glyph.Braille} {
		keys(r, "B")
		if r.common.Glyphs != want {
			t.Errorf("B gives %v, want %v", r.common.Glyphs, want)
		}
	}
	if diff := cmp.Diff("", newRoot(Options{Theme: "light"}).status.Text); diff != "" {
		t.Error(diff)
	}
	if got := newRoot(Options{Theme: "neon"}).status; !got.Bad {
		t.Error("a theme that is not there is not said to be missing")
	}
}

func BenchmarkViewUnchanged(b *testing.B) {
	r := opened(200, 50)
	b.ReportAllocs()
	for b.Loop() {
		r.View()
	}
}

func BenchmarkViewCursorMoves(b *testing.B) {
	r := opened(200, 50)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Update(screen.CursorMsg{At: tuitest.Range.From.Add(time.Duration(i%1800) * time.Second)})
		r.View()
	}
}

// TestHelpNamesKeysOnce: every key of the help does what its line says, and no
// label of the last line stands for two actions there.
func TestHelpNamesKeysOnce(t *testing.T) {
	r := opened(120, 36)
	for i, s := range r.screens {
		keys(r, fmt.Sprint(i+1))
		seen := map[string]string{}
		for _, g := range r.helpGroups(false) {
			for _, a := range g.actions {
				for _, k := range a.Keys {
					if other, ok := seen[k]; ok {
						t.Errorf("%s: %q is %s and %s", s.Title(), k, other, a.Name)
					}
					seen[k] = a.Name
					if found, _, _ := r.find(func(a screen.Action) bool { return slices.Contains(a.Keys, k) }); found.Name != a.Name {
						t.Errorf("%s: help has %q as %s, it does %s", s.Title(), k, a.Name, found.Name)
					}
				}
				if l := a.Label(); strings.Count(l, "/") == 1 && len(l) == 3 && !slices.Contains(a.Keys, l[2:]) && a.Name != "copy" {
					t.Errorf("%s: %s is labelled %q, its keys are %v", s.Title(), a.Name, l, a.Keys)
				}
			}
		}
		for k := range 7 {
			if seen[fmt.Sprint(k+1)] == "" {
				t.Errorf("%s: the help lacks the key %d", s.Title(), k+1)
			}
		}
	}
}

// TestLiveCursorStaysWhereSomebodyLooked: the window's end is rounded up, and
// nobody has seen that instant yet.
func TestLiveCursorStaysWhereSomebodyLooked(t *testing.T) {
	ev := incident.NewEvidence()
	pg := incident.Origin{Group: "postgres", Name: "pg"}
	seen := tuitest.At("14:20:10").Add(300 * time.Millisecond)
	for pid := range 5 {
		ev.Add(incident.Episode{
			Kind: incident.LockWait, From: tuitest.At("14:20:00"), To: seen, Open: true, Origin: pg,
			Session: incident.Session{PID: 100 + pid}, Blockers: []incident.Blocker{{PID: 1, Hard: true}},
		})
	}
	e := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	ev.Add(incident.Bucket{At: tuitest.At("14:20:10"), Width: time.Second, Endpoint: e, Status: 502, Started: 1, Ended: 1, Origin: incident.Origin{Group: "gateway", Name: "gw"}})
	ev.SetSource(incident.SourceStatus{Name: "pg", Group: "postgres", LastAt: seen})
	r := newRoot(Options{Name: "live", Theme: "dark", NoAnimation: true, Live: make(chan EvidenceMsg)})
	send(r, tea.WindowSizeMsg{Width: 80, Height: 24}, EvidenceMsg{Name: "live", View: ev.Snapshot(), Live: true})
	if !r.common.Cursor.Equal(seen) || !r.follow {
		t.Errorf("cursor at %s, following %v, want %s", r.common.Cursor, r.follow, seen)
	}
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "waiting sessions  5 of max 5") {
		t.Errorf("five wait:\n%s", got)
	}
}

func TestCommandLine(t *testing.T) {
	r := opened(80, 24)
	typed(r, ":")
	keys(r, "tab")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "export-dialog") || !strings.Contains(got, "zoom-all") {
		t.Errorf("tab on nothing lists no commands:\n%s", got)
	}
	typed(r, "quit foo")
	keys(r, "enter")
	if got := r.status.Text; !strings.HasPrefix(got, "quit takes nothing") {
		t.Errorf("said %q", got)
	}
	keys(r, "/")
	typed(r, "lock")
	keys(r, "enter", "/", "esc", "/")
	typed(r, "order")
	keys(r, "enter")
	if got := r.filters[0].Text; got != "order" {
		t.Errorf("the second filter is %q", got)
	}
}

// TestLettersStayUnderAFilter: what is hidden takes no letter from the others.
func TestLettersStayUnderAFilter(t *testing.T) {
	r := opened(80, 24)
	keys(r, "5", "/")
	typed(r, "pool")
	keys(r, "enter")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "C 14:23:46Z inventory pool full") {
		t.Errorf("the pool is C without a filter:\n%s", got)
	}
}
