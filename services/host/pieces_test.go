package host_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/policy/retry"
	"tripcurve/services/host"
	"tripcurve/services/pb"
)

// seen is what the breaker and the callee of one order saw of some calls.
type seen struct {
	Called  []time.Duration  // when the function was called
	Told    []policy.Outcome // what the breaker was told
	Answers []string         // what each caller got, and when
}

// script is a callee whose calls take so long and end so, one after the other; the
// last of them is for all that follow.
func script(b bench, s *seen, acts ...func(ctx context.Context) error) conn {
	var mu sync.Mutex
	return func(ctx context.Context, _ *pb.ReserveResponse) error {
		mu.Lock()
		i := min(len(s.Called), len(acts)-1)
		s.Called = append(s.Called, b.at())
		mu.Unlock()
		return acts[i](ctx)
	}
}

func down(context.Context) error { return errDown }
func fine(context.Context) error { return nil }

// slow takes so long and heeds its context.
func (b bench) slow(d time.Duration, end error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := b.clock.Sleep(ctx, d); err != nil {
			return status.FromContextError(err).Err()
		}
		return end
	}
}

func (b bench) answer(err error) string {
	word := "ok"
	r, rejected := host.RejectionOf(err)
	switch {
	case err == nil:
	case rejected:
		word = r.Reason
	case errors.Is(err, host.ErrTimeout):
		word = err.Error()
	default:
		word = status.Code(err).String()
	}
	return b.at().String() + " " + word
}

const (
	total   = library.TotalTimeout
	retries = library.Retry
	limit   = library.Limit
	breaker = library.Breaker
	timeout = library.CallTimeout
)

func threeTries() *retry.Plan {
	p := retry.PlanOf(policy.Retry{Attempts: 3, Base: time.Second, Multiplier: 2})
	return &p
}

func failed(took time.Duration) policy.Outcome {
	return policy.Outcome{Code: policy.Failure, Took: took, Status: 503}
}

func timedOut(took time.Duration) policy.Outcome {
	return policy.Outcome{Code: policy.Timeout, Took: took}
}

