package tune

import (
	"strings"
	"testing"

	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

func behindText(s *Screen) string {
	_, parts := s.Behind()
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Head + "\n" + p.Text + "\n" + p.Quote + "\n")
	}
	return b.String()
}

// What stands behind the numbers names the runs, the settings of both sides, and the
// command that makes the same run.
func TestBehindTheNumbers(t *testing.T) {
	s := loaded(t, 200, 50, outline)
	if got := behindText(s); !strings.Contains(got, "this\nas it was in inc-2847") || strings.Contains(got, "compared with\n") {
		t.Errorf("before a move:\n%s", got)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.deadline=4s"})
	focus(t, s, "deadline")
	got := behindText(s)
	for _, want := range []string{
		"means of those with the seeds 68, 69, 70, 71, 72", "order.inventory.deadline\n", "it is 4s, and was none",
		"tripcurve simulate inc-2847 --seed 68 --seeds 0 \\\n  --set order.inventory.deadline=4s\n",
		"now, what this is compared with\nas it was in inc-2847", "log, the dotted curve", "assumed",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	press(t, s, "v")
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.deadline=6s"})
	if got := behindText(s); !strings.Contains(got, "kept, what this is compared with\nwhat inc-2847 was, but for the values below") || !strings.Contains(got, "deadline=4s") {
		t.Errorf("compared with a kept setting:\n%s", got)
	}
}

// A draft is said to be a part.
func TestBehindADraft(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	focus(t, s, "deadline")
	_, cmd := s.Update(screen.ActionMsg{Name: "more"})
	for _, msg := range tuitest.Answers(cmd) {
		if done, ok := msg.(doneMsg); ok {
			s.runs.done(done)
		}
	}
	if got := behindText(s); !strings.Contains(got, "So far this is a part of it, from 14:22:01Z to 14:29:31Z") {
		t.Errorf("of a draft:\n%s", got)
	}
}

// A trip curve's command has the breaker in the library's own names, the caller's time
// limit beside it, and how the screen computes; each side has its own.
func TestBehindATripCurve(t *testing.T) {
	s := busy(t, 80, 24)
	press(t, s, "c")
	if got := behindText(s); !strings.Contains(got, "trip curve, this\n") || strings.Contains(got, "trip curve, now") || strings.Contains(got, "--deadline") {
		t.Errorf("one setting:\n%s", got)
	}
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.deadline=4s"}, screen.ActionMsg{Name: "set", Args: "order.inventory.breaker.resetTimeout=5s"})
	got := behindText(s)
	for _, want := range []string{
		"trip curve, now\n", "trip curve, this\n",
		"tripcurve curve --for opossum --own --rate 0.895 --timeout 0s --horizon 5m0s --points 30 --healthy-length 12h0m0s --healthy 0.01 --deadline 4s \\\n" +
			"  --set opossum.errorThresholdPercentage=50 \\\n  --set opossum.resetTimeout=5000 \\\n  --set opossum.timeout=5000\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}
