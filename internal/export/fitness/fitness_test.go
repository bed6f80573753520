package fitness

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/sim/fit"
	"tripcurve/sim/pipeline"
)

func sample() *fit.Fit {
	from := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	evil := "GET /\x1b[31m\u202e" + strings.Repeat("x", 100)
	return &fit.Fit{
		Window:   incident.Window{From: from, To: from.Add(time.Hour)},
		Fault:    incident.Window{From: from.Add(time.Minute), To: from.Add(2 * time.Minute)},
		Pipeline: &pipeline.Pipeline{Faults: []pipeline.Fault{{What: pipeline.Restart, At: time.Minute, Service: "ann@example.com"}, {What: pipeline.FailCalls, For: 1500 * time.Millisecond, Edge: "a.b", Share: 0.25}}},
		Notes:    map[string][]string{"": {"mail ann@example.com"}, "clients": {"two"}},
		Report: fit.Report{Seeds: 20, NotIdentified: []string{"whether ann@example.com waits\x07"}, LeftOut: []string{"GET /rare"}, Quantities: []fit.Quantity{
			{Of: "POST /a", Name: "requests", Unit: "1", Recorded: 1234, Simulated: 1235, Error: 0.0008, Bound: 0.02},
			{Of: "POST /a", Name: "healthy p50", Unit: "s", Recorded: 0.0151, Simulated: 0.02, Facts: 300, Error: 0.3245, Bound: 0.1},
			{Of: "POST /a", Name: "healthy p99", Unit: "s", Recorded: 0.0287, Simulated: 0.0281, Facts: 1300, Bound: 0.1}, // within half a rank
			{Of: "POST /a", Name: "healthy p99.9", Unit: "s", Recorded: 0.03, Simulated: 0.0306, Facts: 1300, Error: 0.02, Bound: 0.1},
			{Of: evil, Name: "failed share", Unit: "share", Recorded: 0.1, Simulated: 0.13, Facts: 50, Error: 0.3, Bound: 0.1, Lo: 0.05, Hi: 0.2},
			{Of: evil, Name: "first failed", Unit: "from", Recorded: 61, Error: math.Inf(1), Bound: 2, Absolute: true},
		}},
	}
}

// TestText: what a reader of the terminal sees, with nothing in it that does something
// to the terminal.
func TestText(t *testing.T) {
	var b strings.Builder
	if err := New("the night\x1b[2J", sample(), redact.New(redact.Options{})).Text(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"  requests                                 1,234       1,235    0.1 %   2.0 %\n",
		"= healthy p99, of 1,300                  28.7 ms     28.1 ms    2.1 %  10.0 %\n",
		"  healthy p99.9, of 1,300                30.0 ms     30.6 ms    2.0 %  10.0 %\n",
		"= no further off than the recording tells",
		"! healthy p50, of 300                    15.1 ms     20.0 ms   32.5 %  10.0 %\n",
		"~ failed share, of 50                     10.0 %      13.0 %   30.0 %  10.0 %\n",
		"! first failed, of 0                   14:01:01Z   14:00:00Z      all   2.0 s\n",
		"  - at 14:01:00Z: [email-1] is restarted\n",
		"  - from 14:00:00Z for 1.5 s: 25.0 % of the calls over a.b fail\n",
		"  - whether [email-1] waits",
		"  - GET /rare\n",
		"It does NOT reproduce the recording: 2 of 6 figures, over 20 runs, are outside\n",
		"~ further off than the bound",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "ann@") {
		t.Errorf("not clean:\n%q", text)
	}
}

// TestJSON: it is JSON also where a figure is infinitely off, and says what the text says.
func TestJSON(t *testing.T) {
	data, err := json.Marshal(New("n", sample(), nil))
	if err != nil {
		t.Fatal(err)
	}
	var rep Report
	if err := json.Unmarshal(data, &rep); err != nil {
		t.Fatal(err)
	}
	if rep.Schema != Schema || rep.Reproduces || len(rep.Quantities) != 6 || rep.Quantities[5].Error != nil || !rep.Quantities[4].ByChance || rep.Refused == nil || rep.Redaction.Applied {
		t.Errorf("%s", data)
	}
}

// TestNotes: a pipeline that does not reproduce its recording says so first.
func TestNotes(t *testing.T) {
	notes := Notes(sample(), redact.New(redact.Options{}))
	head := strings.Join(notes[""], "\n")
	if !strings.HasPrefix(head, "DOES NOT REPRODUCE THE RECORDING:\n- POST /a, healthy p50: recorded 0.0151, simulated 0.02\n") || !strings.Contains(head, "mail [email-1]") || !strings.Contains(head, "Redacted") {
		t.Error(head)
	}
	if len(notes["clients"]) != 1 {
		t.Errorf("%v", notes)
	}
}

// TestRefused: the reasons, and nothing else.
func TestRefused(t *testing.T) {
	var b strings.Builder
	if err := Refused("n", []fit.Reason{{Lacks: "no fault", Why: "nothing \x1b failed"}}, nil).Text(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.HasPrefix(got, "n cannot be fitted\n\nBECAUSE OF\n  - no fault: nothing \\x1b failed\n") {
		t.Errorf("%q", got)
	}
}
