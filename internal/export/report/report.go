// Package report writes what the analysis of an incident found: as plain text of
// 80 columns, as Markdown and as JSON. All three say the same, and the same
// evidence gives the same bytes.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"tripcurve/internal/diagnose"
	"tripcurve/internal/export"
	"tripcurve/internal/export/timeline"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.analysis/1"

// Options of a report. The zero value redacts.
type Options struct {
	Name        string // of the incident
	Unredacted  bool
	Redaction   redact.Options
	GeneratedAt time.Time // zero: not stated
	// Counterfactual, where it was run; may be nil.
	Counterfactual *diagnose.Counterfactual
}

// Report is an analysis ready to be written. What did not happen or is not
// known is null; lists are never null.
type Report struct {
	Schema      string             `json:"schema"`
	Incident    string             `json:"incident"`
	GeneratedAt *string            `json:"generated_at,omitempty"`
	Redaction   timeline.Redaction `json:"redaction"`

	Sentence   string           `json:"sentence"`
	Confidence string           `json:"confidence"`
	Proof      []string         `json:"proof"`
	Evidence   *Window          `json:"evidence"` // what the sources cover
	Impact     *Window          `json:"impact"`
	Coverage   *float64         `json:"coverage"` // share of the impact that triggers cover, 0..1
	CoveredS   *float64         `json:"covered_s"`
	RemainderS *float64         `json:"remainder_s"`
	Remainder  []Remainder      `json:"remainder"`
	Findings   []Finding        `json:"findings"`
	Endpoints  []Endpoint       `json:"endpoints"`
	Upstreams  []Upstream       `json:"upstreams"` // empty where the logs name none
	Extent     Extent           `json:"extent"`
	Onset      *Onset           `json:"onset"`      // null when nobody failed or waits longer
	Components []Component      `json:"components"` // slower since the onset, by what is their own
	Gaps       []Gap            `json:"gaps"`       // between the two ends of a call
	Timeline   []timeline.Entry `json:"timeline"`
	Sources    []Source         `json:"sources"`
	Checked    []string         `json:"checked"`
	First      *FirstFailure    `json:"first_failure"`
	Checks     []Check          `json:"checks"` // by rule: found innocent, or not decided
	ReadHangs  []ReadHang       `json:"read_hangs"`

	Counterfactual *Counterfactual `json:"counterfactual"` // null: it was not run

	analysis incident.Analysis
}

// Window is half open; its ends are rounded outwards to the millisecond.
type Window struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	DurationS float64 `json:"duration_s"`
}

// Remainder is a part of the impact that no trigger covers.
type Remainder struct {
	Window
	Explanation string   `json:"explanation"` // empty: unexplained
	Detail      []string `json:"detail"`
	Support     []string `json:"support"`
}

// Finding is one sentence and its proof.
type Finding struct {
	ID         string   `json:"id"`
	Role       string   `json:"role"`
	Cause      string   `json:"cause"`
	Claim      string   `json:"claim"`
	Detail     []string `json:"detail"`
	Action     string   `json:"action"`
	Window     *Window  `json:"window"`
	Confidence string   `json:"confidence"`
	Groups     []string `json:"groups"` // of independent sources
	Coverage   *float64 `json:"coverage"`
	Support    []string `json:"support"`
	Against    []string `json:"against"`
	Subject    Subject  `json:"subject"`
}

