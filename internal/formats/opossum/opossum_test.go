package opossum

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/opossum"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/*.txt: read shows what a file says, in full and with its
// traps; module writes a module.
func TestFiles(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			p, err := Read("breaker.inventory.json", d.Input)
			if err != nil {
				return err.Error() + "\n"
			}
			if d.Cmd == "module" {
				m := Module{Service: "inventory", Notes: []string{"a note"}}
				if len(d.CmdArgs) > 0 {
					m.Deadline = 5 * time.Second
				}
				return WriteModule(p, m)
			}
			return Write(p, "") + strings.Join(trap.Sentences(Traps(p)), "\n") + "\n"
		})
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.IntRange(0, 1<<31-1)
		p := opossum.Params{
			Timeout:                  time.Duration(ms.Draw(t, "timeout")) * time.Millisecond,
			ErrorThresholdPercentage: rapid.Float64Range(0, 100).Draw(t, "percentage"),
			ResetTimeout:             time.Duration(ms.Draw(t, "reset")) * time.Millisecond,
			RollingCountTimeout:      time.Duration(ms.Draw(t, "window")) * time.Millisecond,
			RollingCountBuckets:      rapid.IntRange(0, 100000).Draw(t, "buckets"),
			VolumeThreshold:          rapid.IntRange(0, 1<<40).Draw(t, "volume"),
			Capacity:                 rapid.IntRange(0, 1<<53-1).Draw(t, "capacity"),
			AllowWarmUp:              rapid.Bool().Draw(t, "warm-up"),
			Enabled:                  rapid.Bool().Draw(t, "enabled"),
		}
		got, err := Read("f", Write(p, ""))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Fatalf("%s\n%s", Write(p, ""), diff)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(`{"timeout": 5000, "errorThresholdPercentage": 50}`)
	f.Add(`{"timeout": false, "capacity": 1e3}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read("f", text)
		if err != nil {
			return
		}
		if again, err := Read("f", Write(p, "")); err != nil || again != p {
			t.Errorf("%+v was written as %s and read as %+v, %v", p, Write(p, ""), again, err)
		}
	})
}
