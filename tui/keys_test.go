package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/config"
	"tripcurve/tui/tuitest"
)

func TestOtherKeys(t *testing.T) {
	o := Options{Name: "INC-2847", Theme: "dark", NoAnimation: true, Screens: quick(), Keys: []config.Binding{
		{Action: "help", Keys: []string{"f2", "alt+h"}},
		{Action: "locks.fold", Keys: []string{"o"}},
		{Action: "down", Keys: []string{"ctrl+n"}},
		{Action: "mouse"},
	}}
	if err := CheckKeys(o); err != nil {
		t.Fatal(err)
	}
	r := newRoot(o)
	send(r, tea.WindowSizeMsg{Width: 120, Height: 36}, tuitest.Incident())
	if foot := lines(r)[35]; !strings.Contains(foot, "f2/alt+h help") {
		t.Errorf("the last line: %q", foot)
	}
	keys(r, "?", "M", "j")
	if r.help != nil || r.mouse {
		t.Error("a key that was given to nothing still works")
	}
	send(r, tea.KeyPressMsg{Code: tea.KeyF2})
	if r.help == nil {
		t.Fatal("f2 does not help")
	}
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "f2/alt+h") {
		t.Errorf("the help:\n%s", got)
	}
	keys(r, "esc", "2", "ctrl+n")
	before := r.View().Content
	keys(r, "o")
	if r.View().Content == before {
		t.Error("o does not fold")
	}
	keys(r, ":")
	typed(r, "mouse")
	keys(r, "enter")
	if !r.mouse {
		t.Error("what has no key is no command any more")
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		action, key string
		want        string
	}{
		{"help", "ctrl+c", `c.yaml:3:1: "ctrl+c" is no key`},
		{"help", "banana", `"banana" is no key`},
		{"help", "", `"" is no key`},
		{"dance", "x", `c.yaml:3:1: no action is called "dance"`},
		{"locks.dance", "x", `no action is called "locks.dance"`},
		{"nowhere.fold", "x", `no action is called "nowhere.fold"`},
		{"behind", "K", `the key "K" would mean behind and glossary; give one of them another key`},
		{"locks.fold", "s", `on Locks the key "s" would mean fold and sort`},
		{"locks.fold", "K", `on Locks the key "K" would mean fold and glossary`},
		{"glossary", "a", `on Timeline the key "a" would mean add and glossary`},
	} {
		err := CheckKeys(Options{Keys: []config.Binding{{Action: c.action, Keys: []string{c.key}, Where: "c.yaml:3:1"}}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s gives %v, want %q", c.action, c.key, err, c.want)
		}
	}
}
