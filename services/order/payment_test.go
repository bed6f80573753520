package order_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"tripcurve/services/payment/webhook"
)

// jobs is a queue that keeps what it is given, or fails.
type jobs struct {
	mu   sync.Mutex
	got  []string
	fail error
}

func (j *jobs) Enqueue(_ context.Context, job host.Job) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail == nil {
		j.got = append(j.got, job.Kind+" "+string(job.Args))
	}
	return j.fail
}

func (j *jobs) Counts(context.Context, string) (host.JobCounts, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return host.JobCounts{Waiting: len(j.got)}, j.fail
}

const secret = "whsec_3f9a"

// till is an order service with one order, and the queue behind it.
type till struct {
	*order.Server
	clock *host.WallClock
	meter *host.MemoryMeter
	store *memstore.Orders
	jobs  *jobs
}

func openTill(t *testing.T) *till {
	t.Helper()
	w := &till{clock: host.NewWallClock(), meter: host.NewMemoryMeter(), store: memstore.NewOrders(), jobs: &jobs{}}
	var err error
	w.Server, err = order.New(order.Config{
		Clock: w.clock, Meter: w.meter, Store: w.store, Inventory: &callee{}, Payment: &callee{},
		WebhookSecret: secret, Jobs: w.jobs,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		w.clock.Close()
	})
	_, err = w.store.Create(t.Context(), order.Order{ID: "ord_1", IntentID: "pi_1", Status: order.PendingPayment, TotalCents: 69998})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *till) status(t *testing.T) string {
	t.Helper()
	o, err := w.store.Order(t.Context(), "ord_1")
	if err != nil {
		t.Fatal(err)
	}
	return o.Status
}

