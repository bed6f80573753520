package scenario

import (
	"cmp"
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/retry"
	"tripcurve/services/gateway"
	"tripcurve/services/host"
	"tripcurve/services/order"
	"tripcurve/sim"
	"tripcurve/sim/vtime"
	"tripcurve/sim/world"
)

// shop is the customers: who comes when, with which cart, and what they do next.
type shop struct {
	r       *run
	skus    []string
	known   []string // orders from before the run
	choices *world.Stream
	gone    []*customer // who have left, for those to come
}

const knownOrders = 256

func newShop(r *run) *shop {
	s := &shop{r: r, choices: r.w.Stream("customers")}
	for i := range r.sc.World.SKUs {
		sku := "WH-1000XM5"
		if i > 0 {
			sku = fmt.Sprintf("SKU-%03d", i)
		}
		s.skus = append(s.skus, sku)
		r.stock.Add(sku, r.sc.World.StockPerSKU)
	}
	for i := range knownOrders {
		id := fmt.Sprintf("ord_%012x", vtime.Mix(uint64(i)+1)>>16)
		s.known = append(s.known, id)
		r.orders.Put(order.Order{ID: id, CartID: "cart_" + id[4:], Status: "shipped", TotalCents: 4999, TrackingNumber: "1Z" + id[4:]})
	}
	return s
}

// open lets the three kinds of customers in, and the users.
func (s *shop) open() {
	if len(s.r.sc.Arrivals) > 0 {
		(&listed{s: s}).next()
		return
	}
	sc := &s.r.sc
	for i, route := range sought {
		a := &arrivals{
			s: s, route: route, tag: uint64(i+1) << 56,
			at:    sc.Rate(route).Arrivals(sc.Length, sc.Surges(route)),
			times: s.r.w.Stream("arrivals " + route.Method() + " " + route.Template()),
		}
		a.next()
	}
	for n := range sc.Load.Users.N {
		s.r.w.K.Start(nil, &user{s: s, n: uint64(n)})
	}
}

// sought are the routes that customers set out for.
var sought = [...]gateway.Route{gateway.PostOrder, gateway.GetStock, gateway.GetOrder}

// arrivals is a Poisson process by inversion of its rate's integral: one uniform
// number per arrival.
type arrivals struct {
	s     *shop
	route gateway.Route
	tag   uint64
	at    sim.Arrivals
	times *world.Stream
	due   float64 // integral of the rate at the next arrival
	n     uint64
}

func (a *arrivals) next() {
	a.due += a.times.Exp()
	if at, ok := a.at.At(a.due); ok {
		k := a.s.r.w.K
		k.After(time.Duration(at*float64(time.Second))-time.Duration(k.Now()), a)
	}
}

// Run is one arrival.
func (a *arrivals) Run() {
	a.n++
	a.s.enter(a.route, a.tag|a.n)
	a.next()
}

// enter lets in the customer of a number that no other has.
func (s *shop) enter(route gateway.Route, n uint64) {
	c := s.customer()
	c.route, c.tag = route, vtime.Mix(s.r.sc.Seed^vtime.Mix(n))
	s.r.w.K.Start(nil, c)
}

// listed lets in the customers that the scenario lists.
type listed struct {
	s *shop
	n int
}

func (l *listed) next() {
	if l.n < len(l.s.r.sc.Arrivals) {
		k := l.s.r.w.K
		k.After(l.s.r.sc.Arrivals[l.n].At-time.Duration(k.Now()), l)
	}
}

// Run is one arrival.
func (l *listed) Run() {
	l.s.enter(l.s.r.sc.Arrivals[l.n].Route, uint64(l.n))
	l.n++
	l.next()
}

// customer is one request, and for an accepted order the payment that follows. What
// is asked and answered lies here and not on the process's stack, which it would make
// twice as large: thousands wait at once.
type customer struct {
	ctx   vtime.Loose
	s     *shop
	route gateway.Route
	tag   uint64

	// The request under way, and its answer.
	asks  gateway.Request
	told  gateway.Response
	trace host.Trace
}

