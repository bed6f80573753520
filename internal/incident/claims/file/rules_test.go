package file_test

import (
	"fmt"
	"strings"
	"testing"

	"tripcurve/internal/incident/claims"
	"tripcurve/internal/incident/claims/file"
)

// verdictOf is the verdict of the claim x under one rule, others beside it.
func verdictOf(t *testing.T, rule int, kind, operands, others string) claims.Result {
	t.Helper()
	links := "[]"
	if others != "" {
		links = "[y]"
	}
	text := fmt.Sprintf(`schema: tripcurve.claims/1
window: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z", length_s: 1397}
claims:
- {id: x, text: a claim, kind: %s, rules: [%d], links: %s, operands: {%s}}
`, kind, rule, links, operands)
	if others != "" {
		text += "- {id: y, text: another, kind: other, operands: {" + others + "}}\n"
	}
	doc, err := file.Read("x.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return claims.Check(doc, nil).Claims[0]
}

// Each rule is given other operands than those of the incident, and its verdict
// and its arithmetic follow.
func TestVerdictFollowsOperands(t *testing.T) {
	const (
		yes     = "consistent"
		no      = "inconsistent"
		needs   = "needs_evidence"
		neither = "not_checkable"
	)
	for _, c := range []struct {
		rule       int
		kind       string
		operands   string
		others     string
		verdict    string
		arithmetic string // a part of it
	}{
		{1, "duration", `start: "2026-03-01T10:00:00Z", end: "2026-03-01T10:10:30Z", stated_s: 600, stated_unit: min, rounding: down`, "", yes, "2026-03-01 10:10:30 - 2026-03-01 10:00:00 = 630 s = 10 min 30 s"},
		{1, "duration", `start: "2026-03-01T10:00:00Z", end: "2026-03-01T10:10:30Z", stated_s: 660, stated_unit: min, rounding: up`, "", yes, "= 630 s"},
		{1, "duration", `start: "2026-03-01T10:00:00Z", end: "2026-03-01T10:10:30Z", stated_s: 660, stated_unit: min, rounding: down`, "", no, "= 630 s"},
		{1, "duration", `start: "2026-03-01T10:00:00Z", end: "2026-03-01T13:10:30Z", stated_s: 10800, stated_unit: h`, "", yes, "3 h 10 min 30 s"},
		{1, "duration", `start: "2026-03-01T10:00:00Z", end: "2026-03-01T10:10:30Z", stated_s: 631, rounding: none`, "", no, "= 630 s"},
		{1, "duration", `tries: 4, per_try_s: 10, stated_s: 40`, "", yes, "4 * 10 = 40 s"},
		{1, "duration", `tries: 4, per_try_s: 10, stated_s: 30`, "", no, "4 * 10 = 40 s"},
		{1, "order", `instant: "2026-01-15T10:00:00Z", incident_start: "2026-01-15T14:23:01Z", incident_date: "2026-01-15"`, "", yes, "= 15781 s"},
		{1, "order", `instant: "2026-01-14T10:00:00Z", incident_start: "2026-01-15T14:23:01Z", incident_date: "2026-01-15"`, "", no, "2026-01-14 10:00:00"},

		{2, "cause", `cause_intervals: [{start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:10Z"}], effect: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, claimed_coverage: whole`, "", yes, "1389 / 1397 = 99.4 %"},
		{2, "cause", `cause_intervals: [{start: "2026-01-15T14:33:01Z", end: "2026-01-15T14:50:00Z"}], effect: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, claimed_coverage: whole`, "", no, "1397 - 797 = 600 s"},
		{2, "cause", `cause_intervals: [{start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:33:01Z"}, {start: "2026-01-15T14:30:00Z", end: "2026-01-15T14:46:18Z"}], effect: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, claimed_coverage: whole`, "", yes, "600 + 978 = 1578"},
		{2, "cause", `cause_length_s: 700, effect: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, claimed_coverage_pct: 50.1`, "", yes, "700 / 1397 = 50.1 %"},
		{2, "cause", `cause_length_s: 700, effect: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, claimed_coverage_pct: 60`, "", no, "50.1 %"},
		{2, "cause", `cause_intervals: [{start: "2026-01-15T15:00:00Z", end: "2026-01-15T15:01:00Z"}], effect: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, claimed_coverage: part`, "", no, "0 / 1397 = 0 %"},
		{2, "visibility", `window: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, possible: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:27:01Z"}, quantifier: throughout`, "", no, "240 / 1397 = 17.2 %"},
		{2, "visibility", `window: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, possible: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:27:01Z"}, quantifier: some, sample_times: ["2026-01-15T14:25:00Z"]`, "", yes, "17.2 %"},
		{2, "visibility", `window: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:46:18Z"}, possible: {start: "2026-01-15T14:23:01Z", end: "2026-01-15T14:27:01Z"}, quantifier: some, sample_times: ["2026-01-15T14:30:00Z"]`, "", no, "17.2 %"},
		{2, "cause", `pid: 12, pid_of: backend`, "", needs, ""},

		{3, "order", `cause_at: "2026-01-15T14:23:01Z", effect_at: "2026-01-15T14:23:05Z", min_delay_s: 4`, "", yes, "14:23:01 + 4 s = 14:23:05"},
		{3, "order", `cause_at: "2026-01-15T14:23:01Z", effect_at: "2026-01-15T14:23:05Z", min_delay_s: 5`, "", no, "14:23:01 + 5 s = 14:23:06"},
		{3, "order", `cause_at: "2026-01-15T14:23:01Z", effect_at: "2026-01-15T14:23:01Z", min_delay_s: 30, stamp: start`, "", yes, "14:23:31"},
		{3, "order", `cause_at: "2026-01-15T14:23:01Z", effect_at: "2026-01-15T14:23:40Z", min_delay_s: 30, before: "2026-01-15T14:23:35Z"`, "", no, ""},
		{3, "order", `cause_at: "2026-01-15T14:23:01Z", effect_at: "2026-01-15T14:22:40Z"`, "", no, "14:23:01 - 14:22:40 = 21 s"},
		{3, "order", `first: payment.createIntent, then: inventory.reserve, by: code`, "", no, "step 3 after step 2"},
		{3, "order", `first: a, then: b, by: code, steps: [a, x, b]`, "", yes, "step 1 before step 3"},
		{3, "order", `first: a, then: b, by: code`, "", needs, ""},

		{4, "rate", `capacity: 50, fill_s: 10, implied_rate_per_s: 5`, "", yes, "50 / 10 = 5 calls/s"},
		{4, "rate", `capacity: 50, fill_s: 10, implied_rate_per_s: 4`, "", no, "50 / 10 = 5 calls/s"},
		{4, "rate", `capacity: 50, fill_s: 10, needs_hold_at_least_s: 9`, "", no, ""},
		{4, "rate", `rate_per_s: 5, hold_s: 20, capacity: 50, fill_s: 10`, "", yes, "5 * 20 = 100"},
		{4, "rate", `rate_per_s: 5, hold_s: 8, capacity: 50, fill_s: 10`, "", no, "5 * 8 = 40; 50 / 8 = 6.25"},
		{4, "rate", `rate_per_s: 20, hold_s: 8, capacity: 50, claimed: not_full`, "", no, "20 * 8 = 160; 160 > 50"},
		{4, "rate", `rate_per_s: 2, hold_s: 8, capacity: 50, claimed: full`, "", no, "2 * 8 = 16; 16 < 50"},
		{4, "rate", `rate_per_s: 2, try_offsets_s: [0, 5], at_s: 20, stated_calls: 70`, "", yes, "2 * (20 + 15) = 70"},
		{4, "rate", `rate_per_s: 2, try_offsets_s: [0, 5], at_s: 20, stated_calls: 99`, "", no, "= 70"},
		{4, "order", `cause_at: "2026-01-15T14:23:01Z", effect_at: "2026-01-15T14:24:01Z", capacity: 100`, "rate_per_s: 0.94, try_offsets_s: [0, 10, 20]", no, "(100 / 0.94 + 30) / 3 = 45.5"},
		{4, "rate", `timeout_s: 5, reset_s: 30, lock_s: 120, opens_at_s: 10, claimed_failed_probes: 3`, "", yes, "10 + 30 + 2 * 35 = 110"},
		{4, "rate", `timeout_s: 5, reset_s: 30, lock_s: 240, opens_at_s: 10, claimed_failed_probes: 7`, "", no, "10 + 30 + 6 * 35 = 250"},
		{4, "rate", `timeout_s: 5, reset_s: 10, lock_s: 240, opens_at_s: 10, claimed_failed_probes: 6`, "", no, "240 / 15 = 16"},

		{5, "rate", `relation: same_stream, observations: [{count: 100, window_s: 50}, {count: 210, window_s: 100}]`, "", yes, "2.1 / 2 = 1.05"},
		{5, "rate", `relation: same_stream, tolerance_ratio: 1.02, observations: [{count: 100, window_s: 50}, {count: 210, window_s: 100}]`, "", no, "2.1 / 2 = 1.05"},
		{5, "rate", `relation: same_stream, observations: [{count: 100, window_s: 50}, {rate_per_s: 4}]`, "", no, "4 / 2 = 2; 4 * 50 = 200"},
		{5, "rate", `count: 100, window_s: 50, stated_rate_per_s: 2`, "", yes, "100 / 50 = 2"},
		{5, "rate", `count: 100, window_s: 50, stated_rate_per_s: 3`, "", no, "100 / 50 = 2"},
		{5, "count", `stated_min: 1000, rate_per_s: 2, window_s: 600`, "", yes, "1000 / 2 = 500 s"},
		{5, "count", `stated_min: 1000, rate_per_s: 1, window_s: 600`, "", no, "1000 / 1 = 1000 s"},
		{5, "count", `stated_min: 1000, rate_per_s: 1, forecast: true`, "", neither, ""},
		{5, "count", `rate_per_s: 2, window_s: 100, stated_max: 150`, "", no, "2 * 100 = 200; 200 > 150"},

		{6, "bound", `bounds: [{value_s: 10}, {value_s: 10}]`, "", yes, "10 s = 10 s"},
		{6, "bound", `bounds: [{value_s: 10}, {value_s: 20}]`, "", no, "10 s < 20 s"},
		{6, "bound", `relation: different_layers, bounds: [{unbounded: true, layer: a}, {value_s: 20, layer: b}]`, "", yes, "20 s < no end"},
		{6, "bound", `relation: different_layers, bounds: [{unbounded: true, layer: a}, {value_s: 20, layer: a}]`, "", no, "20 s < no end"},
		{6, "bound", `stated_max_s: 30, cause_length_s: 20, uncapped: true`, "", yes, ""},
		{6, "bound", `stated_max_s: 30, cause_length_s: 90, uncapped: true`, "", no, "90 - 30 = 60 s"},

		{7, "lock", `held_mode: ACCESS EXCLUSIVE, wanted: [{statement: SELECT, mode: ACCESS SHARE}], claimed: blocked`, "", yes, "ACCESS EXCLUSIVE x ACCESS SHARE = conflict"},
		{7, "lock", `held_mode: SHARE, wanted: [{statement: INSERT, mode: ROW EXCLUSIVE}], claimed: not_blocked`, "", no, "SHARE x ROW EXCLUSIVE = conflict"},
		{7, "lock", `held_mode: SHARE, wanted: [{statement: INSERT, mode: ROW SHARE}], claimed: not_blocked`, "", no, "SHARE x ROW SHARE = no conflict"},
		{7, "lock", `held_mode: SHARE UPDATE EXCLUSIVE, wanted: [{statement: VACUUM, mode: SHARE UPDATE EXCLUSIVE}], claimed: blocked`, "", yes, "= conflict"},

		{8, "count", `stated: 2, parts: [{endpoint: a, impacted: true}, {endpoint: b, impacted: true}, {endpoint: c, impacted: false}]`, "", yes, "1 + 1 + 0 = 2"},
		{8, "count", `stated: 2, parts: [{endpoint: a, impacted: true}, {endpoint: b, impacted: true}, {endpoint: c, impacted: true}]`, "", no, "1 + 1 + 1 = 3"},
		{8, "count", `stated: 100, parts: [{name: a, value: 60.5}, {name: b, value: 39.5}]`, "", yes, "60.5 + 39.5 = 100"},
		{8, "count", `stated: 100, parts: [{name: a, value: 60.5}, {name: b, value: 30}]`, "", no, "60.5 + 30 = 90.5"},
		{8, "other", `phases: 5, current: 6`, "", no, "6 of 5"},

		{9, "universal", `quantifier: all, scope: services, counterexamples: [a, b]`, "", no, "2 counterexamples"},
		{9, "universal", `quantifier: all, scope: services, counterexamples: []`, "", needs, ""},
		{9, "universal", `quantifier: none, of: 502, start: "2026-01-15T10:00:00Z", end: "2026-01-15T12:00:00Z"`, "", needs, "2 * 3600 = 7200 s"},
		{9, "universal", `quantifier: none, of: DEADLINE_EXCEEDED, cause: no_deadline_configured`, "", yes, "0 deadlines set"},
		{9, "universal", `quantifier: none, of: DEADLINE_EXCEEDED, cause: unknown`, "", needs, ""},
		{9, "universal", `quantifier: all, of: failed, scope: x, stated_share: 0.9`, "count: 30, window_s: 1397", no, "30 failed; total not stated"},
		{9, "universal", `quantifier: all, of: failed, scope: x, total: 40`, "count: 30, window_s: 1397", no, "30 failed; total 40"},
		{9, "universal", `quantifier: none, of: intents, orphan_reservations: 120`, "capacity: 100", no, "120 orphans of 100 places"},

		{10, "status", `claims: [{words: timed out}, {status: 504}]`, "", yes, "1 status"},
		{10, "status", `claims: [{words: timed out}, {status: 502}]`, "", no, "2 statuses for 1 answer"},
		{10, "status", `status: 502, claims: [{words: temporarily unavailable}]`, "", no, "2 statuses"},

		{11, "capacity", `waiting: 196, holders: 1, max_connections: 200, reserved: 3`, "", yes, "197 <= 197"},
		{11, "capacity", `waiting: 197, holders: 1, max_connections: 200, reserved: 3`, "", no, "198 > 197"},
		{11, "capacity", `waiting: 90, holders: 1, max_connections: unknown`, "", yes, "100 - 3 = 97"},
		{11, "capacity", `waiting: 100, holders: 1, max_connections: unknown, reserved: 10`, "", needs, "100 - 10 = 90"},

		{12, "independence", `stated: 2, sources: [{name: a, group: g}, {name: b, group: h}]`, "", yes, "1 + 1 = 2"},
		{12, "independence", `stated: 3, sources: [{name: a, group: g}, {name: b, group: h}]`, "", no, "1 + 1 = 2"},
		{12, "independence", `stated: 2, sources: [{name: a, group: g}, {name: b, group: g}]`, "", no, "1 = 1"},

		{13, "config", `library: grpc, option: idle_timeout, stated_s: 1800`, "", yes, "30 * 60 = 1800 s against 1800 s"},
		{13, "config", `library: grpc, option: idle_timeout, stated_s: 1800, relation: ends_running_call`, "", no, ""},
		{13, "config", `library: grpc, option: idle_timeout, stated_s: 60`, "", no, "against 60 s"},
		{13, "config", `option: grpc.max_concurrent_streams, side_set: server, claimed_effect: stream_limit`, "", yes, ""},
		{13, "config", `option: grpc.max_concurrent_streams, side_set: client, claimed_effect: stream_limit`, "", no, ""},
		{13, "config", `language: TypeScript, construct: await, claimed_effect: promise_pending`, "", yes, ""},
		{13, "config", `language: Java, construct: get, claimed_effect: thread_held, actual_effect: thread_held`, "", yes, ""},
		{13, "config", `library: grpc-js, option: deadline, code: absolute, wire: absolute`, "", no, ""},
		{13, "config", `library: opossum, errorThresholdPercentage: 50, volume_threshold: 3, failing_calls: 3, claimed_open_at: 3`, "", yes, "3 / 3 = 100 %; 100 > 50"},
		{13, "config", `library: opossum, errorThresholdPercentage: 50, volume_threshold: 8, failing_calls: 5, claimed_open_at: 5`, "", no, "5 < 8"},
		{13, "config", `library: opossum, errorThresholdPercentage: 100, failing_calls: 5, claimed_open_at: 1`, "", no, "100 = 100"},
		{13, "config", `library: opossum, volume_threshold: 3, failing_calls: 3, claimed_open_at: 3, test_option: errorThreshold`, "", no, ""},
		{13, "config", `stated_attempts: 2, per_try_s: 5, total_s: 10, shown_in_code: true`, "", yes, "2 * 5 = 10 s"},
		{13, "config", `stated_attempts: 2, per_try_s: 5, total_s: 15`, "", no, "2 * 5 = 10 s"},
		{13, "config", `now: 1, planned: all, relation: same_time`, "", no, ""},
		{13, "config", `state_scope: process, shared_state: true`, "", no, ""},
		{13, "config", `call: f, claimed: missing, in_code: missing`, "", yes, "0 callbacks shown"},
		{13, "config", `value_s: 90, idle_drop_s: 60`, "", no, "90 > 60"},
		{13, "config", `value_s: 20, idle_drop_s: 60, server_min_time_s: 300`, "", no, "20 < 300"},

		{14, "visibility", `value_s: 10, recorded: at_end, recorder: client, hang_began: "2026-01-15T14:00:00Z", first_possible_sample: "2026-01-15T14:00:10Z"`, "", yes, "14:00:00 + 10 s = 14:00:10"},
		{14, "visibility", `value_s: 10, recorded: at_end, recorder: client, hang_began: "2026-01-15T14:00:00Z", first_possible_sample: "2026-01-15T14:00:09Z"`, "", no, "14:00:10"},
		{14, "visibility", `value_s: 10, recorded: at_end, hang_began: "2026-01-15T14:00:00Z"`, "", needs, ""},
		{14, "visibility", `value_s: 10, recorded: at_start, hang_began: "2026-01-15T14:00:00Z"`, "", no, ""},

		{15, "config", `value_s: 2, value_ms: 2000`, "", yes, "2000 / 1000 = 2 s"},
		{15, "config", `value_s: 2, value_ms: 200`, "", no, "200 / 1000 = 0.2 s"},
		{15, "config", `library: opossum, value_s: 10`, "", yes, "10000 / 1000 = 10 s"},
		{15, "duration", `stated_s: 7`, "", yes, "7 * 1000 = 7000 ms"},
	} {
		r := verdictOf(t, c.rule, c.kind, c.operands, c.others)
		got := strings.Join(r.Arithmetic, "; ")
		if r.Verdict.String() != c.verdict || !strings.Contains(got, c.arithmetic) {
			t.Errorf("rule %d of {%s}: %s (%s; %s), want %s with %q", c.rule, c.operands, r.Verdict, got, r.Why, c.verdict, c.arithmetic)
		}
	}
}

// Texts and ids decide nothing: the same operands under other names give the same.
func TestOnlyOperandsCount(t *testing.T) {
	for _, name := range []string{"inc-2847.yaml", "corrected-twin.yaml"} {
		doc := load(t, name)
		want := claims.Check(doc, nil)
		for i := range doc.Claims {
			c := &doc.Claims[i]
			c.ID, c.Text = "other-"+c.ID, "said otherwise"
			c.Expect, c.ExpectWithEvidence = nil, ""
			for j, l := range c.Links {
				c.Links[j] = "other-" + l
			}
		}
		for i, r := range claims.Check(doc, nil).Claims {
			w := want.Claims[i]
			if r.Verdict != w.Verdict || strings.Join(r.Arithmetic, ";") != strings.Join(w.Arithmetic, ";") || r.Why != w.Why {
				t.Errorf("%s: %s under another name is %s %q", name, w.ID, r.Verdict, r.Arithmetic)
			}
		}
	}
}

// Without the key rules all rules may speak, and none says anything else of the
// bundled claims than those that they name.
func TestRulesFindTheirClaims(t *testing.T) {
	for _, name := range []string{"inc-2847.yaml", "corrected-twin.yaml"} {
		doc := load(t, name)
		want := claims.Check(doc, nil)
		for i := range doc.Claims {
			doc.Claims[i].Rules = nil
		}
		for i, r := range claims.Check(doc, nil).Claims {
			if w := want.Claims[i]; r.Verdict != w.Verdict {
				t.Errorf("%s %s: %s by rules %v, want %s by %v", name, r.ID, r.Verdict, r.Rules, w.Verdict, w.Rules)
			}
		}
	}
}
