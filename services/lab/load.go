package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tripcurve/services/gateway"
	"tripcurve/services/payment"
)

// Arrival is one customer of the run.
type Arrival struct {
	At    time.Duration // from the first second of the run
	Route gateway.Route // PostOrder, GetStock or GetOrder
}

// Arrivals are the customers of a scenario in the order of their coming: Poisson,
// the same ones for the same seed.
func (sc Scenario) Arrivals() []Arrival {
	var all []Arrival
	for i, kind := range []struct {
		route gateway.Route
		rate  Rate
	}{{gateway.PostOrder, sc.Checkouts}, {gateway.GetStock, sc.InventoryReads}, {gateway.GetOrder, sc.OrderReads}} {
		times := rand.New(rand.NewPCG(sc.Seed, uint64(i)))
		most, boost := max(kind.rate.From, kind.rate.To), 1.0
		for _, f := range sc.Faults {
			if t, ok := f.(Traffic); ok && kind.route == gateway.PostOrder {
				boost = max(boost, t.Factor)
			}
		}
		most *= boost
		if !(most > 0) || math.IsInf(most, 0) {
			continue
		}
		// By thinning: arrivals at the highest rate, each kept with the share that
		// the rate has at its time.
		for t := times.ExpFloat64() / most; t < sc.Length.Seconds(); t += times.ExpFloat64() / most {
			at := time.Duration(t * float64(time.Second))
			if keep := times.Float64(); keep*most < sc.rate(kind.route, kind.rate, at) {
				all = append(all, Arrival{At: at, Route: kind.route})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Arrival) int { return int(a.At - b.At) })
	return all
}

// rate is what a kind of customer has at a time.
func (sc Scenario) rate(route gateway.Route, r Rate, at time.Duration) float64 {
	v := r.From + (r.To-r.From)*at.Seconds()/sc.Length.Seconds()
	for _, f := range sc.Faults {
		if t, ok := f.(Traffic); ok && route == gateway.PostOrder && at >= t.At && at < t.At+t.For {
			v *= t.Factor
		}
	}
	return v
}

// Answer is how one request of a customer ended.
type Answer struct {
	Route  gateway.Route
	Start  time.Time
	Took   time.Duration
	Status int // HTTP; 0 when there was no answer at all
	// GaveUp is a customer who hung up before the answer came.
	GaveUp bool
	// Again is a try of a checkout that the same customer makes once more.
	Again bool
}

// Failed says whether it was the pipeline's fault.
func (a Answer) Failed() bool { return a.Status == 0 || a.Status >= 500 }

// End is when the answer came.
func (a Answer) End() time.Time { return a.Start.Add(a.Took) }

// load is the customers.
type load struct {
	url    string
	pays   string // URL of the card processor
	client *http.Client
	sc     Scenario
	tell   func(Answer)
}

// answerTimeout is far beyond all that the gateway tries.
const answerTimeout = 2 * time.Minute

func newLoad(url, pays string, sc Scenario, tell func(Answer)) *load {
	return &load{
		url: url, pays: pays, sc: sc, tell: tell,
		client: &http.Client{
			Timeout: answerTimeout,
			Transport: &http.Transport{
				MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, ResponseHeaderTimeout: answerTimeout,
			},
		},
	}
}

// run lets the customers come from start on and returns when the last one has
// gone, or soon after ctx ends.
func (l *load) run(ctx context.Context, start time.Time, arrivals []Arrival) {
	defer l.client.CloseIdleConnections()
	var customers sync.WaitGroup
	defer customers.Wait()
	t := time.NewTimer(0)
	defer t.Stop()
	for i, a := range arrivals {
		t.Reset(time.Until(start.Add(a.At)))
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		customers.Go(func() { l.customer(ctx, i, a) })
	}
}

// customer comes for one thing; an accepted order is paid for.
func (l *load) customer(ctx context.Context, n int, a Arrival) {
	switch a.Route {
	case gateway.GetStock:
		l.tell(l.ask(ctx, question{route: a.Route, path: "/api/inventory/" + skuName(n%l.sc.World.SKUs)}))
	case gateway.GetOrder:
		l.tell(l.ask(ctx, question{route: a.Route, path: "/api/orders/" + knownOrder(n%knownOrders)}))
	case gateway.PostOrder:
		l.checkout(ctx, n)
	case gateway.NoRoute, gateway.PostIntent: // nobody sets out for these
	}
}

// checkout is one customer's, with as many tries as he has the patience for.
func (l *load) checkout(ctx context.Context, n int) {
	cart, of := n%carts, l.sc.Customers
	var placed gateway.Order
	q := question{
		route: gateway.PostOrder, path: "/api/orders", into: &placed, giveUp: of.GiveUp,
		body: gateway.Checkout{
			CartID: cartID(cart), PaymentMethod: "pm_visa_4242",
			ShippingAddress: gateway.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
		},
	}
	if of.Tries > 1 {
		q.key = fmt.Sprintf("customer-%d-%d", l.sc.Seed, n)
	}
	for try := 1; ; try++ {
		a := l.ask(ctx, q)
		a.Again = try < of.Tries && a.Failed()
		l.tell(a)
		if a.ok() {
			break
		}
		if !a.Again {
			return
		}
		hold(ctx, of.Pause)
		if ctx.Err() != nil {
			return
		}
	}
	if placed.ClientSecret == "" {
		return // the shop's queue has the order, and pays
	}
	l.tell(l.ask(ctx, question{
		route: gateway.PostIntent, path: "/api/payments/intent", key: placed.OrderID,
		body: gateway.Intent{Amount: gateway.Cents(l.sc.cartCents(cart)), Currency: "USD"},
	}))
	l.pay(ctx, placed.ClientSecret)
}

// pay is the customer's agreement, which the checkout page posts to the processor
// itself. It is no request of the pipeline's; whether the shop heard of it is in
// the order's status.
func (l *load) pay(ctx context.Context, secret string) {
	intent, _, found := strings.Cut(secret, "_secret_")
	if !found {
		return // the order has nothing to pay yet
	}
	text, err := json.Marshal(payment.Agreement{ClientSecret: secret})
	if err != nil {
		panic(err) // a string
	}
	path := strings.Replace(payment.ConfirmPath, "{id}", url.PathEscape(intent), 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.pays+path, bytes.NewReader(text))
	if err != nil {
		panic(fmt.Sprintf("%s%s: %v", l.pays, path, err)) // of our own making
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return // not paid
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

// question is one request to make.
type question struct {
	route  gateway.Route
	path   string
	body   any           // as JSON; nil is none
	key    string        // Idempotency-Key
	into   any           // what the answer is read into
	giveUp time.Duration // hang up after this long; 0 never
}

// ask makes one request. An answer with neither status nor duration is one that
// the end of the run cut off.
func (l *load) ask(ctx context.Context, q question) Answer {
	var in io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			panic(err) // strings and integers only
		}
		in = bytes.NewReader(text)
	}
	patient := ctx
	if q.giveUp > 0 {
		var cancel context.CancelFunc
		patient, cancel = context.WithTimeout(ctx, q.giveUp)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(patient, q.route.Method(), l.url+q.path, in)
	if err != nil {
		panic(fmt.Sprintf("%s%s: %v", l.url, q.path, err)) // of our own making
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	req.Header.Set("User-Agent", "tripcurve-lab")
	answer := Answer{Route: q.route, Start: time.Now()}
	resp, err := l.client.Do(req)
	if err == nil {
		answer.Status = resp.StatusCode
		if q.into != nil {
			_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(q.into) // an error's body has other fields
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if err != nil && ctx.Err() != nil {
		return answer // the run was ended, not the request
	}
	answer.Took = time.Since(answer.Start)
	answer.GaveUp = err != nil && patient.Err() != nil
	return answer
}

// ok says whether the request was granted.
func (a Answer) ok() bool { return a.Status >= 200 && a.Status < 300 }
