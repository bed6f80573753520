package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
)

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-01-15 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func analysis() incident.Analysis {
	lock := incident.Window{From: at("14:23:01"), To: at("14:27:01")}
	impact := incident.Window{From: at("14:23:01"), To: at("14:46:18")}
	orders := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	return incident.Analysis{
		Sentence: "pid 48291 held SHARE on stock_reservations for 4m00s and 100 sessions waited; a dead connection kept orders failing until 14:46:18Z",
		Proof:    []string{"CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)", "UPDATE stock_reservations SET status = 'reserved' WHERE id = 4711 waits 1m38s"},
		Impact:   impact, Coverage: 240.0 / 1397, Confidence: incident.Likely,
		Findings: []incident.Finding{
			{
				ID: "lock_root/48291", Role: incident.Trigger, Cause: "lock_root", Claim: "pid 48291 blocks 100 sessions on stock_reservations",
				Detail: []string{"user migrator, application psql, client 10.0.0.7", "no counterfactual was run (the same incident without it): Possible"}, Action: "select pg_cancel_backend(48291)", Window: lock,
				Confidence: incident.Likely, Support: []incident.ID{"episode/pg/1", "episode/pg/2"}, GroupNames: []string{"postgres"}, Coverage: 240.0 / 1397,
				Subject: incident.Subject{PID: 48291, Relation: "stock_reservations", Mode: "SHARE", Waiters: 100},
			},
			{
				ID: "call_without_deadline/order.inventory", Role: incident.Amplifier, Cause: "call_without_deadline", Claim: "order.inventory waits without a deadline",
				Detail: []string{"no counterfactual was run (the same incident with a deadline): Possible"},
				Window: impact, Confidence: incident.Possible, Coverage: 1, Subject: incident.Subject{Edge: "order.inventory", Endpoint: orders},
			},
		},
		Endpoints: []incident.Impact{
			{
				Endpoint: orders, Effect: incident.Down, Says: "1,247 of 1,247 failed (100.0 %): 502 upstream timeout", Before: incident.Counts{Requests: 50561}, Requests: 1247,
				NoneWell: impact, P99Before: incident.Quantile{Lo: 14 * time.Millisecond, Hi: 16 * time.Millisecond}, Failed: 1247, FirstFailed: at("14:23:01.798"), LastFailed: at("14:46:17.999"), Recovered: at("14:46:19"),
				P50During: incident.Quantile{Lo: 29900 * time.Millisecond, Hi: 30100 * time.Millisecond}, P99During: incident.Quantile{Lo: 10 * time.Second, Capped: true},
				During: incident.Counts{Requests: 1247, Failed: 1247, Statuses: map[int]int64{502: 1247, 0: 1}},
			},
			{Endpoint: incident.Endpoint{Method: "POST", Route: "/api/payments/intent"}, Effect: incident.Starved, Says: "no request from 14:23:20Z on", Vanished: true, VanishedFrom: at("14:23:20")},
		},
		Remainder: []incident.Remainder{{Window: incident.Window{From: at("14:27:01"), To: at("14:46:18")}, Explanation: "began with a connection that nobody noticed was dead: 663 calls hung", Detail: []string{"only the restart of order ended it"}}},
		Derived: []incident.Moment{
			{ID: "b", At: at("14:46:18"), Kind: incident.MRecovery, Text: "order service restarted"},
			{ID: "a", At: at("14:23:01"), End: at("14:27:01"), Kind: incident.MTrigger, Text: "SHARE lock on stock_reservations", SourceText: "pg", Confidence: "measured"},
		},
		Extent: reach(impact, orders),
		Onset: incident.Onset{
			At: at("14:23:01"), Err: 8 * time.Second, Of: 29, Together: true, Opens: true,
			Agree: []incident.Agreed{{Name: "order.inventory Reserve in flight", Jump: 7.86, At: at("14:23:06"), Support: []incident.ID{"series/grpc/order/1"}}, {Name: "GET /api/orders/:id requests", Jump: -6.21, At: at("14:22:56")}},
			Says:  "Onset by consensus: 2 of 29 series that vary changed at 14:23:01Z ± 8 s: order.inventory Reserve in flight up, GET /api/orders/:id requests down",
		},
		Components: []incident.Component{{Name: "inventory", Before: 10 * time.Millisecond, During: 505 * time.Millisecond, Calls: 3752, Own: 495 * time.Millisecond, Share: 0.99, Slow: true, Says: "inventory: 505 ms instead of 10 ms a call over 3,752 calls; 495 ms a call is its own, 99.0 % of what is more where it is seen first"}},
		Gaps:       []incident.CallGap{{Caller: "order", Callee: "inventory", Before: time.Millisecond, During: 490 * time.Millisecond, Says: "order waits for inventory 490 ms longer a call than inventory works, 1 ms before"}},
		Checked:    []string{"deploys: none in the window"},
	}
}

