package grpcconfig

import (
	"flag"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy/grpc"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/read.txt: what a config says, written again, and its
// traps ("policies" shows what it says as policies instead). What we write grpc-go
// must take, and reading it again must change nothing.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		c, err := Read("service.json", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		text := Write(c)
		if err := refused(text); err != nil {
			t.Errorf("grpc-go refuses what was written: %v\n%s", err, text)
		}
		again, err := Read("service.json", text)
		if err != nil || Write(again) != text {
			t.Errorf("%s\nbecame %s, %v", text, Write(again), err)
		}
		if d.Cmd == "policies" {
			return said(t, c)
		}
		return text + strings.Join(append(trap.Sentences(Traps(c)), ""), "\n")
	})
}

// said is a config as policies, and what is none.
func said(t *testing.T, c Config) string {
	var out strings.Builder
	policies, notes := Policies(c)
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		b := policies[name].Breaker
		if _, err := grpc.Parse(b.Params); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out.WriteString(name + "\n")
		for _, param := range slices.Sorted(maps.Keys(b.Params)) {
			out.WriteString("  " + param + " " + b.Params[param] + "\n")
		}
	}
	return out.String() + strings.Join(append(notes, ""), "\n")
}

// refused is grpc-go's own opinion of a config.
func refused(text string) error {
	conn, err := rpc.NewClient("passthrough:///x", rpc.WithTransportCredentials(insecure.NewCredentials()), rpc.WithDefaultServiceConfig(text))
	if err != nil {
		return err
	}
	return conn.Close()
}

// What grpc-go refuses is refused here, too.
func TestRefused(t *testing.T) {
	const good = `{"methodConfig": [{"name": [{"service": "a.B"}], "timeout": "5s", "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}], "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}}`
	for _, change := range [][2]string{
		{`"5s"`, `"5"`},
		{`"5s"`, `5`},
		{`"5s"`, `"5m"`},
		{`"5s"`, `"0.0000000001s"`},
		{`"maxAttempts": 3`, `"maxAttempts": 1`},
		{`"maxAttempts": 3`, `"maxAttempts": "3"`},
		{`"initialBackoff": "0.1s", `, ``},
		{`"0.1s"`, `"0s"`},
		{`"1s"`, `"-1s"`},
		{`"backoffMultiplier": 2`, `"backoffMultiplier": 0`},
		{`["UNAVAILABLE"]`, `[]`},
		{`["UNAVAILABLE"]`, `["unavailable"]`},
		{`["UNAVAILABLE"]`, `[17]`},
		{`"maxTokens": 10`, `"maxTokens": 1001`},
		{`"maxTokens": 10`, `"maxTokens": 0`},
		{`"tokenRatio": 0.1`, `"tokenRatio": 0`},
		{`{"service": "a.B"}`, `{"method": "C"}`},
		{`{"service": "a.B"}`, `{"service": "a.B"}, {"service": "a.B"}`},
		{`}}`, `}`},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if err := refused(text); err == nil {
			t.Errorf("grpc-go takes %s", text)
		}
		if _, err := Read("f", text); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
	if err := refused(good); err != nil {
		t.Error(err)
	}
	if _, err := Read("f", good); err != nil {
		t.Error(err)
	}
}

// Whatever the config, grpc-go takes what is written, and it is read as it was.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Comment: rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "comment")}
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"*", "a.B", "a.B/C", "a.B/D", "e.F"}), 1, 4, rapid.ID).Draw(t, "names")
		for _, n := range names {
			m := rapid.Custom(anyMethod).Draw(t, n)
			service, method, ok := strings.Cut(n, "/")
			name := Name{}
			if service != "*" {
				name.Service = &service
			}
			if ok {
				name.Method = &method
			}
			m.Name = []Name{name}
			c.MethodConfig = append(c.MethodConfig, m)
		}
		if rapid.Bool().Draw(t, "throttled") {
			c.RetryThrottling = &RetryThrottling{
				MaxTokens:  rapid.Float64Range(0.001, 1000).Draw(t, "tokens"),
				TokenRatio: rapid.Float64Range(0.001, 10).Draw(t, "ratio"),
			}
		}
		text := Write(c)
		if err := refused(text); err != nil {
			t.Fatalf("grpc-go refuses: %v\n%s", err, text)
		}
		got, err := Read("f", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("%s\n%s", text, diff)
		}
		policies, _ := Policies(c)
		if len(policies) != len(names) {
			t.Fatalf("%d policies of %d names", len(policies), len(names))
		}
		for name, p := range policies {
			if _, err := grpc.Parse(p.Breaker.Params); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}

func anyMethod(t *rapid.T) MethodConfig {
	duration := rapid.Map(rapid.Int64Range(1, 999_999_999*1e9), func(n int64) Duration { return Duration(n) })
	var m MethodConfig
	if rapid.Bool().Draw(t, "limited") {
		m.Timeout = &Timeout{Duration: time.Duration(duration.Draw(t, "timeout"))}
	}
	if rapid.Bool().Draw(t, "waits") {
		m.WaitForReady = new(rapid.Bool().Draw(t, "waitForReady"))
	}
	if rapid.Bool().Draw(t, "retries") {
		m.RetryPolicy = &RetryPolicy{
			MaxAttempts:    rapid.IntRange(2, math.MaxInt32).Draw(t, "maxAttempts"),
			InitialBackoff: duration.Draw(t, "initialBackoff"), MaxBackoff: duration.Draw(t, "maxBackoff"),
			BackoffMultiplier:    rapid.Float64Range(1e-9, 1e9).Draw(t, "multiplier"),
			RetryableStatusCodes: rapid.SliceOfN(rapid.Map(rapid.SampledFrom(grpc.StatusNames()), func(s string) Code { return Code(s) }), 1, 3).Draw(t, "codes"),
		}
	}
	return m
}

func FuzzRead(f *testing.F) {
	f.Add(`{"methodConfig": [{"name": [{"service": "a.B"}], "timeout": "5s", "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`)
	f.Add(`{"loadBalancingConfig": [{"round_robin": {}}], "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Read("f", text)
		if err != nil {
			return
		}
		_ = Traps(c)
		policies, _ := Policies(c)
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
