package tui

import (
	"strings"
	"testing"
)

// A mark stands on the time axis of every screen that has one, with the key that leads there.
func TestMarksAreDrawn(t *testing.T) {
	r := opened(200, 50)
	keys(r, "m", "k")
	for screen, mark := range map[string]string{"1": "'k", "2": "'k", "3": "'k", "4": "'k", "5": "k"} {
		keys(r, screen, "L") // away from it, where the head would name it
		if body := strings.Join(lines(r)[2:49], "\n"); !strings.Contains(body, mark) {
			t.Errorf("screen %s does not show the mark:\n%s", screen, body)
		}
	}
	keys(r, "1")
	keys(r, ":")
	typed(r, "unmark k")
	keys(r, "enter", "L")
	if body := strings.Join(lines(r), "\n"); strings.Contains(body, "'k") {
		t.Errorf("it is still there:\n%s", body)
	}
}