func TestOrder(t *testing.T) {
	tests := []struct {
		name   string
		policy policy.Policy
		built  library.Built
		callee func(b bench) []func(context.Context) error
		want   seen
	}{
		{
			name:   "retries outside the breaker: each attempt is one call of it",
			built:  library.Built{Retry: threeTries(), Order: []library.Piece{retries, breaker}},
			callee: func(bench) []func(context.Context) error { return []func(context.Context) error{down, fine} },
			want: seen{
				Called:  []time.Duration{0, time.Second},
				Told:    []policy.Outcome{failed(0), {Status: 200}},
				Answers: []string{"1s ok"},
			},
		},
		{
			name:   "retries inside the breaker: it sees the call",
			built:  library.Built{Retry: threeTries(), Order: []library.Piece{breaker, retries}},
			callee: func(bench) []func(context.Context) error { return []func(context.Context) error{down, fine} },
			want: seen{
				Called:  []time.Duration{0, time.Second},
				Told:    []policy.Outcome{{Took: time.Second, Status: 200}},
				Answers: []string{"1s ok"},
			},
		},
		{
			name:   "retries inside the breaker, and all of them fail: one failure",
			built:  library.Built{Retry: threeTries(), Order: []library.Piece{breaker, retries}},
			callee: func(bench) []func(context.Context) error { return []func(context.Context) error{down} },
			want: seen{
				Called:  []time.Duration{0, time.Second, 3 * time.Second},
				Told:    []policy.Outcome{failed(3 * time.Second)},
				Answers: []string{"3s Unavailable"},
			},
		},
		{
			name:  "the call timeout is inside both: a hung attempt is one timeout, and made again",
			built: library.Built{Retry: threeTries(), CallTimeout: 2 * time.Second, Order: []library.Piece{retries, breaker, timeout}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(time.Minute, nil), fine}
			},
			want: seen{
				Called:  []time.Duration{0, 3 * time.Second},
				Told:    []policy.Outcome{timedOut(2 * time.Second), {Status: 200}},
				Answers: []string{"3s ok"},
			},
		},
		{
			name:  "the shorter time limit holds, and the edge's own is no timeout of the library",
			built: library.Built{CallTimeout: 5 * time.Second}, policy: policy.Policy{Timeout: 2 * time.Second},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(time.Minute, nil)}
			},
			want: seen{
				Called:  []time.Duration{0},
				Told:    []policy.Outcome{{Code: policy.Failure, Took: 2 * time.Second}},
				Answers: []string{"2s order.inventory: no answer within 2s"},
			},
		},
		{
			name:  "the total timeout ends an attempt, and there is no further one",
			built: library.Built{Retry: threeTries(), TotalTimeout: 5 * time.Second, Order: []library.Piece{total, retries, breaker}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(3*time.Second, errDown)}
			},
			want: seen{
				Called:  []time.Duration{0, 4 * time.Second},
				Told:    []policy.Outcome{failed(3 * time.Second), timedOut(time.Second)},
				Answers: []string{"5s order.inventory: no answer within 5s"},
			},
		},
		{
			name:  "the total timeout ends a wait",
			built: library.Built{Retry: threeTries(), TotalTimeout: 2500 * time.Millisecond, Order: []library.Piece{total, retries, breaker}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{down}
			},
			want: seen{
				Called:  []time.Duration{0, time.Second},
				Told:    []policy.Outcome{failed(0), failed(0)},
				Answers: []string{"2.5s order.inventory: no answer within 2.5s"},
			},
		},
		{
			name: "Polly's breaker takes an attempt that the total timeout cancelled for no failure",
			built: library.Built{
				Retry: threeTries(), TotalTimeout: 5 * time.Second, TotalUnseen: true, CallTimeout: 4 * time.Second,
				Order: []library.Piece{limit, total, retries, breaker, timeout},
			},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(3*time.Second, errDown), b.slow(time.Minute, nil)}
			},
			want: seen{
				Called:  []time.Duration{0, 4 * time.Second},
				Told:    []policy.Outcome{failed(3 * time.Second), {Code: policy.Unrecorded, Took: time.Second}},
				Answers: []string{"5s order.inventory: no answer within 5s"},
			},
		},
		{
			name:  "the limit outside the breaker rejects unseen, and a rejection is not made again",
			built: library.Built{Retry: threeTries(), MaxConcurrent: 1, Order: []library.Piece{retries, limit, breaker}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(5*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0},
				Told:    []policy.Outcome{{Took: 5 * time.Second, Status: 200}},
				Answers: []string{"0s max_concurrent", "5s ok"},
			},
		},
		{
			name:  "the limit inside the breaker is a failure to it (Semian's bulkhead)",
			built: library.Built{MaxConcurrent: 1, Order: []library.Piece{breaker, limit}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(5*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0},
				Told:    []policy.Outcome{{Code: policy.Busy}, {Took: 5 * time.Second, Status: 200}},
				Answers: []string{"0s max_concurrent", "5s ok"},
			},
		},
		{
			name: "resilience4j's retry makes also a rejected attempt again, and its bulkhead is innermost",
			built: library.Built{
				Retry: rejectedToo(), MaxConcurrent: 1, CallTimeout: 10 * time.Second,
				Order: []library.Piece{retries, breaker, timeout, limit},
			},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(2*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0, 3 * time.Second},
				Told:    []policy.Outcome{{Code: policy.Busy}, {Code: policy.Busy}, {Took: 2 * time.Second, Status: 200}, {Took: 2 * time.Second, Status: 200}},
				Answers: []string{"2s ok", "5s ok"},
			},
		},
		{
			name:  "the limit outside the retries holds its place through the waits",
			built: library.Built{Retry: threeTries(), MaxConcurrent: 1, Order: []library.Piece{limit, retries, breaker}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{down, b.slow(3*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0, time.Second},
				Told:    []policy.Outcome{failed(0), {Took: 3 * time.Second, Status: 200}},
				Answers: []string{"0s max_concurrent", "4s ok"},
			},
		},
		{
			name:  "a limit between a breaker outside and the retries inside it",
			built: library.Built{Retry: threeTries(), MaxConcurrent: 1, Order: []library.Piece{breaker, limit, retries}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{down, b.slow(3*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0, time.Second},
				Told:    []policy.Outcome{{Code: policy.Busy}, {Took: 4 * time.Second, Status: 200}},
				Answers: []string{"0s max_concurrent", "4s ok"},
			},
		},
		{
			name:  "a limit inside retries inside a breaker: the call that found no place is Busy to it",
			built: library.Built{Retry: threeTries(), MaxConcurrent: 1, Order: []library.Piece{breaker, retries, limit}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(3*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0},
				Told:    []policy.Outcome{{Code: policy.Busy}, {Took: 3 * time.Second, Status: 200}},
				Answers: []string{"0s max_concurrent", "3s ok"},
			},
		},
		{
			name:  "a limit outside a breaker outside the retries",
			built: library.Built{Retry: threeTries(), MaxConcurrent: 1, Order: []library.Piece{limit, breaker, retries}},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(3*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0},
				Told:    []policy.Outcome{{Took: 3 * time.Second, Status: 200}},
				Answers: []string{"0s max_concurrent", "3s ok"},
			},
		},
		{
			name:   "the lower bound holds",
			policy: policy.Policy{MaxConcurrent: 1},
			built:  library.Built{MaxConcurrent: 2},
			callee: func(b bench) []func(context.Context) error {
				return []func(context.Context) error{b.slow(3*time.Second, nil)}
			},
			want: seen{
				Called:  []time.Duration{0},
				Told:    []policy.Outcome{{Took: 3 * time.Second, Status: 200}},
				Answers: []string{"0s max_concurrent", "3s ok"},
			},
		},
		{
			name:   "the edge's own retries where the library makes none",
			policy: policy.Policy{Retry: policy.Retry{Attempts: 2, Base: time.Second}},
			built:  library.Built{Order: []library.Piece{breaker, timeout}},
			callee: func(b bench) []func(context.Context) error { return []func(context.Context) error{down, fine} },
			want: seen{
				Called:  []time.Duration{0, time.Second},
				Told:    []policy.Outcome{failed(0), {Status: 200}},
				Answers: []string{"1s ok"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b bench) {
				var got seen
				r := &recorder{}
				tt.built.Breaker = r
				g := b.guard(t, tt.policy, script(b, &got, tt.callee(b)...), host.WithBuilt(tt.built))
				// Where a place is what matters, a second caller comes right behind.
				answers := make(chan string, 2)
				callers := 1
				if tt.built.MaxConcurrent > 0 {
					callers = 2
				}
				for range callers {
					go func() { answers <- b.answer(reserve(t.Context(), g)) }()
					synctest.Wait()
				}
				for range callers {
					got.Answers = append(got.Answers, <-answers)
				}
				b.wait(t, 2*time.Minute)
				got.Told = r.got
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func rejectedToo() *retry.Plan {
	p := retry.PlanOf(policy.Retry{Attempts: 3, Base: time.Second, Multiplier: 2})
	p.Rejected = true
	return &p
}

// What becomes of the call below when one of the library's own time limits runs
// out, and when the caller's own does so earlier.
func TestEnding(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy policy.Policy
		built  library.Built
		answer string
		below  time.Duration // when the call below ended
	}{
		{"detached, the call runs on", policy.Policy{}, library.Built{TotalTimeout: 5 * time.Second}, "5s order.inventory: no answer within 5s", time.Minute},
		{"propagated, it ends", policy.Policy{Cancel: policy.Propagate}, library.Built{TotalTimeout: 5 * time.Second}, "5s order.inventory: no answer within 5s", 5 * time.Second},
		{"a proxy resets it", policy.Policy{}, library.Built{TotalTimeout: 5 * time.Second, Ending: library.EndReset}, "5s order.inventory: no answer within 5s", 5 * time.Second},
		{"a proxy resets an attempt", policy.Policy{}, library.Built{CallTimeout: 5 * time.Second, Ending: library.EndReset}, "5s order.inventory: no answer within 5s", 5 * time.Second},
		{"a deadline ends it on both sides", policy.Policy{}, library.Built{TotalTimeout: 5 * time.Second, Ending: library.EndDeadline}, "5s DeadlineExceeded", 5 * time.Second},
		{"a caller goes on, the proxy resets later", policy.Policy{Timeout: 2 * time.Second}, library.Built{TotalTimeout: 5 * time.Second, Ending: library.EndReset}, "2s order.inventory: no answer within 2s", 5 * time.Second},
		{"a caller goes on, the deadline comes later", policy.Policy{Timeout: 2 * time.Second}, library.Built{TotalTimeout: 5 * time.Second, Ending: library.EndDeadline}, "2s order.inventory: no answer within 2s", 5 * time.Second},
		{"the edge's own deadline is earlier", policy.Policy{Deadline: 2 * time.Second}, library.Built{TotalTimeout: 5 * time.Second, Ending: library.EndDeadline}, "2s DeadlineExceeded", 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b bench) {
				var ended time.Duration
				g := b.guard(t, tt.policy, func(ctx context.Context, _ *pb.ReserveResponse) error {
					err := b.slow(time.Minute, nil)(ctx)
					ended = b.at()
					return err
				}, host.WithBuilt(tt.built))
				if got := b.answer(reserve(t.Context(), g)); got != tt.answer {
					t.Errorf("answer %q, want %q", got, tt.answer)
				}
				b.wait(t, 2*time.Minute)
				if ended != tt.below {
					t.Errorf("the call below ended after %s, want %s", ended, tt.below)
				}
			})
		})
	}

	t.Run("a deadline that ends in a wait between attempts is a deadline, too", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var s seen
			g := b.guard(t, policy.Policy{}, script(b, &s, down), host.WithBuilt(library.Built{
				Retry: threeTries(), TotalTimeout: 500 * time.Millisecond, Ending: library.EndDeadline,
			}))
			err := reserve(t.Context(), g)
			if status.Code(err) != codes.DeadlineExceeded || b.at() != 500*time.Millisecond || len(s.Called) != 1 {
				t.Errorf("after %s and %d calls: %v", b.at(), len(s.Called), err)
			}
		})
	})

	t.Run("a breaker around the retries shortens each attempt of a probe", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var s seen
			g := b.guard(t, policy.Policy{}, script(b, &s, b.slow(time.Minute, nil)), host.WithBuilt(library.Built{
				Breaker: &shortener{}, Retry: threeTries(), Order: []library.Piece{breaker, retries},
			}))
			if got, want := b.answer(reserve(t.Context(), g)), "6s order.inventory: no answer within 1s"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	})
}