func reach(impact incident.Window, orders incident.Endpoint) incident.Extent {
	return incident.Extent{
		Window:   impact,
		Outcomes: []incident.OutcomeCount{{Outcome: incident.UpstreamTimeout, Requests: 1247}},
		Errors:   []incident.ErrorCount{{Endpoint: orders, Status: 502, Outcome: incident.UpstreamTimeout, Requests: 1246, Share: 1246.0 / 1247}, {Endpoint: orders, Outcome: incident.UpstreamReset, Requests: 1, Share: 1.0 / 1247}},
		Calls:    []incident.CallCount{{Caller: "order", Callee: "inventory", Method: "Reserve", Calls: 3752, Open: true}, {Caller: "gateway", Callee: "inventory", Method: "GetStock", Code: "OK", Calls: 2897}},
		Orders:   incident.Figure{N: 1247, Known: true, Says: "failed requests POST /api/orders"},
		Customers: incident.Figure{
			AtMost: 1247, Says: "unknown: no evidence names customers; at most 1,247, one for each failed request",
			Query: "SELECT count(DISTINCT user_id) FROM failed WHERE status = 'failed'",
		},
		Intents:    incident.Figure{Known: true, Says: "calls order -> payment (CreateIntent) begun in the window"},
		Orphans:    incident.Figure{N: 12, Known: true, AtLeast: true, Says: "reservations of someone@example.com"},
		Dependents: []incident.Dependent{{Service: "inventory", Effect: incident.Hung, Callers: []string{"order"}, Calls: []incident.Edge{{Caller: "order", Callee: "inventory", Method: "Reserve", Effect: incident.Hung, Begun: 3752, InFlight: 3752}}, Says: "calls of Reserve by order: 3,752 begun, 0 ended"}},
		Times:      incident.Spans([]incident.Window{impact}, incident.Marks{Acknowledged: at("14:31:00")}),
	}
}

// without is a counterfactual of which one night lost a checkout.
func without() *diagnose.Counterfactual {
	r := func(mean, lo, hi float64) diagnose.Range { return diagnose.Range{Mean: mean, P5: lo, P95: hi} }
	lock, call := analysis().Findings[0], analysis().Findings[1]
	return &diagnose.Counterfactual{
		Scenario: "inc-2847", Counts: "orders not accepted", Seeds: 20, Observed: 1247, With: r(1244.45, 1190, 1295), Fitted: true,
		Without: []diagnose.Without{
			{Finding: lock, Left: "without the lock", Failed: r(0, 0, 0), Necessity: r(1, 1, 1), Sufficiency: r(1, 0.96, 1.04)},
			{Finding: call, Left: "with a deadline of 5 s on order.inventory", Failed: r(209.1, 168, 236), Necessity: r(0.832, 0.81, 0.85), Sufficiency: r(1, 0.96, 1.04)},
			{Finding: call, Left: "with a pool of 100,000", Failed: r(1244.45, 1190, 1295), Sufficiency: r(1, 0.96, 1.04)},
		},
		Skipped: []diagnose.Skipped{{Finding: call, Why: "scenario inc-2847 does not say how to do without it"}},
		Books: []diagnose.Balance{
			{Of: "the evidence, in the impact window", Before: 2, Arrived: 1258, Completed: 2, Failed: 1245, InFlight: 13},
			{Of: "A, as it was", Arrived: 100, Completed: 90, Failed: 9},
		},
		Tries: &diagnose.Tries{Calls: 3752, Requests: 1258, Most: 3},
	}
}

