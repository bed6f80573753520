package compare

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"tripcurve/internal/export"
	"tripcurve/sim"
	"tripcurve/sim/compare"
	"tripcurve/sim/output"
	"tripcurve/sim/scenario"
)

// night is a few remedies of a short night, over five runs each: the flow is dropped
// after 20 s and the order service restarted after 90.
var night = sync.OnceValues(func() (*compare.Comparison, error) {
	sc := scenario.INC2847()
	sc.Length = 2 * time.Minute
	sc.Checkouts = sim.Ramp{From: 3, To: 3}
	sc.World.PoolSize, sc.World.StreamQuota, sc.World.IdleDrop = 20, 20, 15*time.Second
	lock, _ := trigger(sc)
	lock.At, lock.Hold = 20*time.Second, 35*time.Second
	sc.Faults = []sim.Fault{lock, sim.RestartService{At: 90 * time.Second, Service: "order"}}
	var rs []compare.Remedy
	for _, name := range []string{"deadline", "retries", "breaker", "concurrently"} {
		r, _ := compare.ByName(name)
		rs = append(rs, r)
	}
	return compare.Run(context.Background(), sc, rs, compare.Options{Seeds: 5, Workers: 2})
})

func report(t *testing.T) Report {
	t.Helper()
	c, err := night()
	if err != nil {
		t.Fatal(err)
	}
	return New(c)
}

