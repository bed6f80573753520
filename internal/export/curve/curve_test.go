package curve

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	trip "tripcurve/sim/curve"
)

// document is two settings in round numbers: the first opens from half of the calls
// failing on, the second always, and neither for errors of few calls.
func document() Document {
	o := trip.Defaults()
	o.Shares, o.Seeds = trip.Shares(12), 3
	o.Healthy = []float64{0.001, 0.01}
	slow := trip.Setting{Name: "opossum", Library: "opossum", Params: map[string]string{"timeout": "5000"}}
	soon := trip.Setting{Name: "=soon", Library: "opossum", Timeout: 2 * time.Second}
	r := &trip.Result{Options: o, Healthy: []trip.Healthy{
		{Setting: slow, Share: 0.001, Length: 24 * time.Hour, Calls: 1_728_000},
		{Setting: slow, Share: 0.01, Length: 24 * time.Hour, Calls: 1_728_000, Trips: 3, Rejected: 1500},
		{Setting: soon, Share: 0.001, Length: 24 * time.Hour, Calls: 1_728_000, Trips: 12, Rejected: 2000},
		{Setting: soon, Share: 0.01, Length: 24 * time.Hour, Calls: 1_728_000, Trips: 1440, Rejected: 864_000},
	}}
	for i, s := range []trip.Setting{slow, soon} {
		for _, m := range o.Modes {
			c := trip.Curve{Setting: s, Mode: m, Limit: []time.Duration{5 * time.Second, 2 * time.Second}[i]}
			for _, share := range o.Shares {
				p := trip.Point{Share: share}
				for seed := range 3 {
					after := time.Duration(float64(seed+9)/share) * time.Second / time.Duration(1+9*i)
					if m == trip.Hangs {
						after += c.Limit
					}
					if i == 0 && (share < 0.5 || share < 0.6 && seed == 2) {
						p.Runs = append(p.Runs, trip.Run{OpenAfter: trip.Never, Calls: 2400, Failed: int(2400 * share)})
						continue
					}
					n := int(20 * after.Seconds())
					p.Runs = append(p.Runs, trip.Run{OpenAfter: after, Calls: n, Failed: int(float64(n) * share)})
				}
				c.Points = append(c.Points, p)
			}
			r.Curves = append(r.Curves, c)
		}
	}
	return Document{Result: r, Notes: []Note{{"opossum", "opossum has no window of a number of calls"}}}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func TestGolden(t *testing.T) {
	var text bytes.Buffer
	if err := document().Text(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "curve.txt", text.Bytes())
	for line := range strings.Lines(text.String()) {
		if line = strings.TrimSuffix(line, "\n"); len(line) > 80 || strings.TrimRight(line, " ") != line {
			t.Errorf("%d columns, or blanks at the end: %q", len(line), line)
		}
	}
	js, err := document().JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "curve.json", js)
	table, err := document().CSV()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "curve.csv", table)
}

// Programs that read the files must find what is promised: a schema, null for
// never, and no cell that a spreadsheet takes for a formula.
func TestFilesCanBeRead(t *testing.T) {
	js, err := document().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Schema string
		Curves []struct {
			Points []map[string]any
		}
	}
	if err := json.Unmarshal(js, &f); err != nil {
		t.Fatal(err)
	}
	if f.Schema != "tripcurve.curve/1" || len(f.Curves) != 4 {
		t.Errorf("schema %q, %d curves", f.Schema, len(f.Curves))
	}
	if v, there := f.Curves[0].Points[0]["open_after_s"]; v != nil || !there {
		t.Errorf("a curve that never opens has %v (%v)", v, there)
	}
	table, err := document().CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 4*12 + 4; len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for _, row := range rows {
		if strings.HasPrefix(row[0], "=") {
			t.Errorf("a formula: %q", row[0])
		}
	}
}

// Whatever is asked for, there is a chart and no panic.
func TestOddDocuments(t *testing.T) {
	for name, change := range map[string]func(*trip.Options){
		"one point":     func(o *trip.Options) { o.Shares = []float64{1} },
		"one seed":      func(o *trip.Options) { o.Seeds = 1 },
		"errors only":   func(o *trip.Options) { o.Modes = o.Modes[:1] },
		"no healthy":    func(o *trip.Options) { o.Healthy = nil },
		"short horizon": func(o *trip.Options) { o.Horizon = 20 * time.Millisecond },
		"long horizon":  func(o *trip.Options) { o.Horizon = 10 * time.Minute },
		"few shares":    func(o *trip.Options) { o.Shares = []float64{0.4, 0.41} },
	} {
		o := trip.Defaults()
		o.HealthyLength, o.Shares, o.Seeds = time.Minute, trip.Shares(8), 2
		change(&o)
		var settings []trip.Setting
		for _, n := range []string{"opossum", "b", "c", "d", "e with a name that is much longer than its column"} {
			settings = append(settings, trip.Setting{Name: n, Library: "opossum"})
		}
		r, err := trip.Compute(t.Context(), settings, o, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b bytes.Buffer
		if err := (Document{Result: r}).Text(&b); err != nil || !strings.Contains(b.String(), "100 %") && name != "few shares" {
			t.Errorf("%s: %v\n%s", name, err, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if len(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("%s: %d columns: %s", name, len(line)-1, line)
			}
		}
	}
}
