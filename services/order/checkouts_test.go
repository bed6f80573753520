package order_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
	"tripcurve/services/memstore"
	"tripcurve/services/order"
)

// line is a queue whose jobs are done when the test says so.
type line struct {
	mu      sync.Mutex
	waiting []host.Job
	done    int
	fail    error
}

func (l *line) Enqueue(_ context.Context, j host.Job) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	l.waiting = append(l.waiting, j)
	return nil
}

func (l *line) Counts(_ context.Context, kind string) (c host.JobCounts, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range l.waiting {
		if j.Kind == kind {
			c.Waiting++
		}
	}
	c.Done = l.done
	return c, l.fail
}

// work does the jobs that wait; those that fail stay.
func (l *line) work(ctx context.Context, do host.JobHandler) (err error) {
	l.mu.Lock()
	jobs := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, j := range jobs {
		e := do(ctx, j.Args)
		l.mu.Lock()
		if e != nil {
			l.waiting = append(l.waiting, j)
		} else {
			l.done++
		}
		l.mu.Unlock()
		err = errors.Join(err, e)
	}
	return err
}

// shop is an order service that checks out asynchronously.
type shop struct {
	*order.Server
	store *memstore.Orders
	line  *line
	to    *callee
}

func openShop(t *testing.T) *shop {
	t.Helper()
	w := &shop{store: memstore.NewOrders(cart("cart_8f3a2b", headphones)), line: &line{}, to: &callee{}}
	clock := host.NewWallClock()
	var err error
	w.Server, err = order.New(order.Config{Clock: clock, Store: w.store, Inventory: w.to, Payment: w.to, Jobs: w.line})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		clock.Close()
	})
	if err := w.Switch(t.Context(), order.Async); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *shop) accept(t *testing.T, key string) (id string) {
	t.Helper()
	got, err := w.Checkout(t.Context(), checkout(key))
	if err != nil || got.GetStatus() != order.Accepted || got.GetClientSecret() != "" || got.GetExpiresAtUnixNano() != 0 {
		t.Fatalf("answered %v, %v, want an accepted order with nothing to pay", got, err)
	}
	return got.GetOrderId()
}

