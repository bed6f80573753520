package opossum

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/source"
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
// traps; module writes a module; lint and import read one.
func TestFiles(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "lint":
				return lintModule(d.Input)
			case "import":
				policies, notes, err := ModulePolicies("breaker.inventory.js", d.Input)
				if err != nil {
					return err.Error() + "\n"
				}
				return fmt.Sprintf("%v\n%s\n", policies["inventory"].Breaker.Params, strings.Join(notes, "\n"))
			}
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

func lintModule(text string) string {
	traps, root, err := LintModule("breaker.js", text)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, t := range traps {
		at := source.Find(root, t.Path).Key
		fmt.Fprintf(&b, "%d:%d %s\n", at.Line, at.Column, t.Rule)
	}
	return b.String()
}

// What we write as a module we read as the same options, and find nothing wrong with
// the code around them.
func TestModuleRoundTrip(t *testing.T) {
	p := opossum.Default()
	p.Timeout, p.VolumeThreshold = 3*time.Second, 10
	text := WriteModule(p, Module{Service: "inventory", Deadline: 3 * time.Second})
	policies, _, err := ModulePolicies("breaker.inventory.js", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(p.Map(), policies["inventory"].Breaker.Params); diff != "" {
		t.Error(diff)
	}
	traps, _, err := LintModule("breaker.inventory.js", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range traps {
		if found.Severity != trap.Note {
			t.Error(found)
		}
	}
	if DetectModule("breaker.inventory.js", text) == "" {
		t.Error("not detected")
	}
}

func TestSeveralBreakers(t *testing.T) {
	c, err := ReadAll("breakers.json", `{"inventory": {"timeout": 3000}, "payment": {"volumeThreshold": 7}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := opossum.Default()
	want.VolumeThreshold = 7
	if diff := cmp.Diff(want, c["payment"]); diff != "" || len(c) != 2 {
		t.Errorf("%d breakers\n%s", len(c), diff)
	}
	policies, _ := Policies(c)
	if got := policies["inventory"].Breaker; got.Library != "opossum" || got.Params["timeout"] != "3000" {
		t.Errorf("got %v", got)
	}
	if _, err := ReadAll("b.json", `{"inventory": {"timout": 3000}, "payment": {}}`); err == nil {
		t.Error("an unknown option of one of several is no mistake")
	}
	for file, want := range map[string]string{"a/breaker.stock.json": "stock", "options.json": "options", "x": "x"} {
		if c, err := ReadAll(file, "{}"); err != nil || len(c) != 1 {
			t.Errorf("%s: %v, %v", file, c, err)
		} else if _, ok := c[want]; !ok {
			t.Errorf("%s: %v", file, c)
		}
	}
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
	f.Add(`{"a": {"errorThreshold": 5}, "b": {"volumeThreshold": "1"}}`)
	f.Add("const o = {timeout: 1}\nnew CircuitBreaker(a.b, {...o, x: y ?? 3})")
	f.Fuzz(func(t *testing.T, text string) {
		if traps, root, _ := Lint("f", text); root == nil && traps != nil {
			t.Errorf("%q: traps without a tree", text)
		}
		_, _, _ = LintModule("f", text)
		_, _, _ = ModulePolicies("f", text)
		p, err := Read("f", text)
		if err != nil {
			return
		}
		if again, err := Read("f", Write(p, "")); err != nil || again != p {
			t.Errorf("%+v was written as %s and read as %+v, %v", p, Write(p, ""), again, err)
		}
	})
}
