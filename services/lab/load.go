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
	"slices"
	"sync"
	"time"

	"tripcurve/services/gateway"
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
}

// Failed says whether it was the pipeline's fault.
func (a Answer) Failed() bool { return a.Status == 0 || a.Status >= 500 }

// End is when the answer came.
func (a Answer) End() time.Time { return a.Start.Add(a.Took) }

// load is the customers.
type load struct {
	url    string
	client *http.Client
	sc     Scenario
	tell   func(Answer)
}

// answerTimeout is far beyond all that the gateway tries.
const answerTimeout = 2 * time.Minute

func newLoad(url string, sc Scenario, tell func(Answer)) *load {
	return &load{
		url: url, sc: sc, tell: tell,
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
		l.ask(ctx, a.Route, "/api/inventory/"+skuName(n%l.sc.World.SKUs), nil, "", nil)
	case gateway.GetOrder:
		l.ask(ctx, a.Route, "/api/orders/"+knownOrder(n%knownOrders), nil, "", nil)
	case gateway.PostOrder:
		c := n % carts
		var placed gateway.Order
		ok := l.ask(ctx, a.Route, "/api/orders", gateway.Checkout{
			CartID: cartID(c), PaymentMethod: "pm_visa_4242",
			ShippingAddress: gateway.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"},
		}, "", &placed)
		if ok {
			l.ask(ctx, gateway.PostIntent, "/api/payments/intent", gateway.Intent{Amount: gateway.Cents(l.sc.cartCents(c)), Currency: "USD"}, placed.OrderID, nil)
		}
	case gateway.NoRoute, gateway.PostIntent: // nobody sets out for these
	}
}

// ask makes one request and tells of its answer; it says whether that was a success.
func (l *load) ask(ctx context.Context, route gateway.Route, path string, body any, key string, into any) bool {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			panic(err) // strings and integers only
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, route.Method(), l.url+path, in)
	if err != nil {
		panic(fmt.Sprintf("%s%s: %v", l.url, path, err)) // of our own making
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	req.Header.Set("User-Agent", "tripcurve-lab")
	answer := Answer{Route: route, Start: time.Now()}
	resp, err := l.client.Do(req)
	if err == nil {
		answer.Status = resp.StatusCode
		if into != nil {
			_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(into) // an error's body has other fields
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if err != nil && ctx.Err() != nil {
		return false // the run was ended, not the request
	}
	answer.Took = time.Since(answer.Start)
	l.tell(answer)
	return answer.Status >= 200 && answer.Status < 300
}
