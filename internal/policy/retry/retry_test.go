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
		plan := PlanOf(p.Retry)
		var out strings.Builder
		for line := range strings.Lines(d.Input) {
			call(&out, plan.Begin(), strings.Fields(line), u)
			if t, ok := plan.Budget.(*Throttle); ok {
				fmt.Fprintf(&out, "   %.2f tokens", t.Tokens())
			}
			out.WriteString("\n")
		}
		return out.String()
	})
}

func call(out *strings.Builder, c Call, outcomes []string, u float64) {
	defer c.End()
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
		c.Again()
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

// books is a budget that takes down what it is told.
type books struct {
	told              []string
	refuses, prevents bool
}

func (b *books) note(what string, retry bool) {
	if retry {
		what += " retry"
	}
	b.told = append(b.told, what)
}

func (b *books) Begin(retry bool) bool { b.note("begin", retry); return !b.prevents }
func (b *books) End(retry bool)        { b.note("end", retry) }
func (b *books) Failed(last bool) bool {
	b.told = append(b.told, fmt.Sprintf("failed last=%t", last))
	return !b.refuses
}
func (b *books) Succeeded() { b.told = append(b.told, "succeeded") }

func TestBudgetIsToldEverything(t *testing.T) {
	for _, tt := range []struct {
		name   string
		budget books
		call   func(c *Call)
		want   string
	}{
		{"succeeds", books{}, func(c *Call) { c.Succeeded() }, "begin, succeeded, end"},
		{"succeeds at the second attempt", books{}, func(c *Call) { c.Failed(0); c.Again(); c.Succeeded() }, "begin, failed last=false, begin retry, end retry, succeeded, end"},
		{"has no attempts left", books{}, func(c *Call) { c.Failed(0); c.Again(); c.Failed(0) }, "begin, failed last=false, begin retry, end retry, failed last=true, end"},
		{"an error not worth retrying", books{}, func(c *Call) { c.Failed(0); c.Again(); c.GivenUp() }, "begin, failed last=false, begin retry, end retry, end"},
		{"refused before the wait", books{refuses: true}, func(c *Call) { c.Failed(0) }, "begin, failed last=false, end"},
		{"prevented after the wait", books{prevents: true}, func(c *Call) {
			c.Failed(0)
			if !c.Again() { // else the retry would have to end
				return
			}
			c.Succeeded()
		}, "begin, failed last=false, begin retry, end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Plan{Attempts: 2, Budget: &tt.budget}
			c := p.Begin()
			tt.call(&c)
			c.End()
			if got := strings.Join(tt.budget.told, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestWaitsOfACallItsOwn(t *testing.T) {
	p := Plan{Attempts: 3, PerCall: func() func(int, float64) time.Duration {
		last := time.Second
		return func(int, float64) time.Duration { last *= 2; return last }
	}}
	for range 2 {
		c := p.Begin()
		for _, want := range []time.Duration{2 * time.Second, 4 * time.Second} {
			if wait, again := c.Failed(0); wait != want || !again {
				t.Errorf("wait %s, %t, want %s", wait, again, want)
			}
			c.Again()
		}
		if !c.Last() {
			t.Error("a third attempt is not the last")
		}
	}
}
