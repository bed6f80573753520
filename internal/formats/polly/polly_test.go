package polly

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/polly"
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
		file := "f"
		d.MaybeScanArgs(t, "file", &file)
		c, err := Read(file, d.Input)
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
		traps, root, err := Lint(file, d.Input)
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
	traps, root, err := Lint("f", `{"x": {"AttemptTimeout": {"Timeout": 5}, "CircuitBreaker": {"FailureRatio": 2, "BreakDuration": "00:00:30"}, "Retry": {"a": 1}}, "AttemptTimeout:Timeout": "00:00:01"}`)
	want := `f:1:38: found 5, which is days, expected a time span such as "00:00:05", from 10ms to 1 day
f:1:77: found 2, expected a number from 0 up to 1
f:1:120: no key "a" (known: MaxRetryAttempts, BackoffType, UseJitter, Delay, MaxDelay, ShouldRetryAfterHeader, Name)
f:1:130: a key with colons: nest it instead`
	if root == nil || err == nil {
		t.Fatal(root, err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if len(traps) == 0 {
		t.Error("no traps")
	}
	if _, root, err := Lint("f", `{"a": `); root != nil || err == nil {
		t.Errorf("%v, %v", root, err)
	}
	if _, root, err := Lint("f", `{"a": {}}`); root == nil || err == nil {
		t.Errorf("%v, %v", root, err)
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]string{
		`{"HttpStandardResilienceOptions": {`: "it has the key HttpStandardResilienceOptions",
		`{"x": {"BreakDuration": "00:00:05"`:  "it has the key BreakDuration",
		`{"Logging": {}}`:                     "",
	} {
		if got := Detect("appsettings.json", text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// settings are any that the standard pipeline takes.
func settings(t *rapid.T) polly.Params {
	ticks := func(least time.Duration, name string) time.Duration {
		return time.Duration(rapid.Int64Range(int64(least/polly.Tick), int64(polly.Longest/polly.Tick)).Draw(t, name)) * polly.Tick
	}
	p := polly.Standard()
	p.FailureRatio = rapid.Float64Range(0, 1).Draw(t, "ratio")
	p.MinimumThroughput = rapid.IntRange(2, 1000).Draw(t, "throughput")
	p.SamplingDuration, p.BreakDuration = ticks(polly.LeastDuration, "sampling"), ticks(polly.LeastDuration, "break")
	p.AttemptTimeout, p.TotalRequestTimeout = ticks(polly.LeastTimeout, "attempt"), ticks(polly.LeastTimeout, "total")
	p.PermitLimit = rapid.IntRange(0, 2000).Draw(t, "permits")
	if p.Retry.MaxRetryAttempts = rapid.IntRange(0, 5).Draw(t, "retries"); p.Retry.MaxRetryAttempts == 0 {
		p.Retry = polly.Default().Retry
		return p
	}
	p.Retry.BackoffType = rapid.SampledFrom(backoffs).Draw(t, "backoff")
	p.Retry.UseJitter = rapid.Bool().Draw(t, "jitter")
	p.Retry.Delay, p.Retry.MaxDelay = ticks(0, "delay"), ticks(0, "longest")
	return p
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := settings(t)
		name := rapid.String().Draw(t, "name")
		if flattened(name) || !utf8.ValidString(name) {
			return
		}
		text := Write(Config{{Name: name, Options: Of(p)}}, "a comment\n{}")
		c, err := Read("f", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		policies, notes := Policies(c)
		if len(policies) != 1 || len(notes) > 0 {
			t.Fatalf("%v %v\n%s", policies, notes, text)
		}
		got, err := polly.Parse(policies[name].Breaker.Params)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
		if again := Write(Config{{Name: name, Options: Of(got)}}, "a comment {}"); again != text {
			t.Fatalf("%s\nbecame\n%s", text, again)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(`{"HttpStandardResilienceOptions": {"inventory": {"AttemptTimeout": {"Timeout": "00:00:05"}}}} // x`)
	f.Add(`{"a": {"CircuitBreaker": {"FailureRatio": "0.5", "breakduration": "0:1"}, "Retry": {"BackoffType": "linear",}}}`)
	f.Add(`{"TotalRequestTimeout": {}, "RateLimiter": {"DefaultRateLimiterOptions": {"PermitLimit": 5}}, /* */ "Retry": {"MaxDelay": "00:00:00"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _ = Lint("f", text)
		c, err := Read("f", text)
		if err != nil {
			return
		}
		_ = Traps(c)
		policies, _ := Policies(c)
		for name, p := range policies {
			if _, err := polly.Parse(p.Breaker.Params); err != nil {
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
