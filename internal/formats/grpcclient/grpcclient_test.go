package grpcclient

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

	"tripcurve/internal/formats/gosource/gosourcetest"
	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/grpc"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/read.txt: what a file says, written again, its traps, and
// it as policies. Reading it again must change nothing.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		c, err := ReadClient("grpc-client.inventory.json", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		text := Write(c.Config)
		again, err := Read("grpc-client.inventory.json", text)
		if err != nil || Write(again) != text {
			t.Errorf("%s\nbecame %s, %v", text, Write(again), err)
		}
		_, root, err := Lint("f", d.Input)
		if err != nil {
			t.Error(err)
		}
		var out strings.Builder
		out.WriteString(text)
		for _, trap := range Traps(c.Config) {
			at := source.Find(root, trap.Path)
			fmt.Fprintf(&out, "! %d:%d %s %s %s\n", at.Key.Line, at.Key.Column, trap.Severity, trap.Rule, trap)
		}
		policies, notes := Policies(c)
		for _, name := range slices.Sorted(maps.Keys(policies)) {
			p := policies[name]
			fmt.Fprintf(&out, "%s: keepalive %s timeout %s without calls %t\n", name, p.Keepalive.Time, p.Keepalive.Timeout, p.Keepalive.WithoutCalls)
			for _, param := range slices.Sorted(maps.Keys(p.Breaker.Params)) {
				fmt.Fprintf(&out, "  %s %s\n", param, p.Breaker.Params[param])
			}
		}
		return out.String() + strings.Join(append(notes, ""), "\n")
	})
}

func anyClient(t *rapid.T) (grpcconfig.Name, grpc.Params, policy.Keepalive) {
	duration := func(name string) time.Duration {
		return time.Duration(rapid.Int64Range(0, int64(100*24*time.Hour)).Draw(t, name))
	}
	name := grpcconfig.Name{}
	if rapid.Bool().Draw(t, "named") {
		name.Service = new("inventory.Inventory")
	}
	p := grpc.Default()
	if rapid.Bool().Draw(t, "limited") {
		p.Timeout = duration("timeout")
	}
	if rapid.Bool().Draw(t, "retries") {
		p.Attempts = rapid.IntRange(1, 9).Draw(t, "attempts")
		p.InitialBackoff, p.MaxBackoff = duration("initialBackoff")+1, duration("maxBackoff")+1
		p.BackoffMultiplier = rapid.Float64Range(0.001, 1000).Draw(t, "multiplier")
		p.MaxTokens = float64(rapid.IntRange(0, 1000).Draw(t, "tokens"))
	}
	var k policy.Keepalive
	if rapid.Bool().Draw(t, "pings") {
		k = policy.Keepalive{Time: duration("time"), Timeout: duration("timeout"), WithoutCalls: rapid.Bool().Draw(t, "without calls")}
	}
	return name, p, k
}

// Whatever the client, what is written is read as it was, and what it says as a
// policy is written the same again.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, params, keepalive := anyClient(t)
		c := Of(name, params, keepalive)
		c.Comment = rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "comment")
		c.Credentials = new(SSL)
		text := Write(c)
		got, err := ReadClient("grpc-client.inventory.json", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(Client{"inventory", c}, got); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
		policies, _ := Policies(got)
		p, ok := policies["inventory"]
		if !ok || len(policies) != 1 {
			t.Fatalf("policies %v", policies)
		}
		again, err := grpc.Parse(p.Breaker.Params)
		if err != nil {
			t.Fatal(err)
		}
		second := Of(name, again, p.Keepalive)
		second.Comment, second.Credentials = c.Comment, c.Credentials
		if diff := cmp.Diff(text, Write(second)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The Go file compiles, and grpc-go does with it what it says.
func TestWhatIsWrittenRuns(t *testing.T) {
	walk, err := os.ReadFile("testdata/walk_test.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	params := grpc.Default()
	params.Timeout, params.Attempts = 5*time.Second, 3
	files := map[string]string{
		"walk_test.go": string(walk),
		"bare.go":      WriteGo(Snippet{Service: "bare"}),
	}
	for i := range 20 {
		gen := rapid.Custom(func(t *rapid.T) Snippet {
			name, p, k := anyClient(t)
			return Snippet{Service: "case", Keepalive: k, Config: grpcconfig.Of(name, p), Origin: "written\nfunc init() { panic(0) }", Notes: []string{"a */ note"}}
		})
		text := WriteGo(gen.Example(i))
		files[fmt.Sprintf("case-%02d.go", i)] = strings.ReplaceAll(text, "Case", fmt.Sprintf("Case%02d", i))
	}
	files["inventory.go"] = WriteGo(Snippet{
		Service: "inventory", Config: grpcconfig.Of(grpcconfig.Name{}, params),
		Keepalive: policy.Keepalive{Time: 20 * time.Second, Timeout: 5 * time.Second, WithoutCalls: true},
	})
	gosourcetest.Run(t, files)
}

func FuzzRead(f *testing.F) {
	f.Add(`{"credentials": "insecure", "grpc.max_concurrent_streams": 100}`)
	f.Add(`{"deadline_ms": 5000, "grpc.keepalive_time_ms": 30000, "grpc.keepalive_permit_without_calls": 1, "grpc.service_config": "{\"methodConfig\": [{\"name\": [{}], \"timeout\": \"5s\"}]}"}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Read("f", text)
		traps, root, lintErr := Lint("f", text)
		if err == nil && (lintErr != nil || root == nil) {
			t.Errorf("read but not linted: %v", lintErr)
		}
		_ = trap.Sentences(traps)
		if err != nil {
			return
		}
		policies, _ := Policies(Client{"f", c})
		for name, p := range policies {
			if _, err := grpc.Parse(p.Breaker.Params); err != nil {
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
