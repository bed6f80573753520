package simulation

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/sim"
)

func at(s string) time.Time {
	t, err := time.Parse("15:04:05.000", s)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 1, 15, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// night is a run like INC-2847 in the numbers that the report computes with.
func night() *sim.Result {
	return &sim.Result{
		Scenario: "inc-2847", Seed: 7, PoolFullAfter: 45_004 * time.Millisecond,
		Orders:          sim.Orders{Started: 1800, Served: 546, Failed: 1254, Answered502: 1247, Late: 7},
		First502Started: at("14:23:01.250"), Last502Ended: at("14:46:18.000"),
		LockFrom: at("14:23:01.000"), LockTo: at("14:27:01.000"), LockWaitersMax: 100, Orphans: 100,
		Endpoints: []sim.Endpoint{
			{Method: "POST", Route: "/api/orders", Requests: 1800, Failed: 1247, FirstFailed: at("14:23:01.250"), LastFailed: at("14:46:18.000")},
			{Method: "GET", Route: "/api/orders/:id", Requests: 10_000},
		},
	}
}

func TestCoverageIsOfWholeSeconds(t *testing.T) {
	rep := New(night(), nil, 0)
	got := []float64{rep.OutageS, rep.Coverage, rep.RemainderS}
	if d := cmp.Diff([]float64{1397, 0.1718, 1157}, got); d != "" {
		t.Errorf("outage, coverage, remainder (-want +got):\n%s", d)
	}
}

func TestLockOutsideTheOutageCoversNothing(t *testing.T) {
	r := night()
	r.LockFrom, r.LockTo = at("14:10:00.000"), at("14:12:00.000")
	if rep := New(r, nil, 0); rep.Coverage != 0 || rep.RemainderS != rep.OutageS {
		t.Errorf("coverage %v, remainder %v of %v", rep.Coverage, rep.RemainderS, rep.OutageS)
	}
}

func TestWhatDidNotHappenIsNull(t *testing.T) {
	b, err := json.Marshal(New(&sim.Result{Scenario: "healthy", PoolFullAfter: -1}, nil, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"pool_full_after_s":null`, `"first_502_started":null`, `"lock_window":null`, `"recovered_at":null`,
		`"other_seeds":null`, `"events":[]`, `"endpoints":[]`, `"breakers":[]`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

func TestOtherSeeds(t *testing.T) {
	a, b := night(), night()
	b.Orders.Answered502, b.PoolFullAfter = 1201, -1
	got := New(night(), []*sim.Result{a, b}, 0).OtherSeeds
	want := &OtherSeeds{Seeds: 2, Orders502: Spread{1224, 1201, 1247}, PoolFullAfter: Spread{45, 45, 45}, PoolFilled: 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestTextComparesWithToday(t *testing.T) {
	today := New(night(), nil, 0)
	better := night()
	better.Orders = sim.Orders{Started: 1800, Served: 1610, Failed: 190, Answered502: 190}
	better.Orphans = 0
	var out strings.Builder
	if err := New(better, nil, 0).Text(&out, &today); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1,254       190  -1,064 (-85 %)", "100         0   -100 (-100 %)", "17.2 %"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.TrimRight(line, " \n") != strings.TrimRight(line, "\n") {
			t.Errorf("blanks at the end of %q", line)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 7: "7", 1247: "1,247", -1064: "-1,064", 1234567: "1,234,567", 30.04: "30.0", -0.26: "-0.3"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}