// shortener is a breaker that gives a call 1 s.
type shortener struct{ recorder }

func (*shortener) Allow(time.Time, float64) (policy.Ticket, policy.Verdict) {
	return policy.Ticket{}, policy.Verdict{Admitted: true, Limit: time.Second}
}

func TestStatusesOfThePlan(t *testing.T) {
	plan := threeTries()
	plan.Retries = func(status uint32) bool { return codes.Code(status) == codes.ResourceExhausted }
	for _, tt := range []struct {
		code codes.Code
		want int
	}{{codes.ResourceExhausted, 3}, {codes.Unavailable, 1}} {
		inBubble(t, func(t *testing.T, b bench) {
			var s seen
			g := b.guard(t, policy.Policy{}, script(b, &s, func(context.Context) error { return status.Error(tt.code, "no") }),
				host.WithBuilt(library.Built{Retry: plan}))
			_ = reserve(t.Context(), g)
			if len(s.Called) != tt.want {
				t.Errorf("%s: %d attempts, want %d", tt.code, len(s.Called), tt.want)
			}
		})
	}
}

func TestRetriesTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, b bench) {
		_, err := host.NewGuard("order.inventory", policy.Policy{Retry: policy.Retry{Attempts: 2}}, conn(hang), b.clock, b.meter, half,
			host.WithBuilt(library.Built{Retry: threeTries()}))
		if err == nil || !strings.Contains(err.Error(), "only one of the two") {
			t.Errorf("%v, want a refusal of retries inside retries", err)
		}
	})
}

