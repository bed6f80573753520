package cause

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

func TestMain(m *testing.M) {
	rewrite(os.Getenv("TRIPCURVE_UPDATE") == "1")
	os.Exit(m.Run())
}

// TestRules runs the scripts: evidence in, findings out.
func TestRules(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		b := newBuilder()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "evidence":
				for _, line := range strings.Split(d.Input, "\n") {
					if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
						continue
					}
					if err := b.line(line); err != nil {
						t.Fatalf("%s: %v", d.Pos, err)
					}
				}
				return ""
			case "new":
				b = newBuilder()
				return ""
			case "analyze":
				var opt Options
				if d.HasArg("at") {
					var at string
					d.ScanArgs(t, "at", &at)
					opt.At = args{kv: map[string]string{"at": at}}.at("at")
				}
				v := b.ev.Snapshot()
				a := Analyze(v, opt)
				if diff := cmp.Diff(a, Analyze(v, opt)); diff != "" {
					t.Errorf("%s: a second analysis differs: %s", d.Pos, diff)
				}
				supported(t, v, a)
				return report(a, d.HasArg("timeline"))
			}
			t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			return ""
		})
	})
}

// supported checks the rule of rules: no evidence, no sentence, and whatever is
// cited can be opened.
func supported(t *testing.T, v *incident.View, a incident.Analysis) {
	t.Helper()
	open := func(what string, ids []incident.ID, needed bool) {
		if needed && len(ids) == 0 {
			t.Errorf("%s cites nothing", what)
		}
		for _, id := range ids {
			if _, ok := v.Get(id); !ok {
				t.Errorf("%s cites %s, which cannot be opened", what, id)
			}
		}
	}
	for _, f := range a.Findings {
		open(f.ID, f.Support, true)
		open(f.ID+" against", f.Against, false)
		if f.Groups() == 0 {
			t.Errorf("%s has no group", f.ID)
		}
	}
	for _, r := range a.Remainder {
		open("remainder "+r.Explanation, r.Support, r.Explanation != "")
	}
	for _, c := range a.Checks {
		open("check of "+c.Rule+" "+c.Why, c.Support, c.Looked)
	}
	for _, r := range a.ReadHangs {
		open("read of "+r.Endpoint.String(), r.Support, true)
	}
	for _, x := range a.Endpoints {
		open(x.Endpoint.String(), x.Support, x.Failed > 0 || x.Vanished)
	}
	for _, m := range a.Derived {
		open(m.ID, m.Support, true)
	}
	if !slices.IsSortedFunc(a.Derived, func(a, b incident.Moment) int { return a.At.Compare(b.At) }) {
		t.Error("the timeline is out of order")
	}
}

func report(a incident.Analysis, timeline bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("%s", a.Sentence)
	if a.Impact == (incident.Window{}) {
		for _, line := range a.Proof {
			p("proof %s", line)
		}
	}
	if a.Impact != (incident.Window{}) {
		p("impact %s to %s, %s; %s covered", clock(a.Impact.From), clock(a.Impact.To), whole(a.Impact.Length()), percent(a.Coverage))
	}
	for _, f := range a.Findings {
		p("%s %s: %s [%s; covers %s]", strings.ToUpper(f.Confidence.String()), f.Role, f.Claim, strings.Join(f.GroupNames, ", "), percent(f.Coverage))
		for _, d := range f.Detail {
			p("  %s", d)
		}
		p("  > %s", strings.ReplaceAll(f.Action, "\n", " "))
	}
	for _, r := range a.Remainder {
		p("remainder %s to %s, %s: %s", clock(r.Window.From), clock(r.Window.To), whole(r.Window.Length()), either(r.Explanation, "unexplained"))
		for _, d := range r.Detail {
			p("  %s", d)
		}
	}
	for _, x := range a.Endpoints {
		switch {
		case !x.FirstFailed.IsZero():
			recovered := "not recovered"
			if !x.Recovered.IsZero() {
				recovered = "recovered " + clock(x.Recovered)
			}
			p("endpoint %s: %d of %d failed, %s to %s, %s", x.Endpoint, x.Failed, x.Requests, clock(x.FirstFailed), till(x.LastFailed), recovered)
		case x.Vanished:
			p("endpoint %s: vanished at %s", x.Endpoint, clock(x.VanishedFrom))
		}
	}
	for _, r := range a.ReadHangs {
		p("reads %s: %s: %s", r.Endpoint, r.Why, r.Text)
	}
	for _, c := range a.Checked {
		p("checked %s", c)
	}
	var undecided []string
	for _, c := range a.Checks {
		if c.Looked {
			p("innocent %s: %s", c.Rule, c.Why)
		} else {
			undecided = append(undecided, c.Rule)
		}
	}
	if len(undecided) > 0 {
		p("undecided %s", strings.Join(undecided, ", "))
	}
	if timeline {
		for _, m := range a.Derived {
			end := ""
			if !m.End.IsZero() {
				end = " to " + clock(m.End)
			}
			p("%s%s %s/%s: %s (%s)", clock(m.At), end, m.Lane, m.Kind, m.Text, m.SourceText)
		}
	}
	return b.String()
}

