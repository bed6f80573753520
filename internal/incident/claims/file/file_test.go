package file_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/claims"
	"tripcurve/internal/incident/claims/file"
	"tripcurve/internal/pglock"
)

// Every mistake is told with its place, what was found and what was expected.
func TestMistakes(t *testing.T) {
	head := "schema: tripcurve.claims/1\nclaims:\n"
	one := func(rest string) string { return head + "- id: a\n  text: a claim\n" + rest }
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "claims c.yaml:1:1: found nothing, expected schema: tripcurve.claims/1"},
		{"malformed", "schema: [\n", "claims c.yaml:1:9: not YAML"},
		{"no mapping", "- a\n", "claims c.yaml:1:1: found a list, expected a mapping with schema, incident, zone, window, claims"},
		{"another schema", "schema: tripcurve.claims/9\nclaims: []\n", `claims c.yaml:1:9: found "tripcurve.claims/9", expected tripcurve.claims/1`},
		{"no claims", "schema: tripcurve.claims/1\n", "claims c.yaml:1:1: found a mapping without claims, expected claims"},
		{"empty claims", "schema: tripcurve.claims/1\nclaims: []\n", "claims c.yaml:2:9: found a list, expected a list of claims"},
		{"two documents", head + "- {id: a, text: b, kind: other}\n---\nx: 1\n", "expected one document"},
		{"unknown key", one("  kind: other\n  knid: x\n"), `claims c.yaml:6:3: `},
		{"missing kind", one("  derived: true\n"), "claims c.yaml:3:3: found a mapping without kind, expected kind"},
		{"unknown kind", one("  kind: duratoin\n"), `claims c.yaml:5:9: found "duratoin", expected one of duration, count, rate`},
		{"unknown operand", one("  kind: rate\n  operands: {rate_per_sec: 3}\n"), "claims c.yaml:6:14: "},
		{"unknown operand, the nearest", one("  kind: rate\n  operands: {rate_per_sec: 3}\n"), "rate_per_s"},
		{"reversed window", "schema: tripcurve.claims/1\nwindow: {start: \"2026-01-15T14:46:18Z\", end: \"2026-01-15T14:23:01Z\"}\nclaims: []\n", "claims c.yaml:2:46: found the end 2026-01-15T14:23:01Z: the window is reversed, expected an end after the start, 2026-01-15T14:46:18Z"},
		{"reversed operands", one("  kind: duration\n  operands: {start: \"2026-01-15T14:46:18Z\", end: \"2026-01-15T14:23:01Z\"}\n"), "claims c.yaml:6:50: found the end"},
		{"reversed interval", one("  kind: cause\n  operands: {effect: {start: \"2026-01-15T14:46:18Z\", end: \"2026-01-15T14:23:01Z\"}}\n"), "the window is reversed"},
		{"half an interval", one("  kind: cause\n  operands: {effect: {start: \"2026-01-15T14:46:18Z\"}}\n"), "found a mapping without end, expected end"},
		{"no instant", one("  kind: cause\n  operands: {start: \"14:23\"}\n"), "claims c.yaml:6:21: found \"14:23\", expected an instant with its offset"},
		{"no number", one("  kind: rate\n  operands: {fill_s: soon}\n"), "claims c.yaml:6:22: found \"soon\", expected a number from 0 on"},
		{"negative", one("  kind: rate\n  operands: {fill_s: -1}\n"), "expected a number from 0 on"},
		{"infinite", one("  kind: rate\n  operands: {fill_s: .inf}\n"), "expected a number from 0 on"},
		{"no mode", one("  kind: lock\n  operands: {held_mode: SHARED}\n"), "claims c.yaml:6:25: found \"SHARED\", expected a lock mode"},
		{"no word", one("  kind: universal\n  operands: {quantifier: most}\n"), "expected one of all, none, some, throughout"},
		{"missing source", one("  kind: independence\n  operands: {stated: 1, sources: [{group: database}]}\n"), "claims c.yaml:6:36: found a mapping without name, expected name"},
		{"missing link", one("  kind: other\n  links: [b]\n"), "claims c.yaml:6:11: found \"b\", expected the id of a claim of this file"},
		{"own link", one("  kind: other\n  links: [a]\n"), "expected the id of another claim"},
		{"same id", head + "- {id: a, text: b, kind: other}\n- {id: a, text: c, kind: other}\n", "claims c.yaml:4:8: found \"a\" a second time, expected each id once"},
		{"no rule", one("  kind: other\n  rules: [16]\n"), "claims c.yaml:6:11: found 16, expected the number of a rule, 1 to 15"},
		{"no verdict", one("  kind: other\n  expect: {verdict: wrong}\n"), "expected one of inconsistent, needs_evidence, consistent, not_checkable"},
		{"repeated key", one("  kind: other\n  kind: rate\n"), "claims c.yaml:6:3: "},
		{"long text", one("  kind: other\n  operands: {scope: " + strings.Repeat("x", 3000) + "}\n"), "found a text of 3000 bytes, expected 2000 at most"},
		{"zone", "schema: tripcurve.claims/1\nzone: Europe/Berlin\nclaims: []\n", "claims c.yaml:2:7: found \"Europe/Berlin\", expected UTC"},
	} {
		_, err := file.Read("c.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What a file calls unknown is there and missing.
func TestUnknown(t *testing.T) {
	doc, err := file.Read("c.yaml", []byte("schema: tripcurve.claims/1\nclaims:\n- {id: a, text: b, kind: capacity, operands: {max_connections: unknown, sample_times: not_stated, waiting: 1_000}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	o := doc.Claims[0].Operands
	if _, ok := o.Number("max_connections"); ok || !o.Has("max_connections") || len(o.List("sample_times")) > 0 || o.Has("holders") {
		t.Errorf("%+v", o)
	}
	if n, ok := o.Number("waiting"); !ok || n != 1000 {
		t.Errorf("waiting is %v", n)
	}
}

// The template is read as it is printed, and its claims show four verdicts.
func TestTemplate(t *testing.T) {
	doc, err := file.Read("template.yaml", file.Template)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range claims.Check(doc, nil).Claims {
		got = append(got, r.Verdict.String())
	}
	if s := strings.Join(got, " "); s != "consistent inconsistent consistent needs_evidence not_checkable" {
		t.Errorf("verdicts of the template: %s", s)
	}
}

// evidence has a little of everything that claims are held against.
func evidence() *incident.View {
	at := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)
	log, pg := incident.Origin{Group: "gateway", Name: "log"}, incident.Origin{Group: "postgres", Name: "pg"}
	orders := incident.Endpoint{Method: "POST", Route: "/api/orders"}
	ev := incident.NewEvidence()
	for i := range 60 {
		t := at.Add(time.Duration(i-20) * time.Minute)
		b := incident.Bucket{At: t, Width: time.Second, Endpoint: orders, Status: 201, Started: 3, Ended: 3, Origin: log}
		if i > 20 && i < 45 {
			b.Status, b.Outcome = 502, incident.UpstreamTimeout
		}
		ev.Add(b, incident.Series{Name: "grpc_client_started_total", Labels: map[string]string{"grpc_method": "Reserve", "grpc_service": "inventory.Inventory"}, Kind: incident.Counter, Unit: "1", Points: []incident.Point{{At: t, V: float64(3 * i)}}, Origin: incident.Origin{Group: "grpc", Name: "order"}})
	}
	ev.Add(
		incident.Episode{Kind: incident.LockWait, From: at, To: at.Add(4 * time.Minute), Session: incident.Session{PID: 7}, Wanted: pglock.RowExclusive, Relation: "stock", Blockers: []incident.Blocker{{PID: 48291, Hard: true, Mode: pglock.Share}}, Origin: pg},
		incident.Episode{Kind: incident.SessionState, From: at, To: at.Add(4 * time.Minute), Session: incident.Session{PID: 48291}, Held: pglock.Share, Relation: "stock", Origin: pg},
		incident.Series{Name: incident.SettingSeries, Labels: map[string]string{"name": "max_connections"}, Points: []incident.Point{{At: at, V: 200}}, Origin: pg},
		incident.Change{At: at.Add(23 * time.Minute), Kind: incident.Restart, System: "order", Text: "order restarted"},
	)
	return ev.Snapshot()
}

// What fails at all times is no impact; what fails more often is one.
func TestUnaffectedAsAtOtherTimes(t *testing.T) {
	doc, err := file.Read("c.yaml", []byte(`schema: tripcurve.claims/1
window: {start: "2026-01-15T14:23:00Z", end: "2026-01-15T14:43:00Z"}
claims:
- {id: a, text: It was spared., kind: universal, operands: {quantifier: none, of: impact, scope: GET /a}}
`))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	for failures, want := range map[int64]claims.Verdict{1: claims.Consistent, 2: claims.Consistent, 5: claims.Inconsistent} {
		ev := incident.NewEvidence()
		for i := range 80 {
			n := int64(1)
			if i >= 60 {
				n = failures
			}
			b := incident.Bucket{At: at.Add(time.Duration(i-60) * time.Minute), Width: time.Minute, Endpoint: incident.Endpoint{Method: "GET", Route: "/a"}, Status: 200, Started: 99, Ended: 99, Origin: incident.Origin{Group: "gateway", Name: "log"}}
			ev.Add(b)
			b.Status, b.Outcome, b.Started, b.Ended = 500, incident.ServerError, n, n
			ev.Add(b)
		}
		r := claims.Check(doc, ev.Snapshot()).Claims[0]
		if r.WithEvidence != want || r.Evidence == "" || len(r.Support) == 0 {
			t.Errorf("%d failures a minute: %s, want %s: %s", failures, r.WithEvidence, want, r.Evidence)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file.Template)
	for _, name := range []string{"inc-2847.yaml", "corrected-twin.yaml"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("schema: tripcurve.claims/1\nclaims:\n- {id: a, text: b, kind: rate, operands: {rate_per_s: 1e12, hold_s: 1e12, capacity: 0, fill_s: 0, observations: [{count: 0, window_s: 0}]}}\n"))
	f.Add([]byte("schema: tripcurve.claims/1\nclaims:\n- {id: a, text: b, kind: config, operands: {library: opossum, failing_calls: 1e12, claimed_open_at: 1e12, volume_threshold: 1e12, errorThresholdPercentage: 1e12}}\n"))
	v := evidence()
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := file.Read("f.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "claims f.yaml") {
				t.Fatalf("an error without its place: %v", err)
			}
			return
		}
		for _, r := range claims.Check(doc, v).Claims {
			if r.WithEvidence != r.Verdict && r.Evidence == "" {
				t.Fatalf("the evidence made %s of %q and says nothing", r.WithEvidence, r.ID)
			}
			if r.Why == "" || r.Verdict == claims.NeedsEvidence && r.WithEvidence == r.Verdict && len(r.Needs) == 0 {
				t.Fatalf("%s of %q says neither why nor what it needs", r.Verdict, r.ID)
			}
		}
	})
}