// A service config as gRPC's clients carry it out: one deadline over all attempts, no
// breaker.
func TestServiceConfig(t *testing.T) {
	guard := func(t *testing.T, b bench, c conn, params map[string]string) *host.Guard {
		t.Helper()
		return b.guard(t, policy.Policy{Breaker: policy.BreakerSpec{Library: "grpc", Params: params}}, c)
	}
	t.Run("retries what it names within its timeout", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var s seen
			g := guard(t, b, script(b, &s, down), map[string]string{"timeout": "500ms", "retryPolicy.maxAttempts": "5"})
			if got, want := b.answer(reserve(t.Context(), g)), "500ms DeadlineExceeded"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			// Waits of 100, 200 and 400 ms; half is the middle of the dice.
			if diff := cmp.Diff([]time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond}, s.Called); diff != "" {
				t.Error(diff)
			}
			if _, ok := g.Snapshot(); ok {
				t.Error("a breaker out of nothing")
			}
		})
	})
	t.Run("ends a hang on both sides, and that costs a token where it is to be retried", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b bench) {
			var s seen
			g := guard(t, b, script(b, &s, b.slow(time.Minute, nil), b.slow(time.Minute, nil), down), map[string]string{
				"timeout": "1s", "retryPolicy.maxAttempts": "2", "retryThrottling.maxTokens": "4",
				"retryPolicy.retryableStatusCodes": "DEADLINE_EXCEEDED,UNAVAILABLE",
			})
			for _, want := range []string{"1s DeadlineExceeded", "2s DeadlineExceeded", "2s Unavailable"} {
				if got := b.answer(reserve(t.Context(), g)); got != want {
					t.Errorf("%q, want %q", got, want)
				}
			}
			if len(s.Called) != 3 { // two of four tokens are gone, so the third call is not retried
				t.Errorf("called at %v", s.Called)
			}
		})
	})
}
