package host

import (
	"context"
	"reflect"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// attempt is one try of a call whose caller may go on without it. Those that were
// seen to their end are used again: a call makes one, with a message of its own, and
// a simulation makes tens of thousands.
type attempt struct {
	g           *Guard
	conn        grpc.ClientConnInterface
	deadline    time.Duration
	method      string
	args, reply any
	opts        []grpc.CallOption
	own         proto.Message // what reply is while another attempt may follow
	run         func(context.Context) error
}

// attemptFor is an attempt of c. One that is abandoned may still write its reply, so
// every attempt that can be followed by another writes into a message of its own; nil
// when the reply is none of which there could be another.
func (g *Guard) attemptFor(c *call) *attempt {
	a := g.spareAttempt()
	a.method, a.args, a.reply, a.opts = c.method, c.args, c.reply, c.opts
	if c.tries.Last() {
		return a
	}
	if a.own == nil || reflect.TypeOf(a.own) != reflect.TypeOf(c.reply) {
		m, ok := c.reply.(proto.Message)
		if !ok {
			return nil
		}
		a.own = m.ProtoReflect().New().Interface()
	}
	a.reply = a.own
	return a
}

func (g *Guard) spareAttempt() *attempt {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.spare) - 1; n >= 0 {
		a := g.spare[n]
		g.spare = g.spare[:n]
		return a
	}
	a := &attempt{g: g}
	a.run = a.invoke
	return a
}

// invoke is the attempt itself.
func (a *attempt) invoke(ctx context.Context) error {
	defer a.g.release()
	return a.g.invoke(ctx, a.conn, bounds{deadline: a.deadline}, a.method, a.args, a.reply, a.opts)
}

// done hands over the reply of an attempt that succeeded, which says that it has
// ended and that nothing writes into it any more.
func (a *attempt) done(reply any) {
	if a.own != nil && a.reply == any(a.own) {
		proto.Merge(reply.(proto.Message), a.own)
		proto.Reset(a.own)
	}
	a.conn, a.args, a.reply, a.opts = nil, nil, nil, nil
	a.g.mu.Lock()
	a.g.spare = append(a.g.spare, a)
	a.g.mu.Unlock()
}
