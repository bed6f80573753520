//go:build real

package lab

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/services/order"
)

// held is a real SHARE lock on the stock, until it is let go.
func (l *Lab) held(t *testing.T) (letGo func()) {
	t.Helper()
	conn, err := l.settings.Cluster.connect(t.Context(), roleMigrator, dbInventory, "migrate")
	if err != nil {
		t.Fatal(err)
	}
	migration := &session{Conn: conn}
	t.Cleanup(migration.hangUp)
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE stock_reservations IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}

// statuses counts the orders that customers made here by their status.
func (l *Lab) statuses(t *testing.T) map[string]int {
	t.Helper()
	conn, err := l.settings.Cluster.connect(t.Context(), roleShop, dbOrders, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), `SELECT status, count(*) FROM orders WHERE idempotency_key IS NOT NULL GROUP BY status`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	var status string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&status, &n}, func() error { all[status] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// Behind a real lock a shop that checks out asynchronously takes everybody's order at
// once, lets nobody switch back while those are in flight, turns customers away while it
// drains, and has shipped every order in the end.
func TestRealAsynchronousCheckout(t *testing.T) {
	sc, _ := ByName(edges(), "healthy")
	sc.Checkout = order.Async
	sc.World.IdleDrop = 0 // a job that is tried again after a pause would hang for ever
	l := up(t, sc)
	dir := l.state.dir
	accept := func(n int) {
		t.Helper()
		for range n {
			if resp, word, took := l.checkout(t); resp.StatusCode != http.StatusAccepted || took > 5*time.Second {
				t.Fatalf("answered %d %s after %s, want 202 at once", resp.StatusCode, word, took)
			}
		}
	}
	mode := func(want order.Checkouts) order.Intake {
		t.Helper()
		i, err := Checkout(t.Context(), dir)
		if err != nil || i.Checkouts != want {
			t.Fatalf("checkouts are %+v, %v, want %+v", i, err, want)
		}
		return i
	}
	async := order.Checkouts{Mode: order.Async}

	// A shop that dies comes back as it was.
	accept(1)
	for deadline := time.Now().Add(time.Minute); mode(async).Jobs.Left() > 0; time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatal("the first order is never done")
		}
	}
	if err := l.restart(t.Context(), serviceOrder); err != nil {
		t.Fatal(err)
	}
	mode(async)

	const n = 15 // more than there are workers
	letGo := l.held(t)
	accept(n)
	if i := mode(async); i.Jobs.Left() < n {
		t.Errorf("%+v, want %d orders in flight", i.Jobs, n)
	}
	var left *order.InFlightError
	if _, err := SwitchCheckout(t.Context(), dir, order.Sync, false); !errors.As(err, &left) || left.Orders < n {
		t.Errorf("switch to sync: %v, want %d orders in flight", err, n)
	}
	accept(1)

	// A drain whose asker goes away is undone.
	drain := func(ctx context.Context) chan error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		t.Cleanup(cancel)
		drained := make(chan error, 1)
		go func() {
			_, err := SwitchCheckout(ctx, dir, order.Sync, true)
			drained <- err
		}()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(pollEvery) {
			if i, err := Checkout(t.Context(), dir); err == nil && i.Closed {
				return drained
			} else if time.Now().After(deadline) {
				t.Fatalf("the intake does not close: %+v, %v", i, err)
			}
		}
	}
	ctx, goAway := context.WithCancel(t.Context())
	drained := drain(ctx)
	resp, word, _ := l.checkout(t)
	if resp.StatusCode != http.StatusServiceUnavailable || word != "checkout_closed" || resp.Header.Get("Retry-After") != "30" {
		t.Errorf("while it drains: %d %s, Retry-After %q", resp.StatusCode, word, resp.Header.Get("Retry-After"))
	}
	goAway()
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Errorf("a drain that was given up: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(pollEvery) {
		if i, err := Checkout(t.Context(), dir); err == nil && !i.Closed {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the intake stays closed: %+v, %v", i, err)
		}
	}
	accept(1)

	drained = drain(t.Context())
	select {
	case err := <-drained:
		t.Fatalf("drained (%v) behind a lock", err)
	case <-time.After(2 * drainLooks):
	}
	letGo()
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	mode(order.Checkouts{Mode: order.Sync})
	if resp, word, _ := l.checkout(t); resp.StatusCode != http.StatusCreated {
		t.Errorf("synchronously: %d %s", resp.StatusCode, word)
	}

	// All but the last, which waits for its customer's payment.
	want := map[string]int{order.Shipped: n + 3, order.PendingPayment: 1}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * pollEvery) {
		got := l.statuses(t)
		if got[order.Shipped] == want[order.Shipped] && len(got) == len(want) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("orders %v, want %v", got, want)
		}
	}
	if orphans, err := l.orphans(t.Context()); err != nil || orphans != 0 {
		t.Errorf("%d orphans, %v", orphans, err)
	}
	if _, err := SwitchCheckout(t.Context(), t.TempDir(), order.Async, false); !errors.Is(err, ErrNoLab) {
		t.Errorf("without a lab: %v", err)
	}
	l.mu.Lock()
	pid := l.children[serviceOrder].PID
	l.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := Checkout(t.Context(), dir); err == nil {
		t.Error("a dead order service answers")
	}
}

// drainLooks is longer than a drain waits before it looks again.
const drainLooks = 500 * time.Millisecond
