package tune

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/sim/curve"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// busy has a breaker already now, so that there are two curves.
func busy(t *testing.T, w, h int) *Screen {
	t.Helper()
	s := loaded(t, w, h, outline)
	edges := s.opt.Scenario.Edges.Clone()
	if err := edges.Set("order.inventory.breaker", "opossum"); err != nil {
		t.Fatal(err)
	}
	s.opt.Scenario.Edges = edges
	s.edges = edges
	s.relist()
	return s
}

func TestTripCurveGolden(t *testing.T) {
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]
		s := busy(t, w, h)
		press(t, s, "c")
		focus(t, s, "breaker.timeout")
		press(t, s, "h", "h")
		tuitest.Golden(t, fmt.Sprintf("trip_%dx%d", w, h), tuitest.Draw(s, w, h-3))
	}
	s := busy(t, 80, 24)
	press(t, s, "c", "c")
	tuitest.Send(s, screen.GlyphsMsg{Level: glyph.ASCII}, screen.FullMsg{On: true})
	tuitest.Golden(t, "trip_errors_full_ascii_80x24", tuitest.Draw(s, 80, 21))
}

func frame(s *Screen) string { return strings.Join(tuitest.Draw(s, s.W, s.H).Lines(), "\n") }

func TestTripCurveIsComputedWhenLookedAt(t *testing.T) {
	s := busy(t, 80, 24)
	if s.trips.gen != 0 {
		t.Fatal("computed before anybody looked")
	}
	press(t, s, "c")
	if s.trips.res == nil || s.trips.gen != 1 {
		t.Fatal("looked at, and not computed")
	}
	if got := len(s.trips.res.Curves); got != 2 {
		t.Errorf("%d curves, want errors and hangs of one setting", got)
	}
	press(t, s, "j")
	if s.trips.gen != 1 {
		t.Error("computed again although nothing moved")
	}
	focus(t, s, "breaker.resetTimeout")
	press(t, s, "l")
	if s.trips.gen != 2 || len(s.trips.res.Curves) != 4 {
		t.Errorf("generation %d, %d curves after a move", s.trips.gen, len(s.trips.res.Curves))
	}
}

func TestStaleTripCurvesAreDropped(t *testing.T) {
	s := busy(t, 80, 24)
	press(t, s, "c")
	focus(t, s, "breaker.timeout")
	_, first := s.Update(screen.ActionMsg{Name: "more"})
	_, second := s.Update(screen.ActionMsg{Name: "more"}) // cancels it
	tuitest.Send(s, tripMsg{gen: s.trips.gen - 1, res: &curve.Result{}})
	tuitest.Send(s, tuitest.Answers(first)...)
	if got := s.trips.shown.settings; len(got) != 1 {
		t.Errorf("a stale answer was taken: %v", got)
	}
	tuitest.Send(s, tuitest.Answers(second)...)
	if got := s.curveOf(thisName); got == nil || got.Limit != 6*time.Second {
		t.Errorf("the curve shown is not of the last move: %+v", got)
	}
}

func TestNoBreakerHasNoTripCurve(t *testing.T) {
	s := loaded(t, 80, 24, outline)
	press(t, s, "c")
	if got := frame(s); !strings.Contains(got, "no breaker") {
		t.Errorf("not said:\n%s", got)
	}
}

// A breaker without a time limit on calls sees no hang, and is told so.
func TestAHangThatNothingEnds(t *testing.T) {
	s := busy(t, 80, 24)
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.breaker.timeout=false"})
	press(t, s, "c")
	if got := frame(s); !strings.Contains(got, "nothing ends a hang: set a timeout") {
		t.Errorf("not said:\n%s", got)
	}
	if k := s.curveOf(thisName); k.Points[len(k.Points)-1].OpenAfter(0.5) != curve.Never {
		t.Error("it opens all the same")
	}
}

