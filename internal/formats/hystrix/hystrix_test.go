package hystrix

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/hystrix"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/read.txt: what a file says, written again, its policies and
// its traps with the place of each.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		c, err := Read("f", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		var b strings.Builder
		b.WriteString(Write(c))
		policies, notes := Policies(c)
		for _, name := range slices.Sorted(maps.Keys(policies)) {
			fmt.Fprintf(&b, "%s %s\n", name, policies[name].Breaker.Params)
		}
		for _, n := range notes {
			b.WriteString("note: " + n + "\n")
		}
		traps, root, err := Lint("f", d.Input)
		if err != nil {
			t.Error(err)
		}
		for _, trap := range traps {
			at := source.Find(root, trap.Path).Key
			fmt.Fprintf(&b, "%d:%d %s %s [%s]\n", at.Line, at.Column, trap.Severity, trap, trap.Rule)
		}
		return b.String()
	})
}

func TestLintReadsOn(t *testing.T) {
	traps, root, err := Lint("f", "hystrix.command.a.x=1\nhystrix.command.a.circuitBreaker.requestVolumeThreshold=0\nhystrix.command.a.circuitBreaker.enabled=maybe\nhystrix.x=1\n"+
		"hystrix.command.b.metrics.healthSnapshot.intervalInMilliseconds=20000\n")
	want := "f:4:1: no part of hystrix \"x\" (known: command, threadpool, collapser, timer, stream, plugin, config, dashboard, metrics, shareSecurityContext, concurrency, timeout, javanica)\n" +
		"f:1:1: no key \"x\" (known: " + strings.Join(source.Keys(reflect.TypeFor[Command]()), ", ") + ")\n" +
		"f:3:42: found \"maybe\", expected true or false\n" +
		"f:5:65: hystrix: metrics.healthSnapshot.intervalInMilliseconds 20000 is more than metrics.rollingStats.timeInMilliseconds 10000: the window would have no bucket, and the library throws"
	if root == nil || err == nil {
		t.Fatal(root, err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if len(traps) == 0 {
		t.Error("no traps")
	}
	if _, root, err := Lint("f", `a=\u`); root != nil || err == nil {
		t.Errorf("%v, %v", root, err)
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]string{
		"a=1\n  hystrix.command.default.circuitBreaker.enabled=": "it has properties under hystrix.command",
		"hystrix.threadpool.a.coreSize 5":                        "it has properties under hystrix.threadpool",
		"# hystrix.command.a.b=c":                                "",
		"hystrix:\n  command:\n":                                 "",
		"x=hystrix.command.a=5":                                  "",
	} {
		if got := Detect("application.properties", text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// settings are any that the library takes.
func settings(t *rapid.T) hystrix.Params {
	p := hystrix.Default()
	whole := func(to *int, least int, name string) {
		if rapid.Bool().Draw(t, name+" said") {
			*to = rapid.IntRange(least, 1000).Draw(t, name)
		}
	}
	whole(&p.RequestVolumeThreshold, 0, "volume")
	whole(&p.ErrorThresholdPercentage, 0, "threshold")
	whole(&p.CoreSize, 1, "core")
	whole(&p.MaximumSize, 1, "maximum")
	whole(&p.MaxQueueSize, -1, "queue")
	whole(&p.QueueSizeRejectionThreshold, 0, "rejection")
	whole(&p.MaxConcurrentRequests, 0, "semaphore")
	p.Enabled, p.ForceOpen, p.ForceClosed = rapid.Bool().Draw(t, "enabled"), rapid.Bool().Draw(t, "open"), rapid.Bool().Draw(t, "closed")
	p.TimeoutEnabled, p.InterruptOnTimeout = rapid.Bool().Draw(t, "limited"), rapid.Bool().Draw(t, "interrupts")
	p.AllowMaximumSizeToDivergeFromCoreSize = rapid.Bool().Draw(t, "diverges")
	p.Strategy = rapid.SampledFrom([]string{hystrix.Thread, hystrix.Semaphore}).Draw(t, "strategy")
	return p
}

// What a policy of one command says survives the file, whatever the command is called.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := settings(t)
		key := rapid.StringN(1, 20, -1).Draw(t, "key")
		if key == Default || strings.HasPrefix(key, ".") || strings.Contains(key, "\ufffd") {
			return
		}
		text := Write(Of(key, p), "a comment: with\nbreaks")
		c, err := Read("f", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		policies, notes := Policies(c)
		if len(policies) != 1 || len(notes) > 0 {
			t.Fatalf("%v %v\n%s", policies, notes, text)
		}
		got, err := hystrix.Parse(policies[key].Breaker.Params)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
		if again := Write(Of(key, got), "a comment: with\nbreaks"); again != text {
			t.Fatalf("%s\nbecame\n%s", text, again)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("hystrix.command.inventory.circuitBreaker.requestVolumeThreshold=10\nhystrix.threadpool.inventory.coreSize=100\n")
	f.Add("hystrix.command.default.execution.timeout.enabled : yes\nhystrix.command.a.b\\:c.execution.isolation.strategy=SEMAPHORE")
	f.Add("hystrix.command.a.x=1")
	f.Add("hystrix.threadpool.default.maxQueueSize=5\nhystrix.command.a.metrics.rollingStats.timeInMilliseconds=1")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _ = Lint("f", text)
		c, err := Read("f", text)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		_ = Traps(c)
		policies, _ := Policies(c)
		for name, p := range policies {
			if _, err := hystrix.Parse(p.Breaker.Params); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		written := Write(c)
		again, err := Read("f", written)
		if err != nil || Write(again) != written {
			t.Errorf("%q\nbecame %q, %v", written, Write(again), err)
		}
	})
}