func TestJSON(t *testing.T) {
	data, err := report(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema   string
		Incident Window
		Trigger  *Window
		Remedies []struct {
			Name     string
			Measures map[string]struct {
				Mean, P5, P95 *float64
				Vs            Difference `json:"vs_today"`
			}
			Recovery Recovery
			Opening  *Opening
			Waits    Waits `json:"waits_over_time"`
			Traps    []Trap
			Says     string
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "tripcurve.compare/1" || len(got.Remedies) != 5 || got.Remedies[0].Name != "today" {
		t.Fatalf("schema %s, %d remedies", got.Schema, len(got.Remedies))
	}
	if w := (Window{"2026-01-15T14:18:20Z", "2026-01-15T14:18:55Z"}); got.Trigger == nil || *got.Trigger != w || got.Incident.To != "2026-01-15T14:19:30Z" {
		t.Errorf("trigger %v, incident %v", got.Trigger, got.Incident)
	}
	for _, r := range got.Remedies {
		var fell []string
		for _, trap := range r.Traps {
			fell = append(fell, trap.ID)
			if trap.Runs != 5 || trap.Run != 1 || !strings.Contains(r.Says, trap.Text) {
				t.Errorf("%s: trap %+v, says %q", r.Name, trap, r.Says)
			}
		}
		want := ""
		if r.Name == "breaker" { // open for 30 s, and flows idle for 15 s are dropped
			want = "open_past_idle streams_kept"
		}
		if got := strings.Join(fell, " "); r.Traps == nil || got != want {
			t.Errorf("%s: traps %q, expected %q", r.Name, got, want)
		}
		if len(r.Measures) != len(compare.Measures()) || r.Says == "" || (r.Opening != nil) != (r.Name == "breaker") {
			t.Errorf("%s: %d measures, says %q, opening %v", r.Name, len(r.Measures), r.Says, r.Opening)
		}
		for name, m := range r.Measures {
			if m.Mean == nil || m.P5 == nil || m.P95 == nil || *m.P5 > *m.P95 || *m.Mean > *m.P95 && *m.P5 == *m.P95 || m.Vs.Lo == nil || *m.Vs.Lo > *m.Vs.Hi {
				t.Errorf("%s: %s: %+v", r.Name, name, m)
			}
		}
		if r.Waits.Step != 10 || len(r.Waits.P50) != 12 {
			t.Errorf("%s: %d waits each %g s", r.Name, len(r.Waits.P50), r.Waits.Step)
		}
	}
	// What only the restart ended is not a recovery.
	if r := got.Remedies[0].Recovery; r.Failed != 5 || r.Censored != 5 || r.Restarted != 5 || *r.Watched != 35 || r.Median.Value != nil || *r.Share.Value != 0 {
		t.Errorf("today: %+v", r)
	}
	if r := got.Remedies[1].Recovery; r.Censored != 0 || r.Median.Value == nil || r.Watched != nil {
		t.Errorf("deadline: %+v", r)
	}
	if r := got.Remedies[4].Recovery; r.Failed != 0 || r.Share.Value != nil {
		t.Errorf("concurrently: %+v", r)
	}
}

func TestText(t *testing.T) {
	rep := report(t)
	text := rep.Text()
	for _, line := range strings.Split(text, "\n") {
		if utf8.RuneCountInString(line) > export.Columns {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	for _, want := range []string{
		"5 remedies, 5 runs each", "by restart", "no failure", "nothing but the restart ends it",
		"concurrently prevents this incident", "under: breaker (in 0 of 5).",
		"- retries: 3 attempts with backoff", "Assumed, for nobody measured",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	md := rep.Markdown()
	for _, want := range []string{"# Remedies of inc-2847", "<!-- tripcurve.compare/1 -->", "| deadline | ", "|---|---:|", "## What it says"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in:\n%s", want, md)
		}
	}
}

func TestCSV(t *testing.T) {
	data, err := report(t).CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// The head, the measures and the recovery of each, one opening.
	if want := 1 + 5*(len(compare.Measures())+1) + 1; len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	if !strings.Contains(string(data), "\ntoday,recovery_s,median,,,,,,,,5,5\n") {
		t.Errorf("no recovery of today that is cut off in:\n%s", data)
	}
}

// Where nothing is wrong there is nothing to remedy, and two runs are too few to say
// much.
func TestNothingWrongAndTooFew(t *testing.T) {
	sc := scenario.Healthy()
	sc.Length = 20 * time.Second
	deadline, _ := compare.ByName("deadline")
	c, err := compare.Run(context.Background(), sc, []compare.Remedy{deadline}, compare.Options{Seeds: 2, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	rep := New(c)
	if rep.Trigger != nil || !strings.Contains(rep.Text(), "there is nothing to remedy") || rep.Remedies[0].Says != "Nothing fails." {
		t.Errorf("%+v", rep.Remedies[0])
	}
	full, err := night()
	if err != nil {
		t.Fatal(err)
	}
	few := *full
	few.Rows = nil
	for _, r := range full.Rows[:2] {
		for i := range r.Figures {
			f := r.Figures[i]
			f.Values = []float64{f.Values[0], 3 * f.Values[1]}
			r.Figures = append(r.Figures[:i:i], append([]compare.Figure{f}, r.Figures[i+1:]...)...)
		}
		few.Rows = append(few.Rows, r)
	}
	if got := strings.Join(says(&few), "\n"); !strings.Contains(got, "too few to say it of: deadline") {
		t.Errorf("two runs that lie far apart say:\n%s", got)
	}
}

func TestMeasured(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "s", "0 s"},
		{0.0164, "s", "16 ms"},
		{0.96, "s", "1 s"},
		{17.86, "s", "17.9 s"},
		{1395.6, "s", "1,396 s"},
		{0, "", "0"},
		{0.04, "", "0.04"},
		{213.2, "", "213"},
		{-1039.4, "", "-1,039"},
	} {
		if got := measured(c.v, c.unit); got != c.want {
			t.Errorf("%g %s is told as %q, want %q", c.v, c.unit, got, c.want)
		}
	}
	if got := between(238.8, 255.1, "s"); got != "239 to 255 s" {
		t.Error(got)
	}
	if got := between(239.1, 239.2, "s"); got != "239 s" {
		t.Error(got)
	}
	if until(math.Inf(1)) != "never" {
		t.Error("what never happens")
	}
}

func TestDeferred(t *testing.T) {
	full, err := night()
	if err != nil {
		t.Fatal(err)
	}
	c := *full
	row := c.Rows[4] // under which none fails
	row.Remedy = compare.Remedy{Name: "async", Defers: true}
	row.Queue, row.Figures = true, slices.Clone(row.Figures)
	for i, m := range compare.Measures() {
		switch m.Name {
		case "backlog":
			row.Figures[i] = compare.Figure{Mean: 1261, P5: 1204, P95: 1313}
		case "no_way_back_s":
			row.Figures[i] = compare.Figure{Mean: 1409}
		case "undone":
			row.Figures[i] = compare.Figure{Mean: 2}
		}
	}
	until := func(seconds float64, censored ...bool) output.Survival {
		var cases []output.Until
		for _, cut := range censored {
			cases = append(cases, output.Until{Seconds: seconds, Censored: cut})
		}
		return output.Survive(cases)
	}
	for _, want := range []struct {
		drain output.Survival
		text  string
	}{
		{until(1157, true, true), "nothing but the restart drains them; for 1,409 s there is no way back to synchronous checkouts without a drain; 2 accepted orders come to nothing."},
		{until(265, false, false, true), "they are drained 265 s after the trigger's end in half of the runs"},
		{until(265, false, true, true), "they are drained without a restart in 1 of 3 runs"},
	} {
		row.Drain = want.drain
		c.Rows = []compare.Row{c.Rows[0], row}
		rep := New(&c)
		if got := rep.Remedies[1].Says; !strings.HasPrefix(got, "No checkout fails, for the answer comes before the work: up to 1,261 orders wait, and ") || !strings.Contains(got, want.text) {
			t.Errorf("%q, want %q", got, want.text)
		}
		if d := rep.Remedies[1].Drain; d == nil || d.Runs != want.drain.Cases || d.Censored != want.drain.Censored {
			t.Errorf("drain %+v", d)
		}
		if text := rep.Text(); !strings.Contains(text, "\nThe queue\n") || !strings.Contains(text, "takes the customers out of the incident") {
			t.Error(text)
		}
	}
	if rep := New(full); rep.Remedies[1].Drain != nil {
		t.Error("a remedy without a queue has a backlog that drains")
	}
}