// paid is a message that an intent was paid, changed as change says.
func paid(t *testing.T, change func(*webhook.Event)) []byte {
	t.Helper()
	e := webhook.Event{ID: "evt_1", Type: webhook.Succeeded}
	e.Data.Object.ID, e.Data.Object.Amount, e.Data.Object.Currency = "pi_1", 69998, "USD"
	if change != nil {
		change(&e)
	}
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestPaymentEvent(t *testing.T) {
	job := []string{`fulfillment {"orderId":"ord_1"}`}

	t.Run("twenty of one at once pay the order once", func(t *testing.T) {
		w := openTill(t)
		body := paid(t, nil)
		signature := webhook.NewKey(secret).Sign(body, w.clock.Now())
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := w.PaymentEvent(t.Context(), body, signature); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := w.status(t); got != order.Paid {
			t.Errorf("the order is %s, want paid", got)
		}
		if diff := cmp.Diff(job, w.jobs.got); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		if _, err := w.store.Advance(t.Context(), "ord_1", order.Step{To: order.Shipped}, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.PaymentEvent(t.Context(), body, signature); err != nil {
			t.Errorf("once more, when it is shipped: %v", err)
		}
		if w.status(t) != order.Shipped || len(w.jobs.got) != 1 {
			t.Errorf("the order is %s with %d jobs, want shipped with one", w.status(t), len(w.jobs.got))
		}
	})

	t.Run("an order whose job cannot be queued is not paid yet", func(t *testing.T) {
		w := openTill(t)
		w.jobs.fail = errors.New("queue full")
		body := paid(t, nil)
		send := func() error {
			return w.PaymentEvent(t.Context(), body, webhook.NewKey(secret).Sign(body, w.clock.Now()))
		}
		if err := send(); status.Code(err) != codes.Unavailable || w.status(t) != order.PendingPayment {
			t.Errorf("answered %v, the order is %s", err, w.status(t))
		}
		w.jobs.fail = nil
		if err := send(); err != nil || w.status(t) != order.Paid {
			t.Errorf("sent again: answered %v, the order is %s", err, w.status(t))
		}
		if diff := cmp.Diff(job, w.jobs.got); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
	})

	for _, c := range []struct {
		name   string
		change func(*webhook.Event)
		secret string
		age    time.Duration
		code   codes.Code
		word   string
	}{
		{"another's signature", nil, "whsec_0000", 0, codes.Unauthenticated, "bad_signature"},
		{"an old signature", nil, secret, time.Hour, codes.Unauthenticated, "bad_signature"},
		{"too little money", func(e *webhook.Event) { e.Data.Object.Amount-- }, secret, 0, codes.FailedPrecondition, "wrong_sum"},
		{"other money", func(e *webhook.Event) { e.Data.Object.Currency = "JPY" }, secret, 0, codes.FailedPrecondition, "wrong_sum"},
		{"an intent of nobody's", func(e *webhook.Event) { e.Data.Object.ID = "pi_2" }, secret, 0, codes.NotFound, "unknown_order"},
		{"no intent", func(e *webhook.Event) { e.Data.Object.ID = "" }, secret, 0, codes.InvalidArgument, "bad_event"},
		{"another event", func(e *webhook.Event) { e.Type = "payment_intent.created" }, secret, 0, codes.OK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := openTill(t)
			body := paid(t, c.change)
			err := w.PaymentEvent(t.Context(), body, webhook.NewKey(c.secret).Sign(body, w.clock.Now().Add(-c.age)))
			if status.Code(err) != c.code || err != nil && host.Word(err) != c.word {
				t.Errorf("answered %v, want %v %s", err, c.code, c.word)
			}
			if w.status(t) != order.PendingPayment || len(w.jobs.got) != 0 {
				t.Errorf("the order is %s with %d jobs", w.status(t), len(w.jobs.got))
			}
		})
	}

	t.Run("a status that cannot become paid", func(t *testing.T) {
		w := openTill(t)
		if _, err := w.store.Create(t.Context(), order.Order{ID: "ord_2", IntentID: "pi_2", Status: "returned", TotalCents: 69998}); err != nil {
			t.Fatal(err)
		}
		body := paid(t, func(e *webhook.Event) { e.Data.Object.ID = "pi_2" })
		err := w.PaymentEvent(t.Context(), body, webhook.NewKey(secret).Sign(body, w.clock.Now()))
		if status.Code(err) != codes.FailedPrecondition || host.Word(err) != "wrong_step" || w.meter.Counter("order.webhook.wrong_step") != 1 {
			t.Errorf("answered %v, counted %v", err, w.meter.Counters())
		}
	})
}

func TestWebhook(t *testing.T) {
	w := openTill(t)
	good := paid(t, nil)
	unknown := paid(t, func(e *webhook.Event) { e.Data.Object.ID = "pi_2" })
	short := paid(t, func(e *webhook.Event) { e.Data.Object.Amount = 1 })
	for _, c := range []struct {
		name, method string
		body         []byte
		signed       bool
		code         int
		word         string
	}{
		{"signed", http.MethodPost, good, true, 200, ""},
		{"not signed", http.MethodPost, good, false, 401, "bad_signature"},
		{"of nobody's order", http.MethodPost, unknown, true, 404, "unknown_order"},
		{"too little money", http.MethodPost, short, true, 409, "wrong_sum"},
		{"signed nonsense", http.MethodPost, []byte("{"), true, 400, "bad_event"},
		{"too large", http.MethodPost, []byte(strings.Repeat(" ", webhook.MaxBody+1)), true, 413, "too_large"},
		{"asked for", http.MethodGet, nil, false, 405, "method_not_allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/webhooks/payment", strings.NewReader(string(c.body)))
			if c.signed {
				r.Header.Set(webhook.Header, webhook.NewKey(secret).Sign(c.body, w.clock.Now()))
			}
			got := httptest.NewRecorder()
			w.Webhook().ServeHTTP(got, r)
			if got.Code != c.code || strings.TrimSpace(got.Body.String()) != c.word {
				t.Errorf("answered %d %s, want %d %s", got.Code, got.Body, c.code, c.word)
			}
		})
	}
	if w.status(t) != order.Paid {
		t.Errorf("the order is %s, want paid", w.status(t))
	}
}