func view() *incident.View {
	return &incident.View{
		Window:  incident.Window{From: at("14:18:00"), To: at("14:52:00")},
		Sources: []incident.SourceStatus{{Name: "pg", Group: "postgres", State: incident.SourceOK, LastAt: at("14:52:00")}, {Name: "datadog", Group: "grpc", State: incident.SourceDown, Detail: "401 for key DD_API_KEY=0123456789"}},
	}
}

func TestGolden(t *testing.T) {
	rep := New(view(), analysis(), Options{Name: "INC-2847", Counterfactual: without()})
	js, err := rep.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"analysis.txt": []byte(rep.Text()), "analysis.md": rep.Markdown(), "analysis.json": js} {
		path := filepath.Join("testdata", name)
		if os.Getenv("TRIPCURVE_UPDATE") != "" {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s (TRIPCURVE_UPDATE=1 rewrites it):\n%s", name, d)
		}
	}
}

func TestTextFitsATerminal(t *testing.T) {
	for _, line := range strings.Split(New(view(), analysis(), Options{Name: "INC-2847", Counterfactual: without()}).Text(), "\n") {
		if utf8.RuneCountInString(line) > export.Columns {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
}

func TestAdviceKeepsItsLiteralsAndEvidenceDoesNot(t *testing.T) {
	text := New(view(), analysis(), Options{}).Text()
	if !strings.Contains(text, "select pg_cancel_backend(48291)") {
		t.Error("the statement to paste lost its pid")
	}
	for _, gone := range []string{"4711", "'reserved'", "10.0.0.7", "someone@example.com", "0123456789"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is in the report", gone)
		}
	}
}

func TestNothingFound(t *testing.T) {
	rep := New(nil, incident.Analysis{}, Options{})
	if got := rep.Text(); !strings.HasPrefix(got, "Nothing found.\n") {
		t.Errorf("%q", got)
	}
	js, err := rep.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(js, []byte(`findings": null`)) || !json.Valid(js) {
		t.Errorf("%s", js)
	}
	rep.Markdown()
}

// The text tells a thing once: what a section below says is no proof above it,
// and what all findings say stands under them.
func TestTheTextTellsAThingOnce(t *testing.T) {
	text := strings.Join(strings.Fields(New(view(), analysis(), Options{}).Text()), " ")
	for _, once := range []string{"counterfactual", "idx_reservations_expiry", "663 calls hung", "(1,397 s)"} {
		if n := strings.Count(text, once); n > 1 {
			t.Errorf("%q is said %d times", once, n)
		}
	}
	if !strings.Contains(text, "failing from 14:23:01Z to 14:46:18Z") || strings.Contains(text, "14:46:17") {
		t.Error("a beginning is rounded down and an end up")
	}
}

func TestWithoutAnImpact(t *testing.T) {
	rep := New(view(), incident.Analysis{
		Sentence: "Nothing is wrong", Proof: []string{"a line of proof"},
		Endpoints: []incident.Impact{{
			Endpoint: incident.Endpoint{Method: "GET", Route: "/"}, Requests: 14, ByEnd: true,
			P50Before: incident.Instantly, P99Before: incident.Quantile{Lo: 24 * time.Millisecond, Hi: 24 * time.Millisecond},
		}},
	}, Options{})
	text := rep.Text()
	for _, want := range []string{"a line of proof", "ENDPOINTS, in all of the evidence", "counted by their end", "  0.0 %        0s      24ms\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if md := string(rep.Markdown()); !strings.Contains(md, "| 0s | 24ms |") {
		t.Errorf("no waits in\n%s", md)
	}
}

// TestOfNoEvidence: a recording in which nothing is yet has a report.
func TestOfNoEvidence(t *testing.T) {
	v := incident.NewEvidence().Snapshot()
	rep := New(v, cause.Analyze(v, cause.Options{}), Options{Name: "empty"})
	if _, err := rep.JSON(); err != nil || rep.Extent.Window != nil {
		t.Errorf("%v, %+v", err, rep.Extent.Window)
	}
}
