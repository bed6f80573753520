package simulation

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/output"
)

// nights are runs in which 100, 200, ... orders failed, each recovered a minute
// later than the one before; the last ones never did.
func nights(n, never int) (rs []*sim.Result) {
	for i := range n {
		r := night()
		r.Start, r.Length = at("14:18:00.000"), 34*time.Minute
		r.Started = make([]int, 34*60)
		r.Orders.Failed = 100 * (i + 1)
		r.RecoveredAt = r.LockTo.Add(time.Duration(i+1) * time.Minute)
		if i >= n-never {
			r.RecoveredAt = time.Time{}
		}
		rs = append(rs, r)
	}
	return rs
}

func TestReplicationsCountWhatNeverRecovered(t *testing.T) {
	o := New(night(), nights(10, 6), output.Budget).Replications
	r := o.Recovery
	if o.Runs != 10 || o.Stopped != "budget" || r.Failed != 10 || r.Censored != 6 || *r.WatchedS != 1499 {
		t.Errorf("%+v", o)
	}
	if r.MedianS.Value != nil || r.MedianS.Hi != nil || *r.Recovered.Value != 0.4 {
		t.Errorf("four of ten recovered, and the median is %+v of %+v", r.MedianS, r.Recovered)
	}
	// Student's t: 550 +- 2.262 * 302.765 / sqrt(10).
	m := o.measure("orders_failed")
	if *m.Value != 550 || *m.Lo != 333.415 || *m.Hi != 766.585 || m.Min != 100 || m.Max != 1000 || m.P5 != 100 || m.P95 != 1000 {
		t.Errorf("orders failed: %+v %v %v", m, *m.Lo, *m.Hi)
	}
	var out strings.Builder
	if err := o.text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Over 10 other seeds; that was all there was to spend, and the precision asked for was not reached",
		"333.4 to 766.6", "100 to 1,000",
		"4 of the 10 in which checkouts failed recovered (17 to 69 %); half of them had not within the 1,499 s that they were watched.",
	} {
		if !strings.Contains(flat(out.String()), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestReplicationsThatRecover(t *testing.T) {
	o := New(night(), nights(20, 0), output.GoOn).Replications
	if r := o.Recovery; *r.MedianS.Value != 600 || *r.Recovered.Value != 1 || *r.P95S.Value != 1140 || r.WatchedS != nil || o.Stopped != "asked" {
		t.Errorf("%+v", r)
	}
	var out strings.Builder
	if err := o.text(&out); err != nil {
		t.Fatal(err)
	}
	if want := "20 of the 20 in which checkouts failed recovered (84 to 100 %), half of them within 600 s of the trigger's end"; !strings.Contains(flat(out.String()), want) {
		t.Errorf("no %q in:\n%s", want, out.String())
	}
}

// One run sets no bounds: null, not a number.
func TestOneReplication(t *testing.T) {
	b, err := json.Marshal(New(night(), nights(1, 0), output.GoOn).Replications)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"name":"orders_failed","of":"mean","value":100,"lo":null,"hi":null,`; !strings.Contains(string(b), want) {
		t.Errorf("no %s in %s", want, b)
	}
	if New(night(), nil, output.GoOn).Replications != nil {
		t.Error("no runs have replications")
	}
}

func TestHealthyReplications(t *testing.T) {
	rs := nights(60, 0)
	for _, r := range rs {
		r.Orders = sim.Orders{Started: 1800, Served: 1800}
	}
	var out strings.Builder
	if err := New(night(), rs, output.GoOn).Replications.text(&out); err != nil {
		t.Fatal(err)
	}
	if want := "No checkout failed in any; at 95 % that rules out more than 5 % of such runs."; !strings.Contains(flat(out.String()), want) {
		t.Errorf("no %q in:\n%s", want, out.String())
	}
	out.Reset()
	if err := New(night(), rs[:3], output.GoOn).Replications.text(&out); err != nil {
		t.Fatal(err)
	}
	if want := "No checkout failed in any, which at 95 % rules nothing out: there are too few runs."; !strings.Contains(flat(out.String()), want) {
		t.Errorf("no %q in:\n%s", want, out.String())
	}
}

// flat is a text without its line breaks and the widths of its columns.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }
