package linkerd

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

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/linkerd"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/*.txt: read shows the traps of a file, policies what it
// says, lint its mistakes as well.
func TestFiles(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "lint" {
				traps, _, err := Lint("service.yaml", d.Input)
				out := ""
				if err != nil {
					out = err.Error() + "\n"
				}
				return out + list(traps)
			}
			c, err := Read("service.yaml", d.Input)
			if err != nil {
				return err.Error() + "\n"
			}
			if d.Cmd == "policies" {
				return say(Policies(c))
			}
			return list(Traps(c))
		})
	})
}

func list(traps []trap.Trap) string {
	var b strings.Builder
	for _, t := range traps {
		fmt.Fprintf(&b, "%s %s at %s\n  %s\n", t.Severity, t.Rule, strings.Join(t.Path, "."), t)
	}
	return b.String()
}

func say(policies map[string]policy.Policy, notes []string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		p := policies[name]
		fmt.Fprintf(&b, "%s: %s", name, p.Breaker.Library)
		for _, param := range slices.Sorted(maps.Keys(p.Breaker.Params)) {
			fmt.Fprintf(&b, " %s=%s", param, p.Breaker.Params[param])
		}
		b.WriteString("\n")
	}
	for _, n := range notes {
		b.WriteString("! " + n + "\n")
	}
	return b.String()
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]string{
		"metadata:\n  annotations:\n    retry.linkerd.io/http: 5xx":             "it has the annotation retry.linkerd.io/http",
		"    \"balancer.linkerd.io/failure-accrual\": [":                        "it has the annotation balancer.linkerd.io/failure-accrual",
		"kind: Service\nmetadata:\n  annotations: {linkerd.io/inject: enabled}": "",
		"    linkerd.io/inject: enabled":                                        "it has the annotation linkerd.io/inject",
		"kind: Service":                                                         "",
	} {
		if got := Detect("f", text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Whatever a policy says is written, and read again as the same policy.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawn(t)
		c := Of("inventory", p)
		text := Write(c)
		got, err := Read("f", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(c, got, cmp.AllowUnexported(Config{})); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
		policies, notes := Policies(got)
		back, err := linkerd.Parse(policies["inventory"].Breaker.Params)
		if err != nil || len(notes) > 0 {
			t.Fatalf("%v %v\n%s", err, notes, text)
		}
		if diff := cmp.Diff(text, Write(Of("inventory", back))); diff != "" {
			t.Fatalf("-written +read and written:\n%s", diff)
		}
	})
}

func drawn(t *rapid.T) linkerd.Params {
	ms := func(name string, lo, hi int) time.Duration {
		return time.Duration(rapid.IntRange(lo, hi).Draw(t, name)) * time.Millisecond
	}
	n := func(name string, hi int) int { return rapid.IntRange(0, hi).Draw(t, name) }
	p := linkerd.Default()
	p.FailureAccrual = rapid.SampledFrom([]string{linkerd.None, linkerd.Consecutive, linkerd.Unified}).Draw(t, "mode")
	p.MaxFailures = n("failures", 20)
	p.MinPenalty = ms("min", 0, 120_000)
	p.MaxPenalty = p.MinPenalty + ms("max", 1, 600_000)
	p.JitterRatio = float64(n("jitter", 1000)) / 10
	p.Threshold, p.Window, p.MinRequests = float64(n("threshold", 100))/100, ms("window", 10, 60_000), n("requests", 100)
	p.RequestTimeout, p.ResponseTimeout = ms("request", 0, 60_000), ms("response", 0, 60_000)
	p.RetryHTTP = rapid.SampledFrom([]string{"", "5xx", "gateway-error,500-503"}).Draw(t, "http")
	p.RetryGRPC = rapid.SampledFrom([]string{"", "unavailable"}).Draw(t, "grpc")
	p.RetryLimit, p.RetryTimeout = 1+n("limit", 4), ms("retry", 0, 60_000)
	return p
}

func FuzzRead(f *testing.F) {
	f.Add(Write(Of("inventory", linkerd.Default())))
	f.Add("kind: Service\nmetadata: {name: a, annotations: {balancer.linkerd.io/failure-accrual: unified, retry.linkerd.io/limit: '2', timeout.linkerd.io/request: 1d}}\n---\nkind: Pod\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _ = Lint("f", text)
		c, err := Read("f", text)
		if err != nil {
			return
		}
		_ = Traps(c)
		policies, _ := Policies(c)
		for name, p := range policies {
			if _, err := linkerd.Parse(p.Breaker.Params); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		written := Write(c)
		again, err := Read("f", written)
		if err != nil || Write(again) != written {
			t.Errorf("%s\nbecame %s, %v", written, Write(again), err)
		}
	})
}
