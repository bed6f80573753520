package explanation_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export"
	"tripcurve/internal/export/explanation"
)

// sample is an explanation with a mechanism that fits and one that does not.
func sample() *diagnose.Explanation {
	began := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)
	known := func(v float64) diagnose.Value { return diagnose.Value{Number: v, Known: true} }
	spread := func(mid, lo, hi float64, missing int) diagnose.Spread {
		return diagnose.Spread{Median: mid, Min: lo, Max: hi, Seeds: 3, Absent: missing}
	}
	share := diagnose.Fact{ID: "share", Text: "checkouts that failed", Unit: diagnose.Share, Abs: 0.02}
	orders := diagnose.Fact{ID: "orders", Text: "orders | 502", Unit: diagnose.Count, Rel: 0.1}
	read := diagnose.Fact{ID: "read", Text: "last failing read", Unit: diagnose.Seconds, None: "no read failed", Abs: 3}
	x := &diagnose.Explanation{
		Scenario: "inc-2847", Seeds: 3, Sentence: "so it was",
		Marks:       diagnose.Marks{Began: began, Released: began.Add(240 * time.Second), Ended: began.Add(1397 * time.Second)},
		Facts:       []diagnose.Observed{{Fact: share, Value: known(1)}, {Fact: orders, Value: known(1245)}, {Fact: read, Value: known(0.25)}},
		Weight:      &diagnose.Weight{Observed: 1245, With: 1243, Without: 197, Necessity: 1 - 197.0/1243, Sufficiency: 1243.0 / 1245},
		Unexplained: []string{"who did it"},
	}
	nan := math.NaN()
	x.Candidates = []diagnose.Candidate{
		{
			Mechanism: diagnose.Mechanism{ID: "a", Name: "a dead connection", How: "nothing passes", Run: "as it is", Tell: "a log"},
			Reckoning: "1 + 1 = 2", Tail: spread(1157, 1156, 1157, 0), Verdict: diagnose.Fits,
			Fits: []diagnose.Fit{
				{Fact: share, Observed: known(1), Simulated: spread(1, 1, 1, 0), Reproduced: true},
				{Fact: orders, Observed: known(1245), Simulated: spread(1243, 1200, 1290, 0), Reproduced: true},
				{Fact: read, Observed: known(0.25), Simulated: spread(0, 0, 0, 0), Reproduced: true},
			},
			Predict: []diagnose.Prediction{{Name: "orphans", Figure: spread(100, 100, 100, 0)}},
		},
		{
			Mechanism: diagnose.Mechanism{ID: "b", Name: "a backlog", How: "it drains", Run: "no drop", Tell: "a counter"},
			Tail:      spread(nan, nan, nan, 3),
			Fits: []diagnose.Fit{
				{Fact: share, Observed: known(1), Simulated: spread(0.756, 0.74, 0.768, 0)},
				{Fact: orders, Observed: known(1245), Simulated: spread(197, 189, 198, 0)},
				{Fact: read, Observed: known(0.25), Simulated: spread(nan, nan, nan, 3)},
			},
			Predict: []diagnose.Prediction{{Name: "orphans", Figure: spread(nan, nan, nan, 3)}},
		},
	}
	return x
}

func TestText(t *testing.T) {
	text := explanation.New("INC-1", sample(), []string{"the date"}, explanation.Options{}).Text()
	for _, line := range strings.Split(text, "\n") {
		if n := utf8.RuneCountInString(line); n > export.Columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	flat := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		"INC-1: why 23 minutes", "covers 240 s of the 1,397 s in which checkouts failed (17.2 %)", "Two mechanisms, each simulated in 3 nights",
		"One of them reproduces all 3 facts: a dead connection (1).",
		"1,243 orders are answered 502 (1,245 were), without it 197: it is necessary for 84 % of them, and so explains the outage",
		"1 a dead connection 3 of 3 1,157 s fits", "2 a backlog 0 of 3 - contradicted",
		"checkouts that failed 100 % ox", "last failing read 250 ms ox",
		"- checkouts that failed: evidence 100 %, simulated 75.6 % (74 % to 76.8 %)",
		"- last failing read: evidence 250 ms, simulated no read failed",
		"Reckoned: 1 + 1 = 2.", "Would tell it apart: a counter.", "1 a dead connection 100 2 a backlog -", "- who did it.", "- the date",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("not there: %s\n%s", want, text)
		}
	}
}

func TestJSONHasNoNumberThatIsNone(t *testing.T) {
	js, err := explanation.New("INC-1", sample(), nil, explanation.Options{}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var rep struct {
		Schema     string
		Assumed    []string
		Twins      []any
		Mechanisms []struct {
			Verdict string
			Tail    struct {
				Median *float64
				Absent int
			} `json:"failing_after_release_s"`
		}
		Facts []struct{ Tolerance float64 }
	}
	if err := json.Unmarshal(js, &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Schema != explanation.Schema || rep.Assumed == nil || rep.Twins == nil {
		t.Errorf("schema %q, assumed %v, twins %v", rep.Schema, rep.Assumed, rep.Twins)
	}
	if m := rep.Mechanisms; m[0].Verdict != "fits" || *m[0].Tail.Median != 1157 || m[1].Verdict != "contradicted" || m[1].Tail.Median != nil || m[1].Tail.Absent != 3 {
		t.Errorf("mechanisms %+v", m)
	}
	if rep.Facts[1].Tolerance != 124.5 {
		t.Errorf("tolerance %g of 10 %% of 1,245", rep.Facts[1].Tolerance)
	}
}

// TestEveryRowHasTheCellsOfItsHead: also where a text has a pipe in it.
func TestEveryRowHasTheCellsOfItsHead(t *testing.T) {
	md := string(explanation.New("INC-1", sample(), []string{"the date"}, explanation.Options{}).Markdown())
	bar := regexp.MustCompile(`(^|[^\\])\|`)
	cells, rows := 0, 0
	for _, line := range strings.Split(md, "\n") {
		n := len(bar.FindAllString(line, -1))
		switch {
		case !strings.HasPrefix(line, "|"):
			cells = 0
			continue
		case cells == 0:
			cells = n
		case n != cells:
			t.Errorf("%d bars, not %d: %s", n, cells, line)
		}
		rows++
	}
	if rows < 12 || !strings.Contains(md, "# INC-1: why 23 minutes") {
		t.Errorf("%d rows of tables:\n%s", rows, md)
	}
}