// customer is one whom nobody is any more, or a new one.
func (s *shop) customer() *customer {
	n := len(s.gone) - 1
	if n < 0 {
		return &customer{s: s}
	}
	c := s.gone[n]
	s.gone = s.gone[:n]
	return c
}

// draw is a uniform number that depends on the customer alone.
func (c *customer) draw(step uint64) float64 { return c.s.choices.At(c.tag + step) }

// Run is the customer's process.
func (c *customer) Run() {
	c.ctx.SetTag(c.tag)
	switch c.route {
	case gateway.PostOrder:
		c.checkout()
	case gateway.GetStock:
		c.read(gateway.GetStock, c.s.skus[int(c.draw(1)*float64(len(c.s.skus)))])
	case gateway.GetOrder:
		c.read(gateway.GetOrder, c.s.known[int(c.draw(1)*float64(len(c.s.known)))])
	case gateway.NoRoute, gateway.PostIntent: // nobody sets out for these: a payment follows an accepted order
	}
	c.s.gone = append(c.s.gone, c)
}

// read asks for one thing.
func (c *customer) read(route gateway.Route, id string) {
	c.request(route).ID = id
	c.ask()
}

// request is the next one, to be filled.
func (c *customer) request(route gateway.Route) *gateway.Request {
	c.asks = gateway.Request{}
	c.asks.Route = route
	return &c.asks
}

// ask makes the request and writes down how it was answered.
func (c *customer) ask() {
	r, route := c.s.r, c.asks.Route
	r.rec.started(route, r.w.K.Now())
	if r.obs.OnAccess == nil && r.obs.OnCheckout == nil { // else the tries are kept by whoever looks on
		c.trace.Reset()
		c.asks.Trace = &c.trace
	}
	r.gw.Handle(&c.ctx, &c.asks, &c.told)
	r.rec.ended(route, &c.told, r.w.K.Now())
	if r.obs.OnCheckout != nil && route == gateway.PostOrder {
		r.obs.OnCheckout(&c.told)
	}
	if r.obs.OnAccess != nil {
		c.log()
	}
}

// log tells of the answer as the access log does. It is a function of its own so that
// the entry does not lie on the stack of every customer who waits.
//
//go:noinline
func (c *customer) log() {
	r := c.s.r
	r.obs.OnAccess(r.gw.Entry(&c.asks, &c.told, c.client(), size(&c.told)))
}

// checkout buys a cart; an accepted order is followed by its payment.
func (c *customer) checkout() {
	cents := c.fill(c.request(gateway.PostOrder))
	c.ask()
	for n := range c.s.r.sc.Retries.Times {
		if c.told.OK() {
			break
		}
		c.s.sleep(c.again(n + 1))
		c.ask()
	}
	if c.told.Status != 201 { // 202 leaves nothing to pay: the shop's queue does that
		return
	}
	id, secret := c.told.Order.OrderID, c.told.Order.ClientSecret
	q := c.request(gateway.PostIntent)
	q.Key, q.Intent.Amount, q.Intent.Currency = id, cents, "USD"
	c.ask()
	c.s.r.back.pay(&c.ctx, secret)
}

// fill fills a cart, which the shop keeps, and what buys it, and adds it up.
func (c *customer) fill(q *gateway.Request) (total gateway.Cents) {
	cart := order.Cart{
		ID: hexID("cart_", c.tag>>40), UserID: hexID("usr_", c.tag>>16),
		Items: make([]order.Item, 1+int(c.draw(1)*3)),
	}
	first := int(c.draw(2) * float64(len(c.s.skus)))
	for i := range cart.Items {
		sku, it := (first+i)%len(c.s.skus), &cart.Items[i]
		it.SKU, it.Qty, it.PriceCents = c.s.skus[sku], 1+int(c.draw(3+uint64(i))*2), 1999+1100*int64(sku)
		if sku == 0 {
			it.PriceCents = 34999
		}
		total += gateway.Cents(int64(it.Qty) * it.PriceCents)
	}
	c.s.r.orders.SaveCart(cart)
	b := &q.Checkout
	b.CartID, b.UserID, b.PaymentMethod = cart.ID, cart.UserID, "pm_visa_4242"
	b.ShippingAddress = gateway.Address{Line1: "123 Main St", City: "Portland", State: "OR", Zip: "97201"}
	return total
}

