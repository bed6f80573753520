package semian

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/semian"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/read.txt: the policies that a file says, its options
// written again, and its traps with their places.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "lint" {
			traps, root, err := Lint("database.yml", d.Input)
			var b strings.Builder
			for _, tr := range traps {
				at := source.Find(root, tr.Path).Key
				fmt.Fprintf(&b, "%d:%d: %s: %s [%s]\n", at.Line, at.Column, tr.Severity, tr, tr.Rule)
			}
			if err != nil {
				b.WriteString(err.Error() + "\n")
			}
			return b.String()
		}
		c, err := Read("conf/database.yml", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		var out strings.Builder
		for _, b := range c {
			fmt.Fprintf(&out, "%s at %s\n%s", b.Name, strings.Join(b.Path, "/"), Write(b.Options, nil))
		}
		policies, notes := Policies(c)
		for _, name := range slices.Sorted(maps.Keys(policies)) {
			p := policies[name]
			fmt.Fprintf(&out, "%s: %s %v max_concurrent %d\n", name, p.Breaker.Library, p.Breaker.Params, p.MaxConcurrent)
		}
		return out.String() + strings.Join(append(notes, ""), "\n")
	})
}

// millis are times as they are written, in seconds.
var millis = rapid.Custom(func(t *rapid.T) time.Duration {
	return time.Duration(rapid.Int64Range(1, 1e7).Draw(t, "ms")) * time.Millisecond
})

// params are any that the library takes.
func params(t *rapid.T) semian.Params {
	p := semian.Default()
	p.Tickets = rapid.IntRange(0, 50).Draw(t, "tickets")
	if p.AdaptiveCircuitBreaker = rapid.Bool().Draw(t, "adaptive"); p.AdaptiveCircuitBreaker {
		p.KP, p.KI = rapid.Float64Range(-5, 5).Draw(t, "kp"), rapid.Float64Range(-5, 5).Draw(t, "ki")
		p.KD = rapid.Float64Range(-5, 5).Draw(t, "kd")
		p.WindowSize = rapid.IntRange(1, 100).Draw(t, "window")
		p.InitialErrorRate = rapid.Float64Range(0, 1).Draw(t, "initial")
		p.DeadZoneRatio = rapid.Float64Range(0, 10).Draw(t, "zone")
		p.IdealErrorRateEstimatorCapValue = rapid.Float64Range(0, 1).Draw(t, "cap")
		p.IntegralUpperCap = rapid.Float64Range(0, 20).Draw(t, "upper")
		p.IntegralLowerCap = rapid.Float64Range(-20, 0).Draw(t, "lower")
		return p
	}
	p.ErrorThreshold = rapid.IntRange(1, 1000).Draw(t, "errors")
	p.SuccessThreshold = rapid.IntRange(1, 1000).Draw(t, "successes")
	p.ErrorTimeout = millis.Draw(t, "open")
	if rapid.Bool().Draw(t, "own window") {
		p.ErrorThresholdTimeout = millis.Draw(t, "window")
	}
	if rapid.Bool().Draw(t, "backoff") {
		p.ExponentialBackoffErrorTimeout = true
		p.ExponentialBackoffInitialTimeout = millis.Draw(t, "first")
		p.ExponentialBackoffMultiplier = rapid.Float64Range(1.001, 10).Draw(t, "growth")
	}
	if rapid.Bool().Draw(t, "probes") {
		p.HalfOpenResourceTimeout = millis.Draw(t, "probe")
	}
	if p.LumpingInterval = millis.Draw(t, "lumping"); p.Lumped() {
		p.LumpingInterval = 0
	}
	return p
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, name := params(t), rapid.String().Draw(t, "name")
		text := Write(FromParams(name, p), []string{"where from: # \"there\""})
		c, err := Read("f.yml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(p, c[0].Options.params()); diff != "" || len(c) != 1 || c[0].Name != name {
			t.Fatalf("%d, %q\n%s\n%s", len(c), c[0].Name, text, diff)
		}
		if _, err := semian.Parse(p.Map()); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("production:\n  semian:\n    error_threshold: 3\n    error_timeout: 10\n    success_threshold: 2\n")
	f.Add("default: &default\n  semian: &s\n    adaptive_circuit_breaker: true\n    quota: 0.5\nproduction:\n  <<: *default\n")
	f.Add("semian: false\n")
	f.Add("- semian:\n    lumping_interval: 4\n    tickets: 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		if traps, root, _ := Lint("f", text); root == nil && traps != nil {
			t.Errorf("%q: traps without a tree", text)
		}
		c, err := Read("f", text)
		if err != nil {
			return
		}
		for _, b := range c {
			again := Write(b.Options, nil)
			back, err := Read("f", again)
			if err != nil {
				t.Fatalf("%q was written as %q, and %v", text, again, err)
			}
			// What decides nothing is not written.
			b.Options.Dynamic, b.Options.ThreadSafetyDisabled, b.Options.Permissions = nil, nil, nil
			if diff := cmp.Diff(b.Options, back[0].Options); diff != "" {
				t.Errorf("%q was written as %q:\n%s", text, again, diff)
			}
		}
		policies, _ := Policies(c)
		for name, p := range policies {
			if _, err := semian.Parse(p.Breaker.Params); p.Breaker.Library != "" && err != nil {
				t.Errorf("%q: %s: %v", text, name, err)
			}
		}
	})
}

func TestTrapsAreWellFormed(t *testing.T) {
	c, err := Read("f", "semian:\n  error_threshold: 1\n  error_timeout: 1\n  success_threshold: 1\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range Traps(c) {
		if !strings.HasPrefix(tr.Rule, "semian/") || tr.What == "" || tr.Why == "" || tr.Severity < trap.Note && tr.Instead == "" {
			t.Errorf("%+v", tr)
		}
	}
}
