package bundled

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/claims"
	"tripcurve/internal/incident/claims/file"
)

// expected is a list with the verdicts that it must get.
func expected(t *testing.T, name string) *claims.Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "incident", "claims", "file", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := file.Read(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// once is the bundled evidence, built once for all that only read it.
var once = sync.OnceValues(func() (*Incident, error) { return Build(context.Background()) })

func bundledView(t *testing.T) *incident.View {
	t.Helper()
	in, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return in.Evidence.Snapshot()
}

// The claims that are shipped are those whose verdicts are tested.
func TestClaimsAreTheTestedOnes(t *testing.T) {
	shipped, err := file.Read(ClaimsName, Claims)
	if err != nil {
		t.Fatal(err)
	}
	want := expected(t, "inc-2847.yaml")
	for i := range want.Claims {
		want.Claims[i].Expect, want.Claims[i].ExpectWithEvidence = nil, ""
	}
	if d := cmp.Diff(want, shipped); d != "" {
		t.Errorf("(-tested +shipped):\n%s", d)
	}
}

// What the bundled evidence settles of each list, as was written down before; but
// for two claims of the twin, of which more is known now.
func TestClaimsWithEvidence(t *testing.T) {
	v := bundledView(t)
	for name, other := range map[string]map[string]string{
		"inc-2847.yaml": {},
		"corrected-twin.yaml": {
			"t21": "inconsistent",   // 13 checkouts of the last 20 s of the window were answered with success after it
			"t29": "needs_evidence", // of another night: the evidence of this one is with the dead connection
		},
	} {
		doc := expected(t, name)
		for i, r := range claims.Check(doc, v).Claims {
			want := doc.Claims[i].ExpectWithEvidence
			if want == "" {
				want = doc.Claims[i].Expect.Verdict
			}
			if o := other[r.ID]; o != "" {
				want = o
			}
			if r.WithEvidence.String() != want {
				t.Errorf("%s %s: %s with evidence, want %s: %s", name, r.ID, r.WithEvidence, want, r.Evidence)
			}
			if (r.WithEvidence != r.Verdict) && (r.Evidence == "" || len(r.Support) == 0) {
				t.Errorf("%s %s: the evidence made %s of %s and rests on nothing", name, r.ID, r.WithEvidence, r.Verdict)
			}
			for _, id := range r.Support {
				if _, ok := v.Get(id); !ok {
					t.Errorf("%s %s rests on %q, which cannot be opened", name, r.ID, id)
				}
			}
		}
	}
}

// The evidence is asked what the operands say: others get another answer, and
// nothing is made up where no source can tell.
func TestEvidenceFollowsOperands(t *testing.T) {
	v := bundledView(t)
	const day = `start: "2026-01-14T14:23:01Z", end: "2026-01-15T14:23:01Z"`
	for _, c := range []struct{ name, kind, operands, others, want, says string }{
		{"a status that was sent", "universal", `quantifier: none, of: 504`, "", "inconsistent", "333 answers 504"},
		{"a status that was not", "universal", `quantifier: none, of: 503`, "", "consistent", "no answers 503"},
		{"a longer silence than the log has", "universal", `quantifier: none, of: 502, start: "2026-01-13T14:23:01Z", end: "2026-01-15T14:23:01Z"`, "", "needs_evidence", "the log covers 50 %"},
		{"a silence before the log", "universal", `quantifier: none, of: 502, start: "2026-01-10T14:23:01Z", end: "2026-01-11T14:23:01Z"`, "", "needs_evidence", ""},
		{"an unaffected endpoint that was not", "universal", `quantifier: none, of: impact, scope: GET /api/inventory/:sku`, "", "inconsistent", "failures of GET /api/inventory/:sku"},
		{"an endpoint that nobody called", "universal", `quantifier: none, of: impact, scope: GET /nowhere`, "", "needs_evidence", "no traffic"},
		{"intents of the day before", "universal", `quantifier: none, of: payment intents, ` + day, "", "inconsistent", "successes of POST /api/payments/intent"},
		{"all failed, and had not", "universal", `quantifier: all, of: failed, scope: GET /api/inventory/:sku`, "", "inconsistent", "successes"},
		{"jobs of a worker that nobody counts", "universal", `quantifier: none, of: failed jobs, scope: mailer`, "", "needs_evidence", ""},
		{"deadlines of a method that nobody counts", "universal", `quantifier: none, of: DEADLINE_EXCEEDED, scope: x.Y`, "", "needs_evidence", ""},
		{"other orphans", "universal", `quantifier: none, of: payment intents, orphan_reservations: 90`, "", "inconsistent", "100 reservations"},
		{"more sessions than there is room", "capacity", `waiting: 300, holders: 1, max_connections: unknown`, "", "inconsistent", "301 > 197"},
		{"another limit than the server's", "capacity", `waiting: 100, holders: 1, max_connections: 500`, "", "inconsistent", "500 are stated"},
		{"another holder", "cause", `pid: 4711, pid_of: backend`, "", "inconsistent", "held by backend 48291"},
		{"more waiters", "visibility", `window: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, possible: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:27:01Z"}, quantifier: some`, "capacity: 150", "inconsistent", "at most 100"},
		{"waiters when nobody looked", "visibility", `window: {start: "2026-01-14T14:23:01Z", end: "2026-01-14T14:30:00Z"}, possible: {start: "2026-01-14T14:23:01Z", end: "2026-01-14T14:27:01Z"}, quantifier: some`, "capacity: 100", "needs_evidence", ""},
		{"a first failure that is not there", "order", `cause_at: "2026-01-15T14:23:01Z", effect_at: "2026-01-15T14:23:20Z", min_delay_s: 30`, "", "inconsistent", "began at 14:23:01"},
		{"a restart at another time", "order", `cause_at: "2026-01-15T14:40:00Z", effect_at: "2026-01-15T14:40:00Z", min_delay_s: 0`, "", "inconsistent", "no change is known"},
		{"other counts of the streams", "rate", `observations: [{count: 2494, window_s: 1397}, {count: 100, window_s: 10}]`, "", "inconsistent", "1245 requests failed"},
		{"a larger pool", "rate", `rate_per_s: 2, hold_s: 30, capacity: 400, fill_s: 45`, "", "inconsistent", "calls order.inventory were in flight"},
		{"another end of the gateway's", "bound", `bounds: [{unbounded: true}, {value_s: 5}]`, "", "inconsistent", "after 30 s at the latest"},
		{"statuses that were not sent", "status", `relation: same_answer, claims: [{status: 504}, {status: 503}]`, "scope: POST /api/orders", "inconsistent", "1245 of 502"},
		{"another day", "order", `instant: "2026-01-16T10:47:00Z", incident_start: "2026-01-15T14:23:01Z", incident_date: not_stated`, "", "inconsistent", "2026-01-15"},
		{"endpoints that were hit", "count", `stated: 2, parts: [{endpoint: POST /api/orders}, {endpoint: GET /api/inventory/:sku}]`, "", "consistent", "hit were POST /api/orders (1245 failed) and GET /api/inventory/:sku (333 failed)"},
		{"endpoints that were not", "count", `stated: 2, parts: [{endpoint: POST /api/orders}, {endpoint: GET /api/orders/:id}]`, "", "inconsistent", "not GET /api/orders/:id"},
		{"an endpoint to which nobody came", "count", `stated: 1, parts: [{endpoint: POST /api/payments/intent}]`, "", "consistent", "before, then none"},
		{"a count of a status", "count", `count: 1247, of: 502`, "", "consistent", "the log has 1245"},
		{"another count of a status", "count", `count: 1300, of: 502`, "", "inconsistent", "the log has 1245"},
		{"a count of failures", "count", `count: 333, of: failed, scope: GET /api/inventory/:sku, count_by: start`, "", "consistent", "the log has 333"},
		{"a longer impact", "duration", `start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z", stated_s: 1900, rounding: none`, "", "inconsistent", "1397 s"},
		{"the impact as it was", "duration", `start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z", stated_s: 1397, rounding: none`, "", "consistent", "requests failed from 14:23:01 to 14:46:18, 1397 s"},
		{"a metric that is not there", "visibility", `metric: other.duration, value_s: 30, recorded: at_end`, "", "needs_evidence", ""},
		{"a metric before its time", "visibility", `metric: grpc.client.duration, value_s: 30, recorded: at_end, hang_began: "2026-01-15T14:30:00Z"`, "", "inconsistent", "before 14:30:30"},
	} {
		links, more := "[]", ""
		if c.others != "" {
			links, more = "[y]", "- {id: y, text: another, kind: other, operands: {"+c.others+"}}\n"
		}
		text := "schema: tripcurve.claims/1\nwindow: {start: \"2026-01-15T14:23:01Z\", end: \"2026-01-15T14:46:18Z\"}\nclaims:\n" +
			"- {id: x, text: a claim, kind: " + c.kind + ", links: " + links + ", operands: {" + c.operands + "}}\n" + more
		doc, err := file.Read("x.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		r := claims.Check(doc, v).Claims[0]
		if r.WithEvidence.String() != c.want || !strings.Contains(r.Evidence, c.says) {
			t.Errorf("%s: %s: %q, want %s: %q (the document: %s)", c.name, r.WithEvidence, r.Evidence, c.want, c.says, r.Verdict)
		}
	}
}

// Without evidence nothing is settled.
func TestNoEvidenceNoVerdict(t *testing.T) {
	doc := expected(t, "inc-2847.yaml")
	for _, r := range claims.Check(doc, incident.NewEvidence().Snapshot()).Claims {
		if r.WithEvidence != r.Verdict || r.Evidence != "" {
			t.Errorf("%s: nothing is known, and it says %s: %s", r.ID, r.WithEvidence, r.Evidence)
		}
	}
}
