package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

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

// TestHelpIsWholeInNarrowTerminals: what does not fit beside its key goes on below.
func TestHelpIsWholeInNarrowTerminals(t *testing.T) {
	for _, w := range []int{60, 80, 120} {
		r := opened(w, 24)
		for i := range r.screens {
			r.at = i
			for title, all := range map[string]bool{r.screens[i].Title(): false, "all keys and commands": true} {
				r.help = nil
				r.openHelp(title, r.helpGroups(all))
				flat := strings.Join(strings.Fields(ansi.Strip(r.help.view.GetContent())), " ")
				for _, line := range strings.Split(r.help.view.GetContent(), "\n") {
					if got := ansi.StringWidth(strings.TrimRight(ansi.Strip(line), " ")); got > w-6 {
						t.Errorf("%s at %d columns: a line of %d: %q", title, w, got, ansi.Strip(line))
					}
				}
				for _, g := range r.helpGroups(all) {
					for _, a := range g.actions {
						if side := w == 120; !side && !strings.Contains(flat, a.Help) {
							t.Errorf("%s at %d columns lacks %q", title, w, a.Help)
						}
					}
				}
			}
		}
		r.help = nil
	}
}