// Subject is what a finding is about; what does not apply is empty.
type Subject struct {
	PID      int    `json:"pid,omitempty"`
	Relation string `json:"relation,omitempty"`
	Mode     string `json:"mode,omitempty"`
	Waiters  int    `json:"waiters,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Edge     string `json:"edge,omitempty"`
	Pool     string `json:"pool,omitempty"`
}

// Endpoint is the impact on one endpoint.
type Endpoint struct {
	Method       string    `json:"method"`
	Route        string    `json:"route"`
	Effect       string    `json:"effect"` // down, failing, slower, no traffic, unaffected
	Says         string    `json:"says"`
	Requests     int64     `json:"requests"` // in the impact window, by start
	Failed       int64     `json:"failed"`
	FailedShare  *float64  `json:"failed_share"` // 0..1; null without requests
	Before       Counts    `json:"before"`
	During       Counts    `json:"during"`
	After        Counts    `json:"after"`
	FirstFailed  *string   `json:"first_failed"` // start of the first
	LastFailed   *string   `json:"last_failed"`  // end of the last
	Recovered    *string   `json:"recovered"`
	P50Before    *Quantile `json:"p50_before"`
	P99Before    *Quantile `json:"p99_before"`
	P50During    *Quantile `json:"p50_during"`
	P99During    *Quantile `json:"p99_during"`
	P50After     *Quantile `json:"p50_after"`
	P99After     *Quantile `json:"p99_after"`
	NoneWell     *Window   `json:"none_answered_well"`
	Vanished     bool      `json:"vanished"`
	VanishedFrom *string   `json:"vanished_from"`
	CountedByEnd bool      `json:"counted_by_end"` // the log has no durations, so starts are not known
}

// FirstFailure is the earliest degraded call.
type FirstFailure struct {
	Method  string   `json:"method"`
	Route   string   `json:"route"`
	At      string   `json:"at"`
	WithinS float64  `json:"within_s"` // it may be so much later
	Support []string `json:"support"`
}

// Check is what a rule looked at and found innocent, or why it could not decide.
type Check struct {
	Rule     string   `json:"rule"`
	Innocent bool     `json:"innocent"` // false: not decided, for want of a source
	Why      string   `json:"why"`
	Support  []string `json:"support"`
}

// ReadHang is why the reads of an endpoint failed under a lock.
type ReadHang struct {
	Endpoint string   `json:"endpoint"`
	Why      string   `json:"why"`
	Finding  string   `json:"finding"` // the lock's
	Text     string   `json:"text"`
	Support  []string `json:"support"`
}

// Counts of requests; by status code as sent to clients.
type Counts struct {
	Requests int64            `json:"requests"`
	Failed   int64            `json:"failed"`
	Share    *float64         `json:"failed_share"` // 0..1; null without requests
	Statuses map[string]int64 `json:"statuses"`     // "0" is an answer that was never sent
}

// Quantile is an interval; its upper end is null when it is open.
type Quantile struct {
	LoS float64  `json:"lo_s"`
	HiS *float64 `json:"hi_s"`
}

// Source is how one source did.
type Source struct {
	Name   string  `json:"name"`
	Group  string  `json:"group"`
	State  string  `json:"state"`
	LastAt *string `json:"last_at"`
	Detail string  `json:"detail"`
}

// New makes the report. v may be nil when there is no evidence.
func New(v *incident.View, a incident.Analysis, opt Options) Report {
	r := redact.New(opt.Redaction)
	foreign := func(s string) string { return redact.Flat(r.Text(s)) }
	ours := func(s string) string { return redact.Flat(r.Prose(s)) }
	if opt.Unredacted {
		foreign, ours = redact.Flat, redact.Flat
	}
	rep := Report{
		Schema: Schema, Incident: ours(opt.Name), GeneratedAt: export.Instant(opt.GeneratedAt),
		Sentence: foreign(a.Sentence), Confidence: a.Confidence.String(), Proof: each(a.Proof, foreign),
		Impact: window(a.Impact), Remainder: []Remainder{}, Findings: []Finding{}, Endpoints: []Endpoint{}, Upstreams: []Upstream{},
		Sources: []Source{}, Checked: each(a.Checked, foreign), analysis: a,
	}
	if rep.Impact != nil {
		covered := a.Coverage * a.Impact.Length().Seconds()
		rep.Coverage = share(a.Coverage)
		rep.CoveredS, rep.RemainderS = number(covered), number(a.Impact.Length().Seconds()-covered)
	}
	for _, m := range a.Remainder {
		rep.Remainder = append(rep.Remainder, Remainder{*window(m.Window), foreign(m.Explanation), each(m.Detail, foreign), ids(m.Support, foreign)})
	}
	rep.Checks, rep.ReadHangs = checks(a.Checks, foreign), readHangs(a.ReadHangs, foreign)
	if x := a.First; !x.At.IsZero() {
		rep.First = &FirstFailure{foreign(x.Endpoint.Method), foreign(x.Endpoint.Route), *export.Instant(x.At), export.Seconds(x.Within), ids(x.Support, foreign)}
	}
	for _, f := range a.Findings {
		rep.Findings = append(rep.Findings, finding(f, foreign, ours))
	}
	for _, e := range a.Endpoints {
		rep.Endpoints = append(rep.Endpoints, endpoint(e, foreign))
	}
	rep.Extent = extent(a.Extent, foreign, ours)
	rep.Onset = newOnset(a.Onset, foreign)
	rep.Components, rep.Gaps = newComponents(a.Components, foreign), newGaps(a.Gaps, foreign)
	rep.Counterfactual = NewCounterfactual(opt.Counterfactual, foreign)
	var get export.Lookup
	var written *incident.Writings
	if v != nil {
		get, written = v.Get, v.Written
		rep.Evidence = window(v.Window)
		rep.Upstreams = upstreams(v, a.Impact, foreign)
		for _, s := range v.Sources {
			rep.Sources = append(rep.Sources, Source{foreign(s.Name), foreign(s.Group), s.State.String(), export.Instant(s.LastAt), foreign(s.Detail)})
		}
	}
	text := r.Text
	if opt.Unredacted {
		text = func(s string) string { return s }
	}
	rep.Timeline = timeline.Entries(incident.Moments(a, written), false, get, text)
	rep.Redaction = timeline.NewRedaction(r, opt.Unredacted)
	return rep
}

func finding(f incident.Finding, foreign, ours func(string) string) Finding {
	out := Finding{
		ID: foreign(f.ID), Role: export.RoleWord(f.Role), Cause: f.Cause, Claim: foreign(f.Claim), Detail: each(f.Detail, foreign),
		Action: ours(f.Action), Window: window(f.Window), Confidence: f.Confidence.String(),
		Groups: each(f.GroupNames, foreign), Coverage: share(f.Coverage), Support: ids(f.Support, foreign), Against: ids(f.Against, foreign),
		Subject: Subject{
			PID: f.Subject.PID, Relation: foreign(f.Subject.Relation), Mode: foreign(f.Subject.Mode), Waiters: f.Subject.Waiters,
			Edge: foreign(f.Subject.Edge), Pool: foreign(f.Subject.Pool),
		},
	}
	if f.Subject.Endpoint != (incident.Endpoint{}) {
		out.Subject.Endpoint = foreign(f.Subject.Endpoint.String())
	}
	return out
}

func checks(list []incident.Check, foreign func(string) string) []Check {
	out := make([]Check, 0, len(list))
	for _, c := range list {
		out = append(out, Check{c.Rule, c.Looked, foreign(c.Why), ids(c.Support, foreign)})
	}
	return out
}

func readHangs(list []incident.ReadHang, foreign func(string) string) []ReadHang {
	out := make([]ReadHang, 0, len(list))
	for _, r := range list {
		out = append(out, ReadHang{foreign(r.Endpoint.String()), r.Why.String(), foreign(r.Finding), foreign(r.Text), ids(r.Support, foreign)})
	}
	return out
}

func endpoint(e incident.Impact, foreign func(string) string) Endpoint {
	out := Endpoint{
		Method: foreign(e.Endpoint.Method), Route: foreign(e.Endpoint.Route), Requests: e.Requests, Failed: e.Failed,
		Effect: e.Effect.String(), Says: foreign(e.Says), P50After: quantile(e.P50After), P99After: quantile(e.P99After), NoneWell: window(e.NoneWell),
		Before: counts(e.Before), During: counts(e.During), After: counts(e.After),
		FirstFailed: export.Instant(e.FirstFailed), LastFailed: export.Instant(e.LastFailed), Recovered: export.Instant(e.Recovered),
		P50Before: quantile(e.P50Before), P99Before: quantile(e.P99Before), P50During: quantile(e.P50During), P99During: quantile(e.P99During),
		Vanished: e.Vanished, VanishedFrom: export.Instant(e.VanishedFrom), CountedByEnd: e.ByEnd,
	}
	if e.Requests > 0 {
		out.FailedShare = share(float64(e.Failed) / float64(e.Requests))
	}
	return out
}

func counts(c incident.Counts) Counts {
	out := Counts{Requests: c.Requests, Failed: c.Failed, Statuses: map[string]int64{}}
	if v, ok := c.Share(); ok {
		out.Share = share(v)
	}
	for _, status := range slices.Sorted(maps.Keys(c.Statuses)) {
		out.Statuses[strconv.Itoa(status)] = c.Statuses[status]
	}
	return out
}

func window(w incident.Window) *Window {
	if w.From.IsZero() { // of no evidence at all
		return nil
	}
	w.From, w.To = w.From.Truncate(time.Millisecond), up(w.To, time.Millisecond)
	return &Window{From: *export.Instant(w.From), To: *export.Instant(w.To), DurationS: export.Seconds(w.Length())}
}

// up is the next whole unit, or t when it is whole.
func up(t time.Time, unit time.Duration) time.Time {
	return t.Add(unit - time.Nanosecond).Truncate(unit)
}

func quantile(q incident.Quantile) *Quantile {
	if q == (incident.Quantile{}) {
		return nil
	}
	out := &Quantile{LoS: export.Seconds(q.Lo)}
	if !q.Capped {
		hi := export.Seconds(q.Hi)
		out.HiS = &hi
	}
	return out
}

// share is a ratio to four digits.
func share(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = math.Round(v*1e4) / 1e4
	return &v
}

// number is seconds to the millisecond.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = math.Round(v*1e3) / 1e3
	return &v
}

func each(list []string, f func(string) string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, f(s))
	}
	return out
}

func ids(list []incident.ID, f func(string) string) []string {
	out := make([]string, 0, len(list))
	for _, id := range list {
		out = append(out, f(string(id)))
	}
	return out
}

// JSON is the report with a fixed order of keys.
func (rep Report) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(rep); err != nil {
		return nil, fmt.Errorf("analysis as JSON: %w", err)
	}
	return b.Bytes(), nil
}
