package world

import (
	"math"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/sim/vtime"
)

// grpc-go's connection backoff (backoff.DefaultConfig, and the 20 s of
// dialoptions.go's minConnectTimeout).
const (
	backoffBase       = time.Second
	backoffMultiplier = 1.6
	backoffJitter     = 0.2
	backoffMax        = 120 * time.Second
	connectTimeout    = 20 * time.Second
	firstSYN          = time.Second // Linux sends a SYN again after 1 s, 3 s, 7 s, ...
)

var (
	refused   = status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: connect: connection refused"`)
	noConnect = status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: i/o timeout"`)
)

// connect tries to make the connection's next flow come up. A server that is down
// refuses, a path that swallows everything lets the time limit pass; then calls fail
// at once, those that waited too, until a later try succeeds: grpc-go's
// TRANSIENT_FAILURE.
func (c *Conn) connect() {
	k := c.w.K
	switch {
	case c.from.down: // until it boots
	case c.path == nil && !c.to.down:
		k.After(2*c.w.delay, (*connected)(c.flow))
	case c.path == nil || c.path.open(k.Now()):
		f, extra := c.flow, time.Duration(0)
		if c.path != nil {
			extra = c.path.transit(toServer, 0) + c.path.transit(toClient, 0)
		}
		k.After(2*c.w.delay+extra, vtime.Func(func() { f.dialled() }))
	default:
		c.syn(c.flow, k.Now()+vtime.Time(max(connectTimeout, c.backoff())), firstSYN)
	}
}

// dialled is the server's answer to the connection's SYN.
func (f *flow) dialled() {
	switch c := f.c; {
	case f != c.flow:
	case c.to.down:
		c.failed(refused)
	default:
		(*connected)(f).Run()
	}
}

// syn sends the SYN again after its timeout, until it gets through or the time for
// it is over.
func (c *Conn) syn(f *flow, until vtime.Time, timeout time.Duration) {
	k := c.w.K
	at := min(k.Now()+vtime.Time(timeout), until)
	k.After(time.Duration(at-k.Now()), vtime.Func(func() {
		switch {
		case f != c.flow:
		case at == until:
			c.failed(noConnect)
		case c.path.open(at):
			k.After(2*c.w.delay, vtime.Func(func() { f.dialled() }))
		default:
			c.syn(f, until, 2*timeout)
		}
	}))
}

// failed is a try to connect that failed.
func (c *Conn) failed(err error) {
	c.failing = err
	c.waiting.refuse()
	wait := c.backoff()
	c.tries++
	f := c.flow
	c.w.K.After(wait, vtime.Func(func() {
		if f == c.flow {
			c.connect()
		}
	}))
}

// backoff is how long the connection waits after the try under way, should it fail.
func (c *Conn) backoff() time.Duration {
	if c.tries == 0 {
		return backoffBase
	}
	d := min(float64(backoffBase)*math.Pow(backoffMultiplier, float64(c.tries)), float64(backoffMax))
	if c.dice == nil {
		c.dice = c.w.Stream("reconnection of " + c.o.Edge)
	}
	return time.Duration(d * (1 + backoffJitter*(2*c.dice.At(uint64(c.tries))-1)))
}