// again is how long the customer waits before trying for the n-th time again.
func (c *customer) again(n int) time.Duration {
	r := c.s.r.sc.Retries
	wait := policy.Retry{Base: r.After, Multiplier: cmp.Or(r.Multiplier, 1), Jitter: r.Jitter}
	return retry.Backoff(wait, n, c.draw(1000+uint64(n)))
}

func (s *shop) sleep(d time.Duration) {
	if k := s.r.w.K; k.Sleep(nil, d) == vtime.Killed {
		k.Unwind()
	}
}

// user is one of the fixed number.
type user struct {
	s *shop
	n uint64
}

// userTag keeps users' draws apart from those of other arrivals.
const userTag = 9 << 56

// Run is the user's process.
func (u *user) Run() {
	s, users := u.s, &u.s.r.sc.Load.Users
	for round := uint64(1); ; round++ {
		c := &customer{s: s, tag: vtime.Mix(s.r.sc.Seed ^ vtime.Mix(userTag|u.n<<28|round))}
		c.ctx.SetTag(c.tag)
		s.sleep(users.Think.Draw(c.draw(2000)))
		c.read(gateway.GetStock, s.skus[int(c.draw(2001)*float64(len(s.skus)))])
		if c.draw(2002) < users.Buy {
			c.checkout()
		}
	}
}

// hexID is prefix and the lower 24 bits of v.
func hexID(prefix string, v uint64) string {
	const digits = "0123456789abcdef"
	var buf [16]byte
	b := append(buf[:0], prefix...)
	for shift := 20; shift >= 0; shift -= 4 {
		b = append(b, digits[v>>shift&0xf])
	}
	return string(b)
}

// client is what the access log tells of the customer.
func (c *customer) client() gateway.Client {
	agents := [...]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
	}
	h, q := vtime.Mix(c.tag+99), &c.asks
	path, in := q.Route.Template(), 0
	switch q.Route {
	case gateway.PostOrder:
		in = 212
	case gateway.GetOrder:
		path = "/api/orders/" + q.ID
	case gateway.GetStock:
		path = "/api/inventory/" + q.ID
	case gateway.PostIntent:
		in = 96
	case gateway.NoRoute:
	}
	return gateway.Client{
		IP: addresses[h%uint64(len(addresses))], UserAgent: agents[h>>32%3],
		RequestID: requestID(c.tag, uint64(q.Route)), Authority: "shop.example.com", Path: path, BytesIn: in,
	}
}

// addresses are from a range that is reserved for documentation.
var addresses = func() (a [254]string) {
	for i := range a {
		a[i] = fmt.Sprintf("198.51.100.%d", i+1)
	}
	return a
}()

// requestID has the shape of a version 4 UUID.
func requestID(tag, step uint64) string {
	const digits = "0123456789abcdef"
	hi, lo := vtime.Mix(tag^step), vtime.Mix(tag+step+1)
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc<<60) | 0x8<<60
	var b [36]byte
	put := func(at int, v uint64, n int) {
		for i := range n {
			b[at+n-1-i] = digits[v>>(4*i)&0xf]
		}
	}
	put(0, hi>>32, 8)
	put(9, hi>>16, 4)
	put(14, hi, 4)
	put(19, lo>>48, 4)
	put(24, lo, 12)
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// size is about what the answer's body takes, in bytes.
func size(resp *gateway.Response) int {
	switch {
	case resp.Status >= 500:
		return 118
	case resp.Status >= 400:
		return 74
	case resp.Route == gateway.PostOrder:
		return 171
	case resp.Route == gateway.GetStock:
		return 40
	default:
		return 143
	}
}
