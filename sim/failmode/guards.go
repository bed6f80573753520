package failmode

import (
	_ "embed"
	"strconv"
	"strings"
)

// Guard is a place in the source that keeps a failure mode from doing harm.
type Guard string

// The guards.
const (
	OneTransaction   Guard = "one_transaction"
	CancelBelow      Guard = "cancel_below"
	SkipLocked       Guard = "skip_locked"
	HalfOpen         Guard = "half_open"
	OpenRejects      Guard = "open_rejects"
	Threshold        Guard = "threshold"
	CallTimeout      Guard = "call_timeout"
	RelativeDeadline Guard = "relative_deadline"
	WebhookTolerance Guard = "webhook_tolerance"
	RetryBudget      Guard = "retry_budget"
	Sweeper          Guard = "sweeper"
	Queued           Guard = "queued"
)

// place is what a guard does, and the line that does it: the only one of the file
// that holds the text.
type place struct{ does, file, text string }

// places are where the guards stand. The numbers of their lines are in lines.txt,
// which a test keeps true.
var places = map[Guard]place{
	OneTransaction:   {"all items of a cart are taken in one transaction, or none", "services/inventory/pgstock/pgstock.go", "err := s.db.InTx(ctx, func(ctx context.Context, c pgkit.Conn) error {\n\t\tfor _, it := range inventory.InOrder(items)"},
	CancelBelow:      {"the end of the caller reaches the call, and the work below it, unless the edge detaches", "services/host/guard.go", "if g.policy.Cancel == policy.Detach {\n\t\tif own"},
	SkipLocked:       {"rows that another checkout has locked are skipped", "services/inventory/statements.go", "FOR UPDATE SKIP LOCKED LIMIT $2"},
	HalfOpen:         {"after the open time one probe is let through", "internal/policy/opossum/machine.go", "m.state = policy.HalfOpen"},
	OpenRejects:      {"an open breaker rejects at once", "internal/policy/opossum/machine.go", `Reason: "EOPENBREAKER"`},
	Threshold:        {"it opens above the threshold, and slow is no error", "internal/policy/opossum/machine.go", "return rate > m.params.ErrorThresholdPercentage"},
	CallTimeout:      {"the breaker's own time limit ends a try, and frees its caller", "services/host/guard.go", "err := g.clock.Race(ctx, b.Wait"},
	RelativeDeadline: {"a deadline is a duration from now, and travels as one (grpc-timeout)", "services/host/guard.go", "bounded, cancel := g.clock.WithTimeout(ctx, d)"},
	WebhookTolerance: {"a signed message may be 5 min off", "services/payment/webhook/webhook.go", "Tolerance = 5 * time.Minute"},
	RetryBudget:      {"all calls of an edge share one budget of retries", "services/host/guard.go", "func (g *Guard) again("},
	Queued:           {"shipping is a job that is queued with the payment, and tried until it is done", "services/order/jobs.go", "return s.jobs.Enqueue(ctx, host.Job{"},
	Sweeper:          {"expired reservations are put back", "services/inventory/server.go", "expired, err := s.stock.Sweep(ctx)"},
}

//go:embed lines.txt
var lines string

// numbers are the lines by guard.
var numbers = func() map[Guard]int {
	m := map[Guard]int{}
	for _, l := range strings.Split(strings.TrimSpace(lines), "\n") {
		name, n, _ := strings.Cut(l, " ")
		m[Guard(name)], _ = strconv.Atoi(n) // a test has read them
	}
	return m
}()

// At is the guard's place: "services/host/guard.go:374".
func (g Guard) At() string { return places[g].file + ":" + strconv.Itoa(numbers[g]) }

// Does is what it does, in words.
func (g Guard) Does() string { return places[g].does }
