package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/screen"
)

// markKey says whether a key may name a mark.
func markKey(k string) bool {
	return len(k) == 1 && (k[0] >= 'a' && k[0] <= 'z' || k[0] >= 'A' && k[0] <= 'Z')
}

// mark sets a mark at the time cursor, or goes to one; without a letter it asks for it.
func (r *Root) mark(name, letter string) tea.Cmd {
	switch {
	case r.common.Cursor.IsZero():
		return screen.Say("there is no time cursor yet")
	case letter == "" && name == "jump" && len(r.common.Marks) == 0:
		return screen.Say("no marks; m and a letter set one at the time cursor")
	case letter == "" && name == "jump":
		r.pending = name
		return screen.Say("go to a mark: " + r.marksText(", "))
	case letter == "":
		r.pending = name
		return screen.Say("mark " + r.common.Clock(r.common.Cursor) + ": press a letter; esc leaves it")
	case !markKey(letter):
		return screen.Fail(fmt.Errorf("mark %q: not a letter of a-z or A-Z", letter))
	}
	key := rune(letter[0])
	at := slices.IndexFunc(r.common.Marks, func(m screen.Mark) bool { return m.Key == key })
	switch {
	case name == "jump" && at < 0:
		return screen.Fail(fmt.Errorf("no mark %s; there are %s", letter, r.marksText(", ")))
	case name == "jump":
		return r.moveCursor(r.common.Marks[at].At)
	case name == "unmark" && at < 0:
		return screen.Say("there is no mark " + letter)
	}
	r.remember()
	marks := slices.DeleteFunc(slices.Clone(r.common.Marks), func(m screen.Mark) bool { return m.Key == key })
	if name == "unmark" {
		return tea.Batch(r.setMarks(marks), screen.Say("mark "+letter+" is gone; z takes that back"))
	}
	marks = append(marks, screen.Mark{Key: key, At: r.common.Cursor})
	slices.SortFunc(marks, func(a, b screen.Mark) int { return int(a.Key - b.Key) })
	return tea.Batch(r.setMarks(marks), screen.Say("mark "+letter+" is "+r.common.Clock(r.common.Cursor)+"; ' and "+letter+" come back"))
}

// letter is the key after m or '.
func (r *Root) letter(k string) tea.Cmd {
	name := r.pending
	r.pending = ""
	if k == "esc" {
		return nil
	}
	return r.mark(name, k)
}

func (r *Root) setMarks(marks []screen.Mark) tea.Cmd {
	r.common.Marks = marks
	return r.tellAll(screen.MarksMsg{Marks: marks})
}

// marksText lists the marks with their times.
func (r *Root) marksText(between string) string {
	var list []string
	for _, m := range r.common.Marks {
		list = append(list, string(m.Key)+" "+r.common.Clock(m.At))
	}
	return strings.Join(list, between)
}
