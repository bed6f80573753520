package tui

import (
	"regexp"
	"strings"
	"testing"

	"tripcurve/tui/screen"
)

// TestWhatIsBehind: Q says on every screen what its numbers were read from, or why
// there is nothing.
func TestWhatIsBehind(t *testing.T) {
	for screenKey, want := range map[string]string{
		"1": "FOR IT: 1 fact", "2": "pg_stat_activity and pg_locks as they were", "3": "counts of one second or more",
		"4": "in flight = started - finished", "5": "access.log, byte",
		"6": "tripcurve simulate inc-2847 --seed 68 --seeds 0", "7": "--edge order.inventory --preset postmortem",
	} {
		r := opened(120, 36)
		keys(r, screenKey)
		if screenKey == "5" {
			keys(r, "g", "j")
		}
		keys(r, "Q")
		if got := strings.Join(lines(r), "\n"); r.sheet == nil || !strings.Contains(got, want) {
			t.Errorf("screen %s: Q lacks %q:\n%s", screenKey, want, got)
		}
		keys(r, "esc")
		if r.sheet != nil {
			t.Error("esc does not close it")
		}
	}
}

// TestGlossary: the words of the screen come first, a search finds, and what is not
// there is said.
func TestGlossary(t *testing.T) {
	r := opened(80, 24)
	keys(r, "K")
	if got := lines(r)[2]; !strings.Contains(got, "terms of this screen, then the others") {
		t.Errorf("K: %q", got)
	}
	keys(r, "/")
	typed(r, "thundering")
	keys(r, "enter")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "thundering herd") || strings.Contains(got, "blocker") && !strings.Contains(got, "/thundering") {
		t.Errorf("filtered:\n%s", got)
	}
	keys(r, "/")
	typed(r, "(")
	keys(r, "enter")
	if r.sheet == nil || !r.status.Bad {
		t.Error("a broken expression closes the sheet, or is not said to be one")
	}
	keys(r, "esc", "G", "g", "j", "k", "space", "esc", ":")
	typed(r, "glossary half-open")
	keys(r, "enter")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "a probe may go through") {
		t.Errorf(":glossary half-open:\n%s", got)
	}
	keys(r, "esc", ":")
	typed(r, "glossary flux capacitor")
	keys(r, "enter")
	if got := r.status.Text; !strings.Contains(got, `no term of the glossary has "flux capacitor"`) {
		t.Errorf("a word that is not there: %q", got)
	}
}

// TestDetail: the selected line of the Overview whole, also what was found innocent.
func TestDetail(t *testing.T) {
	r := opened(80, 24)
	keys(r, "d")
	if got := strings.Join(lines(r), "\n"); !strings.Contains(got, "what to do; nothing runs by itself") {
		t.Errorf("the finding:\n%s", got)
	}
	keys(r, "esc")
	for word, want := range map[string]string{
		"hit": "customers hit: unknown, at most 1,577", "onset": "postgres_lock_waiters up, 9.2 times its own noise",
		"services": "payment: no traffic; called by order", "innocent": "2 changes are known, none of them before requests failed (1 fact)",
		"undecided": "no source counts what breakers do",
	} {
		send(r, screen.FilterMsg{})
		keys(r, "/")
		typed(r, "^"+word+"$")
		keys(r, "enter", "enter")
		if got := strings.Join(lines(r), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q:\n%s", word, want, got)
		}
		keys(r, "esc")
	}
}

// TestSheetsFootFits: the keys leave room for how much is above and below.
func TestSheetsFootFits(t *testing.T) {
	for _, w := range []int{screen.MinW, 62, 66, 70, 80} {
		r := opened(w, 18)
		keys(r, "K")
		foot := lines(r)[16]
		if !regexp.MustCompile(`esc closes .*[^0-9a-z ]1-13 of [0-9]+`).MatchString(foot) {
			t.Errorf("at %d columns: %q", w, foot)
		}
	}
}