// What the libraries cannot say of each other is kept by the edge, or told.
func TestLibraryKeepsTheIntent(t *testing.T) {
	s := busy(t, 80, 24)
	tuitest.Send(s, screen.ActionMsg{Name: "set", Args: "order.inventory.breaker.errorThresholdPercentage=30"})
	before := s.policy()
	tuitest.Send(s, screen.ActionMsg{Name: "library", Args: "gobreaker"})
	p := s.policy()
	if p.Breaker.Library != "gobreaker" || p.Breaker.Params["Interval"] != "10s" || p.Breaker.Params["failureRatio"] != "0.3001" {
		t.Errorf("gobreaker got %v", p.Breaker.Params)
	}
	if p.Timeout != 5*time.Second {
		t.Errorf("the time limit became %s", p.Timeout)
	}
	if got := frame(s); !strings.Contains(got, "of opossum kept otherwise or not at all") {
		t.Errorf("nothing said of what was lost:\n%s", got)
	}
	// Through none and back is exact, the edge's own timeout included.
	tuitest.Send(s, screen.ActionMsg{Name: "library", Args: "none"}, screen.ActionMsg{Name: "library", Args: "opossum"})
	if p := s.policy(); p.Timeout != before.Timeout || fmt.Sprint(p.Breaker) != fmt.Sprint(before.Breaker) {
		t.Errorf("there and back: %+v, was %+v", p, before)
	}
	if got := frame(s); strings.Contains(got, "kept otherwise") {
		t.Errorf("still said to be lost:\n%s", got)
	}
}

func TestWhatWasLostUnfolds(t *testing.T) {
	s := busy(t, 80, 24)
	tuitest.Send(s, screen.ActionMsg{Name: "library", Args: "gobreaker"})
	focus(t, s, "breaker")
	press(t, s, "j")
	if !s.focused().lost {
		t.Fatalf("below the library stands %+v", s.focused())
	}
	n := len(s.rows)
	press(t, s, "enter")
	if len(s.rows) <= n {
		t.Error("nothing unfolded")
	}
	press(t, s, "j")
	if r := s.focused(); !r.turns() || r.field.Name == "breaker" {
		t.Errorf("the cursor went to %+v, not over the notes", r)
	}
	press(t, s, "k", "h")
	if len(s.rows) != n {
		t.Error("nothing folded")
	}
}

func TestUnknownLibrary(t *testing.T) {
	s := busy(t, 80, 24)
	_, cmd := s.Update(screen.ActionMsg{Name: "library", Args: "opossom"})
	var failed error
	for _, m := range tuitest.Answers(cmd) {
		if m, ok := m.(screen.FailedMsg); ok {
			failed = m.Err
		}
	}
	if failed == nil || !strings.Contains(failed.Error(), "did you mean opossum") {
		t.Errorf("said %v", failed)
	}
}

// Every library can be chosen from every other one, and its knobs are drawn.
func TestEveryLibraryCanBeChosen(t *testing.T) {
	for _, from := range libraries() {
		for _, to := range libraries() {
			s := loaded(t, 80, 24, outline)
			tuitest.Send(s, screen.ActionMsg{Name: "library", Args: from}, screen.ActionMsg{Name: "library", Args: to})
			if got := (policy.Policy{Breaker: s.policy().Breaker}); to != none && got.Breaker.Library != to || to == none && got.Breaker.Library != "" {
				t.Errorf("%s to %s: the library is %q", from, to, got.Breaker.Library)
			}
			for _, size := range tuitest.Sizes {
				tuitest.Send(s, screen.SizeMsg{W: size[0], H: size[1] - 3})
				frame(s)
			}
		}
	}
}

// TestTripCurveOfWhatIsCompared: once a setting is kept the trip curve, too, is held
// against that one and not against what was.
func TestTripCurveOfWhatIsCompared(t *testing.T) {
	s := busy(t, 80, 24)
	press(t, s, "c")
	focus(t, s, "breaker.timeout")
	press(t, s, "h", "h", "v")
	if got := s.trips.shown.settings; len(got) != 1 || got[0].Name != thisName {
		t.Errorf("what is kept differs from itself: %+v", got)
	}
	kept := s.policy().Breaker.Params["timeout"]
	press(t, s, "h")
	got := s.trips.shown.settings
	if len(got) != 2 || got[1].Name != "kept" || got[1].Params["timeout"] != kept {
		t.Fatalf("compared with %+v, want what was kept with its timeout of %s", got, kept)
	}
	if text := frame(s); !strings.Contains(text, ", kept ") || strings.Contains(text, " now ") {
		t.Errorf("the chart does not say what it compares with:\n%s", text)
	}
}
