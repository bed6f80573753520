package diagnose

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/sim"
	"tripcurve/sim/fit"
	"tripcurve/sim/pipeline"
)

func smallPipeline() *pipeline.Pipeline {
	second := sim.Dist{Shape: sim.Constant, A: time.Second}
	lock := func(table string, mode pglock.Mode) pipeline.Fault {
		return pipeline.Fault{What: pipeline.LockTable, Database: "stock.db", Table: table, Mode: mode, For: time.Minute}
	}
	return &pipeline.Pipeline{
		Name: "small", Length: time.Hour,
		Services: []pipeline.Service{
			{Name: "edge", Endpoints: []pipeline.Endpoint{{Name: "ask", Steps: []pipeline.Step{{Kind: pipeline.Call, Share: 1, To: "stock.take"}}}}},
			{Name: "stock", Pools: []pipeline.Pool{{Name: "db", Size: 10}}, Endpoints: []pipeline.Endpoint{{Name: "take", Steps: []pipeline.Step{
				{Kind: pipeline.Query, Share: 1, Pool: "db", Table: "a", Mode: pglock.RowExclusive, Time: second},
				{Kind: pipeline.Query, Share: 1, Pool: "db", Table: "b", Mode: pglock.RowExclusive, Time: second},
				{Kind: pipeline.Query, Share: 1, Pool: "db", Table: fit.GateName, Mode: pglock.AccessShare, Time: second},
			}}}},
		},
		Clients: []pipeline.Client{{Name: "c", Requests: []string{"edge.ask"}, Rate: sim.Rate{Points: []sim.RatePoint{{Per: 1}}}}},
		Faults: []pipeline.Fault{
			lock("a", pglock.Share), lock("a", pglock.AccessExclusive), lock("b", pglock.Share),
			{What: pipeline.Slow, Endpoint: "stock.take", Factor: 2, For: time.Minute},
			lock(fit.GateName, pglock.AccessExclusive),
			{What: pipeline.Traffic, Client: "c", Factor: 2, For: time.Minute},
		},
	}
}

// What a finding names is not in the pipeline any more, all else is, and the pipeline
// that it was made of is as it was.
func TestLeaveOutOfAPipeline(t *testing.T) {
	if err := pipeline.Check(smallPipeline()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cause   string
		subject incident.Subject
		left    string // or, after "!", why not
		faults  string // that are left, by their index
	}{
		{"lock_root", incident.Subject{Relation: "a", Mode: "SHARE"}, "without the lock on a", "12345"},
		{"queued_access_exclusive", incident.Subject{Relation: "a", Mode: "ACCESS EXCLUSIVE"}, "without the lock on a", "02345"},
		{"idle_in_transaction", incident.Subject{Relation: "a", Mode: "EXCLUSIVE"}, "without the lock on a", "2345"},
		{"lock_root", incident.Subject{Relation: "c", Mode: "SHARE"}, "!has no lock on c among its faults", ""},
		{"slow_dependency", incident.Subject{Edge: "edge.stock"}, "without the slowness", "0125"},
		{"traffic_step", incident.Subject{}, "without the traffic step", "01234"},
		{"call_without_deadline", incident.Subject{Edge: "edge.stock"}, "with a deadline of 5 s on edge.stock", "012345"},
		{"call_without_deadline", incident.Subject{Edge: "stock.edge"}, "!has no edge stock.edge", ""},
		{"no_keepalive", incident.Subject{Edge: "edge.stock"}, "with keepalive every 20 s on edge.stock", "012345"},
		{"retry_amplification", incident.Subject{Edge: "edge.stock"}, "without retries on edge.stock", "012345"},
		{"pool_exhausted", incident.Subject{Pool: "stock"}, "with no bound on stock.db", "012345"},
		{"pool_exhausted", incident.Subject{Pool: "order"}, "!has no bounded pool order", ""},
		{"deploy", incident.Subject{}, "!does not say how to do without it", ""},
	} {
		p := smallPipeline()
		changed := without(p)
		left, err := changed.leaveOut(incident.Finding{Cause: c.cause, Subject: c.subject})
		if d := cmp.Diff(smallPipeline(), p); d != "" {
			t.Fatalf("%s changed the pipeline itself:\n%s", c.cause, d)
		}
		if why, not := strings.CutPrefix(c.left, "!"); not {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s %+v: %q, %v; expected %q", c.cause, c.subject, left, err, why)
			}
			continue
		}
		if err != nil || left != c.left {
			t.Errorf("%s %+v: %q, %v; expected %q", c.cause, c.subject, left, err, c.left)
			continue
		}
		var want []pipeline.Fault
		for _, i := range c.faults {
			want = append(want, smallPipeline().Faults[i-'0'])
		}
		if d := cmp.Diff(want, changed.Faults); d != "" {
			t.Errorf("%s %+v: faults\n%s", c.cause, c.subject, d)
		}
		if err := pipeline.Check(changed.Pipeline); err != nil {
			t.Errorf("%s: %v", c.cause, err)
		}
		if c.faults == "012345" && cmp.Equal(smallPipeline(), changed.Pipeline) {
			t.Errorf("%s changed nothing", c.cause)
		}
	}
}
