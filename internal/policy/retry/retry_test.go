package retry

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tripcurve/internal/policy"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/retry.txt. The command is a policy; each input line is
// one call, the outcomes of its attempts: "fails fails ok", "fails x9". u=0.75 sets
// the dice.
func TestScripts(t *testing.T) {
	datadriven.RunTest(t, "testdata/retry.txt", func(t *testing.T, d *datadriven.TestData) string {
		var p policy.Policy
		u := 0.5
		for _, a := range d.CmdArgs {
			if a.Key == "u" {
				if _, err := fmt.Sscan(a.Vals[0], &u); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := p.Set(a.Key, a.Vals[0]); err != nil {
				t.Fatal(err)
			}
		}
		budget := NewBudget(p.Retry.Budget)
		var out strings.Builder
		for line := range strings.Lines(d.Input) {
			call(&out, New(p.Retry, budget), strings.Fields(line), u)
			fmt.Fprintf(&out, "   %.2f tokens\n", budget.Tokens())
		}
		return out.String()
	})
}

func call(out *strings.Builder, c Call, outcomes []string, u float64) {
	for _, o := range outcomes {
		fmt.Fprintf(out, "%d %s ", c.Attempt(), o)
		if o == "ok" {
			c.Succeeded()
			return
		}
		wait, again := c.Failed(u)
		if !again {
			out.WriteString("given up")
			return
		}
		fmt.Fprintf(out, "(%s) ", wait)
	}
}

func TestBackoff(t *testing.T) {
	base := policy.Retry{Base: 100 * time.Millisecond, Max: time.Second}
	for _, tt := range []struct {
		name string
		r    policy.Retry
		n    int
		u    float64
		want time.Duration
	}{
		{"first retry", base, 1, 0.5, 100 * time.Millisecond},
		{"doubles by default", base, 3, 0.5, 400 * time.Millisecond},
		{"bounded", base, 30, 0.5, time.Second},
		{"no base", policy.Retry{Max: time.Second}, 3, 0.5, 0},
		{"gRPC's least", policy.Retry{Base: 100 * time.Millisecond, Jitter: 0.2}, 1, 0, 80 * time.Millisecond},
		{"gRPC's most", policy.Retry{Base: 100 * time.Millisecond, Jitter: 0.2}, 1, math.Nextafter(1, 0), 120 * time.Millisecond},
		{"jitter after the bound", policy.Retry{Base: time.Second, Max: time.Second, Jitter: 0.5}, 9, 0.75, 1250 * time.Millisecond},
		{"full jitter may be nothing", policy.Retry{Base: time.Second, Jitter: 1}, 1, 0, 0},
		{"growth of 1.5", policy.Retry{Base: time.Second, Multiplier: 1.5}, 3, 0.5, 2250 * time.Millisecond},
		{"never more than time can hold", policy.Retry{Base: time.Hour, Multiplier: 1000}, 500, 0.9, math.MaxInt64 / 2},
		{"not a retry", base, 0, 0.5, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Backoff(tt.r, tt.n, tt.u); (got - tt.want).Abs() > time.Microsecond {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
