package latency

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

func TestParseNames(t *testing.T) {
	for text, want := range map[string]string{
		"started=a":                          "started= and finished= are one another's",
		"started=a finished=a":               "the same metric",
		"unit=ms":                            "neither started= nor duration=",
		"duration=d unit=furlong":            "found unit=furlong, expected ns, us, ms, s or min",
		"duration=d side=left":               "found side=left, expected client or server",
		"duration=d speed=3":                 `found "speed", expected one of started, finished`,
		"duration":                           `found "duration", expected KEY=VALUE`,
		"started=a finished=b":               "",
		"duration=d unit=ms method=rpc":      "",
		"started=a finished=b status=result": "",
	} {
		_, err := ParseNames([]string{text})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!errors.Is(err, ErrNames) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestNamesOfOnesOwn: a home-made instrumentation tells of a hang as well.
func TestNamesOfOnesOwn(t *testing.T) {
	names, err := ParseNames([]string{
		"started=shop_rpc_begun_total finished=shop_rpc_done_total method=rpc status=outcome",
		"duration=shop_rpc_took unit=ms method=rpc status=outcome",
	})
	if err != nil {
		t.Fatal(err)
	}
	s, ev := NewScrape("order"), incident.NewEvidence()
	s.names = names
	t0 := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	for i, page := range []string{
		"# TYPE shop_rpc_begun_total counter\nshop_rpc_begun_total{rpc=\"inventory.Inventory/Reserve\"} 10\n" +
			"# TYPE shop_rpc_done_total counter\nshop_rpc_done_total{rpc=\"inventory.Inventory/Reserve\",outcome=\"DEADLINE_EXCEEDED\"} 8\n",
		"# TYPE shop_rpc_begun_total counter\nshop_rpc_begun_total{rpc=\"inventory.Inventory/Reserve\"} 50\n" +
			"# TYPE shop_rpc_done_total counter\nshop_rpc_done_total{rpc=\"inventory.Inventory/Reserve\",outcome=\"DEADLINE_EXCEEDED\"} 9\n" +
			"# TYPE shop_rpc_took histogram\nshop_rpc_took_bucket{rpc=\"inventory.Inventory/Reserve\",outcome=\"OK\",le=\"50\"} 1\n" +
			"shop_rpc_took_bucket{rpc=\"inventory.Inventory/Reserve\",outcome=\"OK\",le=\"+Inf\"} 1\n" +
			"shop_rpc_took_sum{rpc=\"inventory.Inventory/Reserve\",outcome=\"OK\"} 40\nshop_rpc_took_count{rpc=\"inventory.Inventory/Reserve\",outcome=\"OK\"} 1\n",
	} {
		facts, err := s.Observe(t0.Add(time.Duration(i)*10*time.Second), []byte(page))
		if err != nil {
			t.Fatal(err)
		}
		ev.Add(facts...)
	}
	v := ev.Snapshot()
	flows := v.Flows()
	if len(flows) != 1 || flows[0].Name() != "inventory.Inventory/Reserve" || flows[0].Caller != "order" {
		t.Fatalf("flows %+v", flows)
	}
	points := flows[0].Points(incident.Window{From: t0, To: t0.Add(time.Minute)})
	if len(points) != 2 || points[0].InFlight != 2 || points[1].InFlight != 41 || points[1].Deadline != 1 {
		t.Errorf("points %+v, want 2 and 41 in flight, one by its deadline", points)
	}
	if !strings.Contains(flows[0].Started.Caveat, "shop_rpc_begun_total") {
		t.Errorf("nothing says where the counter is from: %q", flows[0].Started.Caveat)
	}
	for _, series := range v.AllSeries() {
		if series.Name == "shop_rpc_took" && series.Labels[QuantileLabel] == "0.99" && series.Labels[BoundLabel] == "hi" {
			if series.Unit != "s" || series.Points[0].V != 0.05 || series.Labels[incident.CallMethod] == "" || series.Labels["outcome"] != "" {
				t.Errorf("p99 %+v, want at most 0.05 s over all outcomes", series)
			}
			return
		}
	}
	t.Error("there is no quantile")
}

func TestEveryPresetIsKept(t *testing.T) {
	var none *Names
	for _, n := range incident.AllCallNames() {
		for _, name := range []string{n.Started, n.Finished, n.Duration} {
			// Datadog is asked by name, and ours are no names of a page.
			if name != "" && n.Preset != "datadog-apm" && n.Preset != "tripcurve" && !none.Wanted(name) {
				t.Errorf("%s of %s is not kept", name, n.Preset)
			}
		}
	}
}

// TestUnits: nobody's unit is no unit, and no seconds are made of it.
func TestUnits(t *testing.T) {
	own, err := ParseNames([]string{"duration=took unit=ms"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, said, unit string
		scale            float64
	}{
		{"rpc.client.duration", "ms", "ms", 1e-3},
		{"took", "s", "s", 1}, // OTLP's word before the user's
		{"took", "", "ms", 1e-3},
		{"took_seconds", "", "s", 1},
		{"rpc.client.duration", "", "", 0},
		{"x", "furlong", "furlong", 0},
		{"x", "{call}", "1", 0},
		{"x", "By", "bytes", 0},
	} {
		if unit, scale := own.Unit(c.name, c.said); unit != c.unit || scale != c.scale {
			t.Errorf("%s said to be in %q: %q and %g, want %q and %g", c.name, c.said, unit, scale, c.unit, c.scale)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("started=a finished=b method=m status=s", "a", "s")
	f.Add("duration=d_seconds unit=ms side=server service=x", "d_seconds_bucket", "")
	f.Add("started=b_count finished=b.count", "b_count", "m")
	f.Fuzz(func(t *testing.T, text, metric, label string) {
		names, err := ParseNames([]string{text})
		if err != nil {
			if !errors.Is(err, ErrNames) {
				t.Fatal(err)
			}
			return
		}
		labels := map[string]string{label: "v"}
		as, with, _ := names.Told(metric, labels)
		if labels[label] != "v" || len(labels) != 1 {
			t.Fatal("the caller's labels were changed")
		}
		if as != metric && !names.Wanted(metric) || len(with) > 3 {
			t.Fatalf("%q is told as %q with %v", metric, as, with)
		}
		if _, scale := names.Unit(metric, label); scale < 0 || scale > 60 {
			t.Fatalf("a unit of %g s", scale)
		}
		names.WithoutStatus(metric, labels)
	})
}