func TestEmptyEvidenceSaysNothing(t *testing.T) {
	a := Analyze(incident.NewEvidence().Snapshot(), Options{})
	if a.Sentence != "" || len(a.Findings) > 0 || len(a.Derived) > 0 {
		t.Errorf("%+v", a)
	}
}

// BenchmarkAnalyze is a whole analysis of INC-2847, ended, among 1,000 series of
// 10 min, 400 of which count the calls of 200 services.
func BenchmarkAnalyze(b *testing.B) {
	build := newBuilder()
	for _, line := range inc2847 {
		if err := build.line(line); err != nil {
			b.Fatal(err)
		}
	}
	from := day.Add(14*time.Hour + 36*time.Minute)
	for i := range 1000 {
		s := incident.Series{Name: fmt.Sprintf("metric_%d", i), Kind: incident.Gauge, Origin: incident.Origin{Group: "grpc", Name: "order"}}
		if i < 200 {
			s.Name, s.Kind = "grpc_client_started_total", incident.Counter
			s.Labels = map[string]string{"grpc_service": fmt.Sprintf("s%d.S", i), "grpc_method": "M"}
		} else if i < 400 {
			s.Name, s.Kind = "grpc_client_handled_total", incident.Counter
			s.Labels = map[string]string{"grpc_service": fmt.Sprintf("s%d.S", i-200), "grpc_method": "M", "grpc_code": "OK"}
		}
		for j := range 600 {
			s.Points = append(s.Points, incident.Point{At: from.Add(time.Duration(j) * time.Second), V: float64(j)})
		}
		build.ev.Add(s)
	}
	v := build.ev.Snapshot()
	b.ResetTimer()
	for b.Loop() {
		if a := Analyze(v, Options{}); len(a.Findings) != 5 {
			b.Fatalf("%d findings", len(a.Findings))
		}
	}
}

// inc2847 is evidence like the bundled incident's.
var inc2847 = strings.Split(`requests POST /api/orders from=14:13 to=14:23:01 rate=0.94 status=201 took=120ms
requests POST /api/orders from=14:23:01 to=14:46:18 rate=0.893 status=502 took=30s until=14:46:18
requests POST /api/orders from=14:46:18 to=14:52 rate=0.84 status=201 took=120ms
requests GET /api/inventory/:sku from=14:13 to=14:23:46 rate=2
requests GET /api/inventory/:sku from=14:23:46 to=14:26:31 rate=2 status=504 took=30s
requests GET /api/inventory/:sku from=14:26:31 to=14:27:01 rate=2 took=30s until=14:27:01
requests GET /api/inventory/:sku from=14:27:01 to=14:52 rate=2
requests GET /api/orders/:id from=14:13 to=14:52 rate=5
requests POST /api/payments/intent from=14:13 to=14:23:01 rate=0.93
requests POST /api/payments/intent from=14:46:20 to=14:52 rate=0.83
holds pid=48291 user=migrator app=psql mode=SHARE on=stock_reservations from=14:23:01 to=14:27:01 query="CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)"
waits pid=51000 n=100 every=450ms user=inventory app=inventory on=stock_reservations wants="ROW EXCLUSIVE" by=48291 held=SHARE from=14:23:01.2 to=14:27:01 query="UPDATE stock_reservations SET status = 'reserved'"
sampled from=14:13 to=14:52
calls order -> inventory.Inventory/Reserve from=14:13 to=14:23 rate=0.94
hangs order -> inventory.Inventory/Reserve from=14:23:01 to=14:46:18 rate=2.2 most=100
calls order -> inventory.Inventory/Reserve from=14:46:19 to=14:52 rate=0.84 restart
calls gateway -> order.Order/Checkout from=14:13 to=14:23 rate=0.94
hangs gateway -> order.Order/Checkout from=14:23:01 to=14:46:18 rate=2.7
calls gateway -> order.Order/Checkout code=Unavailable from=14:46:18 to=14:52 rate=0.84
gauge grpc.client.duration from=14:23:40 to=14:46:30 value=30000 unit=ms
restart order at=14:46:18`, "\n")