func (w *shop) order(t *testing.T, id string) order.Order {
	t.Helper()
	o, err := w.store.Order(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAsynchronousCheckout(t *testing.T) {
	t.Run("asks nobody, and the queue does the rest", func(t *testing.T) {
		w := openShop(t)
		id := w.accept(t, "k1")
		if len(w.to.reserves)+len(w.to.intents) != 0 {
			t.Error("stock was reserved or a payment made while the customer waited")
		}
		if job := w.line.waiting[0]; job.Kind != order.CheckoutJob || string(job.Args) != `{"orderId":"`+id+`"}` || !job.Unique {
			t.Errorf("job %s %s, unique %t", job.Kind, job.Args, job.Unique)
		}
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Fatal(err)
		}
		want := order.Order{
			ID: id, Key: "k1", CartID: "cart_8f3a2b", UserID: "usr_1", Status: order.PendingPayment, TotalCents: 69998,
			ReservationID: "res_7f3a", IntentID: "pi_3Mx", ClientSecret: "pi_3Mx_secret_abc123", ExpiresAt: expires,
			Items: []order.Item{headphones}, PaymentMethod: "pm_visa_4242",
			Address: order.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
		}
		if diff := cmp.Diff(want, w.order(t, id)); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		if in := w.to.intents[0]; in.GetIdempotencyKey() != id || in.GetReservationId() != "res_7f3a" || in.GetAmountCents() != 69998 {
			t.Errorf("asked for the intent %v", in)
		}
		if in := w.to.confirms[0]; in.GetIntentId() != "pi_3Mx" || in.GetClientSecret() != "pi_3Mx_secret_abc123" {
			t.Errorf("confirmed %v", in)
		}
		again, err := w.Checkout(t.Context(), checkout("k1"))
		if err != nil || again.GetOrderId() != id || again.GetStatus() != order.PendingPayment {
			t.Errorf("the same key again: %v, %v", again, err)
		}
	})

	t.Run("goes on where a try before it ended", func(t *testing.T) {
		w := openShop(t)
		w.to.expires = time.Now().Add(time.Hour)
		id := w.accept(t, "k1")
		for _, c := range []struct {
			breaks   func(error)
			status   string
			reserves int
			intents  int
		}{
			{func(err error) { w.to.reserve = err }, order.Accepted, 1, 0},
			{func(err error) { w.to.pay = err }, order.Reserved, 2, 1},
			{func(err error) { w.to.confirm = err }, order.PendingPayment, 2, 2},
		} {
			c.breaks(status.Error(codes.Unavailable, "down"))
			if err := w.line.work(t.Context(), w.Process); status.Code(err) != codes.Unavailable {
				t.Errorf("to %s: error %v, want UNAVAILABLE", c.status, err)
			}
			c.breaks(nil)
			if got := w.order(t, id).Status; got != c.status || len(w.to.reserves) != c.reserves || len(w.to.intents) != c.intents {
				t.Errorf("order %s after %d reservations and %d intents, want %s, %d and %d", got, len(w.to.reserves), len(w.to.intents), c.status, c.reserves, c.intents)
			}
		}
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Fatal(err)
		}
		if len(w.to.reserves) != 2 || len(w.to.intents) != 2 || len(w.to.confirms) != 2 {
			t.Errorf("%d reservations, %d intents, %d confirmations, want 2 of each", len(w.to.reserves), len(w.to.intents), len(w.to.confirms))
		}
	})

	t.Run("reserves anew what has expired", func(t *testing.T) {
		w := openShop(t) // whose reservations have expired long ago
		id := w.accept(t, "k1")
		w.to.pay = status.Error(codes.Unavailable, "down")
		_ = w.line.work(t.Context(), w.Process)
		w.to.pay, w.to.reservation = nil, "res_8a21"
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Fatal(err)
		}
		if o := w.order(t, id); o.ReservationID != "res_8a21" || o.Status != order.PendingPayment {
			t.Errorf("order %s holds %s, want pending_payment with res_8a21", o.Status, o.ReservationID)
		}
	})

	t.Run("charges nobody for a reservation that has expired", func(t *testing.T) {
		w := openShop(t) // whose reservations have expired long ago
		id := w.accept(t, "k1")
		w.to.confirm = status.Error(codes.Unavailable, "down")
		_ = w.line.work(t.Context(), w.Process)
		w.to.confirm, w.to.reserve = nil, status.Error(codes.FailedPrecondition, "out_of_stock")
		if err := w.line.work(t.Context(), w.Process); err == nil || len(w.to.confirms) != 1 {
			t.Errorf("without stock: error %v, confirmed %d times", err, len(w.to.confirms))
		}
		w.to.reserve, w.to.reservation = nil, "res_8a21"
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Fatal(err)
		}
		if o := w.order(t, id); o.ReservationID != "res_8a21" || o.Status != order.PendingPayment || len(w.to.confirms) != 2 {
			t.Errorf("order %s holds %s, confirmed %d times", o.Status, o.ReservationID, len(w.to.confirms))
		}
	})

	t.Run("declines what is out of stock, once and for all", func(t *testing.T) {
		w := openShop(t)
		id := w.accept(t, "k1")
		w.to.reserve = status.Error(codes.FailedPrecondition, "out_of_stock")
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Errorf("error %v: the job would be tried again", err)
		}
		w.to.reserve = nil
		if o := w.order(t, id); o.Status != order.Declined || len(w.to.intents) != 0 {
			t.Errorf("order %s with %d intents, want declined with none", o.Status, len(w.to.intents))
		}
		_, err := w.Checkout(t.Context(), checkout("k1"))
		if status.Code(err) != codes.FailedPrecondition || host.Word(err) != "out_of_stock" {
			t.Errorf("the same key again: %v, want out_of_stock", err)
		}
	})

	t.Run("does a job that comes twice once", func(t *testing.T) {
		w := openShop(t)
		w.to.expires = time.Now().Add(time.Hour)
		w.accept(t, "k1")
		job := w.line.waiting[0]
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Fatal(err)
		}
		if err := w.Process(t.Context(), job.Args); err != nil {
			t.Fatal(err)
		}
		if len(w.to.reserves) != 1 || len(w.to.intents) != 1 {
			t.Errorf("%d reservations and %d intents, want one of each", len(w.to.reserves), len(w.to.intents))
		}
	})

	t.Run("accepts nothing that it cannot leave to the queue", func(t *testing.T) {
		w := openShop(t)
		w.line.fail = errors.New("full")
		if _, err := w.Checkout(t.Context(), checkout("k1")); status.Code(err) != codes.Unavailable || w.store.Len() != 0 {
			t.Errorf("answered %v with %d orders stored, want UNAVAILABLE and none", err, w.store.Len())
		}
		for _, args := range []string{"", "{", `{"orderId":7}`, `{"orderId":"ord_none"}`} {
			if err := w.Process(t.Context(), []byte(args)); err == nil {
				t.Errorf("the job %q was done", args)
			}
		}
	})

	t.Run("learns what another process has switched", func(t *testing.T) {
		w := openShop(t)
		if err := w.store.SetCheckouts(t.Context(), order.Checkouts{Mode: order.Sync}, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Checkout(t.Context(), checkout("k1")); err != nil || got.GetStatus() != order.PendingPayment {
			t.Errorf("after a switch to sync: %v, %v", got, err)
		}
		if err := w.store.SetCheckouts(t.Context(), order.Checkouts{Mode: order.Async}, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.accept(t, "k2")
	})
}

func TestSwitch(t *testing.T) {
	t.Run("refuses the way back while orders are in flight", func(t *testing.T) {
		w := openShop(t)
		for i := range 3 {
			w.accept(t, fmt.Sprint("k", i))
		}
		err := w.Switch(t.Context(), order.Sync)
		if left := (*order.InFlightError)(nil); !errors.As(err, &left) || left.Orders != 3 {
			t.Errorf("error %v, want 3 orders in flight", err)
		}
		w.accept(t, "k3") // and nothing has changed
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Fatal(err)
		}
		if err := w.Switch(t.Context(), order.Sync); err != nil {
			t.Error(err)
		}
		if got, err := w.Checkout(t.Context(), checkout("k4")); err != nil || got.GetStatus() != order.PendingPayment {
			t.Errorf("synchronously: %v, %v", got, err)
		}
	})

	t.Run("needs a queue", func(t *testing.T) {
		s, store := start(t, &callee{}, nil)
		if err := store.SetCheckouts(t.Context(), order.Checkouts{Mode: order.Async}, nil); err != nil { // by another process
			t.Fatal(err)
		}
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Checkout(t.Context(), checkout("k1")); err != nil || got.GetStatus() != order.PendingPayment {
			t.Errorf("a server without one: %v, %v; want it to take orders synchronously", got, err)
		}
		if err := s.Switch(t.Context(), order.Async); err == nil {
			t.Error("a shop without a queue leaves checkouts to it")
		}
		if err := s.Switch(t.Context(), order.Sync); err != nil {
			t.Error(err)
		}
	})

	t.Run("drains: takes none, waits, switches", func(t *testing.T) {
		w := openShop(t)
		id := w.accept(t, "k1")
		drained := make(chan error, 1)
		go func() { drained <- w.Drain(t.Context()) }()
		closed := func() bool {
			i, err := w.Intake(t.Context())
			return err == nil && i.Closed && i.Jobs.Left() == 1
		}
		for !closed() {
			time.Sleep(time.Millisecond)
		}
		_, err := w.Checkout(t.Context(), checkout("k2"))
		if status.Code(err) != codes.Unavailable || host.Word(err) != "checkout_closed" {
			t.Errorf("meanwhile: %v, want UNAVAILABLE checkout_closed", err)
		}
		select {
		case err := <-drained:
			t.Fatalf("drained (%v) with an order in flight", err)
		default:
		}
		if err := w.line.work(t.Context(), w.Process); err != nil {
			t.Fatal(err)
		}
		if err := <-drained; err != nil {
			t.Fatal(err)
		}
		if got, err := w.Checkout(t.Context(), checkout("k2")); err != nil || got.GetStatus() != order.PendingPayment || w.order(t, id).Status != order.PendingPayment {
			t.Errorf("afterwards: %v, %v", got, err)
		}
		if err := w.Drain(t.Context()); err != nil {
			t.Errorf("nothing to drain: %v", err)
		}
	})

	t.Run("a drain that is interrupted lets orders in again", func(t *testing.T) {
		w := openShop(t)
		w.accept(t, "k1")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := w.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the end of its time", err)
		}
		w.accept(t, "k2")
	})

	t.Run("a drain after one whose process died lets orders in again too", func(t *testing.T) {
		w := openShop(t)
		w.accept(t, "k1")
		if err := w.store.SetCheckouts(t.Context(), order.Checkouts{Mode: order.Async, Closed: true}, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := w.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the end of its time", err)
		}
		w.accept(t, "k2")
	})

	t.Run("ends when somebody lets orders in again", func(t *testing.T) {
		w := openShop(t)
		w.accept(t, "k1")
		drained := make(chan error, 1)
		go func() { drained <- w.Drain(t.Context()) }()
		for closed := false; !closed; time.Sleep(time.Millisecond) {
			how, err := w.store.Checkouts(t.Context())
			closed = err == nil && how.Closed
		}
		if err := w.Switch(t.Context(), order.Async); err != nil {
			t.Fatal(err)
		}
		if err := <-drained; !errors.Is(err, order.ErrOpened) {
			t.Errorf("error %v, want %v", err, order.ErrOpened)
		}
		w.accept(t, "k2")
	})
}

