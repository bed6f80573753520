//go:build real

package pgstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pgtest"
	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/services/order/pgstore"
	"tripcurve/services/order/storetest"
	"tripcurve/services/pgkit"
	"tripcurve/services/pgkit/locktest"
)

// together runs functions as goroutines that begin at once and waits for them.
func together(t *testing.T) func(...func(context.Context)) {
	return func(fs ...func(context.Context)) {
		var wg sync.WaitGroup
		for _, f := range fs {
			wg.Go(func() { f(t.Context()) })
		}
		wg.Wait()
	}
}

// open is a fresh store with the carts.
func open(t *testing.T, pg *pgtest.Server, carts ...order.Cart) (*pgkit.DB, *pgstore.Store, string) {
	t.Helper()
	clock := host.NewWallClock()
	t.Cleanup(clock.Close)
	dsn := pg.Database(t)
	db, err := pgkit.Open(dsn, pgkit.Options{Application: "order", PoolSize: 10, Clock: clock, Cancel: policy.Propagate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Migrate(t.Context(), pgstore.Migrations); err != nil {
		t.Fatal(err)
	}
	s := pgstore.New(db)
	for _, c := range carts {
		if err := s.SaveCart(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return db, s, dsn
}

func TestRealOrdersKeepTheirContract(t *testing.T) {
	pg := pgtest.Start(t)
	storetest.Run(t, func(t *testing.T, carts ...order.Cart) storetest.World {
		_, s, _ := open(t, pg, carts...)
		return storetest.World{Store: s, Do: together(t)}
	})
}

func sample() order.Order {
	return order.Order{ID: "ord_1", Key: "k1", IntentID: "pi_1", Status: order.PendingPayment, TotalCents: 5}
}

func TestRealStatementsTakeTheLocksTheyDeclare(t *testing.T) {
	_, s, dsn := open(t, pgtest.Start(t), order.Cart{ID: "cart_1"})
	if _, err := s.Create(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	locktest.Run(t, dsn, order.Statements(), map[string][]any{
		"cart_select": {"cart_1"},
		"cart_upsert": {"cart_1", "usr_1", []order.Item{}, false},
		"order_insert": {
			"ord_2", "k2", "cart_1", "usr_1", order.PendingPayment, 5, "res_1", "pi_2", "secret",
			"", time.Now(),
			[]order.Item{},
			order.Address{},
			"pm_visa_4242", false,
		},
		"order_by_key":    {"k1"},
		"order_by_intent": {"pi_1"},
		"order_select":    {"ord_1"},
		"order_lock":      {"ord_1"},
		"order_update":    {"ord_1", order.Paid, "", "res_1", "pi_1", "secret", time.Now()},

		"checkouts_share": {}, "checkouts_lock": {}, "checkouts_select": {}, "checkouts_update": {order.Async, true},
	})
}

// What then does through the transaction of its context commits with the step,
// or not at all: a queue in the same database needs no more.
func TestRealThenCommitsWithTheStep(t *testing.T) {
	db, s, _ := open(t, pgtest.Start(t))
	if _, err := db.Pool().Exec(t.Context(), `CREATE TABLE jobs (order_id text)`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	enqueue := func(ctx context.Context, o order.Order) error {
		tx, ok := pgkit.TxOf(ctx)
		if !ok {
			return errors.New("no transaction in the context")
		}
		_, err := tx.Exec(ctx, `INSERT INTO jobs VALUES ($1)`, o.ID)
		return err
	}
	check := func(what, status string, jobs int) {
		t.Helper()
		o, err := s.Order(t.Context(), "ord_1")
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM jobs`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if o.Status != status || n != jobs {
			t.Errorf("%s: order %s with %d jobs, want %s with %d", what, o.Status, n, status, jobs)
		}
	}
	full := errors.New("queue full")
	_, err := s.Advance(t.Context(), "ord_1", order.Step{To: order.Paid}, func(ctx context.Context, o order.Order) error {
		return errors.Join(enqueue(ctx, o), full)
	})
	if !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	check("then failed", order.PendingPayment, 0)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Advance(ctx, "ord_1", order.Step{To: order.Paid}, func(ctx context.Context, o order.Order) error {
		defer cancel() // the caller has gone before the commit
		return enqueue(ctx, o)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	check("the caller has gone", order.PendingPayment, 0)

	for _, what := range []string{"paid", "paid again"} {
		if _, err := s.Advance(t.Context(), "ord_1", order.Step{To: order.Paid}, enqueue); err != nil {
			t.Fatal(err)
		}
		check(what, order.Paid, 1)
	}
}

// An order that does not wait for anything reserved yet has no expiry.
func TestRealZeroValuesSurvive(t *testing.T) {
	_, s, _ := open(t, pgtest.Start(t), order.Cart{ID: "cart_empty"})
	want := order.Order{ID: "ord_1", Status: order.PendingPayment, Items: []order.Item{}}
	if _, err := s.Create(t.Context(), order.Order{ID: "ord_1", Status: order.PendingPayment}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Order(t.Context(), "ord_1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	cart, err := s.Cart(t.Context(), "cart_empty")
	if err != nil || len(cart.Items) != 0 {
		t.Errorf("cart %v, %v", cart, err)
	}
}
