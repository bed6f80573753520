package host

import (
	"context"
	"reflect"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"tripcurve/internal/policy/library"
)

// attempt is one try of a call whose caller may go on without it. When both are done
// with it, it is used again: a call makes one, with a message of its own, and a
// simulation makes tens of thousands.
type attempt struct {
	g           *Guard
	users       int // the caller and the call below; under the guard's lock
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
	m, ok := c.reply.(proto.Message)
	last := c.tries.Last()
	if !ok && !last {
		return nil
	}
	a := g.spareAttempt()
	a.users, a.method, a.args, a.reply, a.opts = 2, c.method, c.args, c.reply, c.opts
	if !last {
		if a.own == nil || reflect.TypeOf(a.own) != reflect.TypeOf(m) {
			a.own = m.ProtoReflect().New().Interface()
		}
		a.reply = a.own
	}
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

// invoke is the call below.
func (a *attempt) invoke(ctx context.Context) error {
	defer a.ended()
	return a.g.invoke(ctx, a.conn, library.Bounds{Deadline: a.deadline}, a.method, a.args, a.reply, a.opts)
}

// ended is the end of the call below, which may be long after its caller went on.
func (a *attempt) ended() {
	a.g.release()
	a.leave()
}

// hand gives the caller the reply of an attempt that succeeded, and so has ended.
func (a *attempt) hand(reply any) {
	if a.reply != reply {
		proto.Merge(reply.(proto.Message), a.own)
	}
}

// leave is one of the attempt's users being done with it.
func (a *attempt) leave() {
	a.g.mu.Lock()
	defer a.g.mu.Unlock()
	if a.users--; a.users > 0 {
		return
	}
	if a.own != nil {
		proto.Reset(a.own)
	}
	a.conn, a.args, a.reply, a.opts = nil, nil, nil, nil
	a.g.spare = append(a.g.spare, a)
}