func TestControl(t *testing.T) {
	w := openShop(t)
	w.accept(t, "k1")
	ask := func(method, query string) (code int, body string) {
		r := httptest.NewRequestWithContext(t.Context(), method, "/checkout"+query, nil)
		rec := httptest.NewRecorder()
		w.Control().ServeHTTP(rec, r)
		return rec.Code, strings.TrimSpace(rec.Body.String())
	}
	const async = `{"mode":"async","closed":false,"jobs":{"waiting":1,"running":0,"done":0,"failed":0}}`
	for _, c := range []struct {
		method, query string
		code          int
		body          string
	}{
		{http.MethodGet, "", 200, async},
		{http.MethodPut, "?mode=sync", 409, `{"in_flight":1}`},
		{http.MethodPut, "?mode=async", 200, async},
		{http.MethodPut, "?mode=later", 400, `checkout mode "later": expected sync or async`},
		{http.MethodPut, "", 400, `checkout mode "": expected sync or async`},
		{http.MethodDelete, "", 405, "method_not_allowed"},
	} {
		if code, body := ask(c.method, c.query); code != c.code || body != c.body {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.query, code, body, c.code, c.body)
		}
	}
	w.line.fail = errors.New("gone")
	if code, _ := ask(http.MethodGet, ""); code != 503 {
		t.Errorf("without the queue's counts: %d, want 503", code)
	}
	w.line.fail = nil
	if err := w.line.work(t.Context(), w.Process); err != nil {
		t.Fatal(err)
	}
	code, body := ask(http.MethodPut, "?mode=sync&drain=true")
	var i order.Intake
	if err := json.Unmarshal([]byte(body), &i); err != nil || code != 200 || i.Mode != order.Sync || i.Closed || i.Jobs.Done != 1 {
		t.Errorf("drained: %d %s", code, body)
	}
}
