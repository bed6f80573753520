package tui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tripcurve/internal/config"
	"tripcurve/tui/screen"
)

// rebound is a list of actions with the keys that the user gave them. Which of a
// screen's actions is meant says its name, or the screen's and its name: locks.fold.
func rebound(bindings []config.Binding, title string, list []screen.Action) []screen.Action {
	for i := range list {
		if b, ok := bindingOf(bindings, title, list[i].Name); ok {
			list[i].Keys, list[i].Show, list[i].Foot = b.Keys, "", ""
			if len(b.Keys) > 1 {
				list[i].Show = strings.Join(b.Keys, "/")
			}
		}
	}
	return list
}

// bindingOf is what the user says of an action; what names its screen wins.
func bindingOf(bindings []config.Binding, title, action string) (config.Binding, bool) {
	for _, name := range []string{strings.ToLower(title) + "." + action, action} {
		if i := slices.IndexFunc(bindings, func(b config.Binding) bool { return b.Action == name }); i >= 0 {
			return bindings[i], true
		}
	}
	return config.Binding{}, false
}

// own are the actions of a screen with the keys that are in force.
func (r *Root) own(i int) []screen.Action {
	return rebound(r.opts.Keys, r.screens[i].Title(), r.screens[i].Actions())
}

// everywhere is the title under which the root's own actions are known.
const everywhere = "everywhere"

// CheckKeys says what is wrong with the keys that the user gave to actions: one that is
// none, an action that is none, or a key that means two things somewhere.
func CheckKeys(o Options) error {
	if len(o.Keys) == 0 { // the first frame does not wait for screens that are made twice
		return nil
	}
	r := newRoot(o)
	for _, b := range o.Keys {
		for _, k := range b.Keys {
			if !isKey(k) {
				return fmt.Errorf("%s: %q is no key; expected one such as x, X, ?, f5, enter, space, ctrl+x or alt+x (ctrl+c always leaves)", b.Where, k)
			}
		}
		if !r.hasAction(b.Action) {
			return fmt.Errorf("%s: no action is called %q; :keys on a screen lists them", b.Where, b.Action)
		}
	}
	for i, s := range r.screens {
		if err := conflict(o.Keys, s.Title(), r.own(i), r.global); err != nil {
			return err
		}
	}
	return nil
}

// hasAction says whether an action has that name, or that one of that screen.
func (r *Root) hasAction(name string) bool {
	title, action, dotted := strings.Cut(name, ".")
	is := func(a screen.Action) bool { return a.Name == name || dotted && a.Name == action }
	for _, s := range r.screens {
		if (!dotted || strings.EqualFold(s.Title(), title)) && slices.ContainsFunc(s.Actions(), is) {
			return true
		}
	}
	return (!dotted || title == everywhere) && slices.ContainsFunc(r.global, is)
}

// conflict finds a key that means two things on a screen, one of them by the user's
// will: that a screen has keys of the root's in its own terms is as we made it.
func conflict(bindings []config.Binding, title string, own, global []screen.Action) error {
	type place struct{ title, action string }
	has := map[string]place{}
	for _, of := range []struct {
		title string
		list  []screen.Action
	}{{title, own}, {everywhere, global}} {
		for _, a := range of.list {
			mine, changed := bindingOf(bindings, of.title, a.Name)
			for _, k := range a.Keys {
				other, taken := has[k]
				if !taken {
					has[k] = place{of.title, a.Name}
					continue
				}
				if a.Name == other.action {
					continue
				}
				if !changed {
					mine, changed = bindingOf(bindings, other.title, other.action)
				}
				if changed {
					return fmt.Errorf("%s: on %s the key %q would mean %s and %s; give one of them another key", mine.Where, title, k, other.action, a.Name)
				}
			}
		}
	}
	return nil
}

// keyNames are the keys that have a name of more than one letter.
var keyNames = []string{
	"enter", "esc", "tab", "space", "up", "down", "left", "right", "home", "end", "pgup", "pgdown", "backspace", "delete", "insert",
	"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
}

// isKey says whether a key is spelled as the terminal's keys are.
func isKey(k string) bool {
	if k == "ctrl+c" {
		return false
	}
	base := k
	for _, m := range []string{"ctrl+", "alt+", "shift+"} {
		base = strings.TrimPrefix(base, m)
	}
	if slices.Contains(keyNames, base) {
		return true
	}
	return utf8.RuneCountInString(base) == 1 && base != " " && !strings.HasPrefix(k, "shift+")
}
