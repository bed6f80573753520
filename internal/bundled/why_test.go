package bundled_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/bundled"
	"tripcurve/internal/diagnose"
	"tripcurve/internal/incident"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// evidence is what sc leaves behind.
func evidence(t *testing.T, sc sim.Scenario) *incident.View {
	t.Helper()
	v, _, err := bundled.Night(context.Background(), sc)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// explain holds the mechanisms against evidence.
func explain(t *testing.T, v *incident.View) *diagnose.Explanation {
	t.Helper()
	x, err := diagnose.Explain(context.Background(), scenario.INC2847(), v, bundled.Night, diagnose.Options{Seeds: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func failing(c diagnose.Candidate) (ids []string) {
	for _, f := range c.Failing() {
		ids = append(ids, f.Fact.ID)
	}
	return ids
}

// TestLongWhy23Minutes: of the eight mechanisms one reproduces every fact of the
// incident; each of the others is contradicted by what it must be contradicted by,
// and lasts as long as its closed form says.
func TestLongWhy23Minutes(t *testing.T) {
	v := evidence(t, scenario.INC2847())
	x := explain(t, v)
	if got := x.Marks.Remainder(); got != 1157*time.Second {
		t.Errorf("remainder %s, expected 1157 s", got)
	}
	if !strings.Contains(x.Sentence, "a connection that nobody noticed was dead") {
		t.Errorf("the analysis says something else than the mechanism that fits: %s", x.Sentence)
	}
	if len(x.Facts) != 16 {
		t.Errorf("%d facts", len(x.Facts))
	}
	if n := len(x.Candidates); n != 8 {
		t.Errorf("%d mechanisms", n)
	}
	for _, want := range []struct {
		id         string
		verdict    diagnose.Verdict
		fails      []string // among others
		from, upTo float64  // s: how long checkouts failed after the release
	}{
		{"dropped_flow", diagnose.NotToldApart, nil, 1155, 1158},
		{"backlog", diagnose.Contradicted, []string{"failing_ended", "answered_502", "reserves_in_flight", "intents_begun"}, 0, 2},
		{"retry_storm", diagnose.Contradicted, []string{"failing_ended", "failing_share", "answered_502", "intents_begun"}, 0, 2},
		{"ghost_work", diagnose.Contradicted, []string{"failing_ended", "lock_waiters", "deadline_exceeded"}, 0, 15},
		{"tcp_gives_up", diagnose.Contradicted, []string{"failing_ended", "failing_share", "reserves_ended"}, 864, 868},
		{"breaker", diagnose.Contradicted, []string{"failing_ended", "failing_took", "stock_reads_failed", "pool_full"}, 780, 900},
		{"second_lock", diagnose.Contradicted, []string{"stock_reads_back", "stock_reads_failed", "waiters_after"}, 1155, 1158},
		{"slow_after", diagnose.Contradicted, []string{"reserves_ended", "reserves_in_flight", "intents_begun"}, 1150, 1190},
		{"black_hole", diagnose.NotToldApart, nil, 1155, 1158},
	} {
		all := slices.Concat(x.Candidates, x.Twins)
		i := slices.IndexFunc(all, func(c diagnose.Candidate) bool { return c.ID == want.id })
		if i < 0 {
			t.Errorf("no mechanism is called %s", want.id)
			continue
		}
		c := all[i]
		if c.Verdict != want.verdict {
			t.Errorf("%s: %s, expected %s; contradicted by %v", c.ID, c.Verdict, want.verdict, failing(c))
		}
		for _, f := range want.fails {
			if !slices.Contains(failing(c), f) {
				t.Errorf("%s: reproduces %s, which it cannot", c.ID, f)
			}
		}
		if !(c.Tail.Median >= want.from && c.Tail.Median <= want.upTo) {
			t.Errorf("%s: checkouts failed for %.0f s after the release, expected %.0f to %.0f", c.ID, c.Tail.Median, want.from, want.upTo)
		}
	}
	if w := x.Weight; w == nil || !w.Explains() || w.Without > 240 {
		t.Errorf("counterfactual %+v", w)
	}
	if orphans := x.Candidates[0].Predict[0].Figure.Median; orphans != 100 {
		t.Errorf("the mechanism that fits predicts %.0f orphans, not 100", orphans)
	}

	ctx, cancel := context.WithCancel(context.Background())
	interrupted := func(ctx context.Context, _ sim.Scenario) (*incident.View, *sim.Result, error) {
		cancel()
		return nil, nil, fmt.Errorf("night: %w", ctx.Err())
	}
	if _, err := diagnose.Explain(ctx, scenario.INC2847(), v, interrupted, diagnose.Options{Seeds: 1, Workers: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: error %v", err)
	}
}

// TestLongAnotherTruthIsFound: where the evidence comes from another mechanism, that one
// fits and the incident's own is contradicted. The facts decide, not the order.
func TestLongAnotherTruthIsFound(t *testing.T) {
	truth := scenario.INC2847()
	truth.Seed = 5
	lock := truth.Faults[0].(sim.LockTable)
	truth.World.IdleDrop, truth.World.StreamQuota = 0, 0
	truth.Faults = append(truth.Faults, sim.BlackHole{At: lock.At + lock.Hold - time.Minute})
	x := explain(t, evidence(t, truth))
	for _, c := range slices.Concat(x.Candidates, x.Twins) {
		want := diagnose.Contradicted
		if c.ID == "tcp_gives_up" {
			want = diagnose.Fits
		}
		if c.Verdict != want {
			t.Errorf("%s: %s, expected %s; contradicted by %v", c.ID, c.Verdict, want, failing(c))
		}
	}
	if x.Weight != nil {
		t.Errorf("a mechanism that does not fit has a counterfactual: %+v", x.Weight)
	}
}

// TestNothingToExplain: a healthy night has no trigger, and an incident that ended
// with its trigger leaves no remainder.
func TestNothingToExplain(t *testing.T) {
	ended := scenario.INC2847()
	ended.Length = 12 * time.Minute
	ended.World.IdleDrop = 0
	ended.Faults = ended.Faults[:1]
	healthy := scenario.Healthy()
	healthy.Length = 5 * time.Minute
	for _, sc := range []sim.Scenario{ended, healthy} {
		if _, _, err := diagnose.MarksOf(evidence(t, sc)); !errors.Is(err, diagnose.ErrNothingToExplain) {
			t.Errorf("%s: %v", sc.Name, err)
		}
	}
}
