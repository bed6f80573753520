package vtime

import (
	"context"
	"slices"
	"time"
)

// Tag says whose context one is, for random draws that belong to one step of one
// request, whatever other requests do meanwhile.
type Tag struct{ tag, forks uint64 }

// SetTag says whose context this is.
func (t *Tag) SetTag(tag uint64) { *t = Tag{tag: tag} }

// Fork is a number that depends on nothing but the tag and on how often it was
// forked before.
func (t *Tag) Fork() uint64 {
	t.forks++
	return Mix(t.tag + Mix(t.forks))
}

// Mix is a full mixing hash of 64 bits (SplitMix64's finaliser): two numbers that
// differ in one bit give results that differ in half of theirs.
func Mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Loose is a context that never ends: it has values and a tag and no more. It is
// for living inside a larger object.
type Loose struct {
	Tag
	values context.Context // whom Value asks; nil for none
}

// Detach makes l a context with ctx's values. Its tag is a fork of ctx's.
func (l *Loose) Detach(ctx context.Context) {
	l.values, l.Tag = beyond(ctx), Tag{}
	if near := Nearest(ctx); near != nil {
		l.tag = near.Fork()
	}
}

// Deadline is none.
func (*Loose) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is nil.
func (*Loose) Done() <-chan struct{} { return nil }

// Err is nil.
func (*Loose) Err() error { return nil }

// Value asks the context that this one was derived from.
func (l *Loose) Value(k any) any {
	if k == any(key) {
		return l
	}
	if l.values == nil {
		return nil
	}
	return l.values.Value(k)
}

// WithoutCancel is l: there is no end to take away.
func (l *Loose) WithoutCancel() context.Context { return l }

// Context is a context.Context in virtual time. Processes parked under it are
// woken when it ends; its Done channel is made only when somebody asks for it.
// Contexts derived by context.WithValue work as they do elsewhere.
type Context struct {
	Tag
	k        *Kernel
	values   context.Context // whom Value asks next; nil for none
	up       *Context        // whose end ends this one
	timed    bool
	deadline Time
	err      error
	timer    Timer
	done     chan struct{}
	after    *[]*afterFunc

	loose Loose // of WithoutCancel

	child      *Context // youngest
	prev, next *Context // siblings
	waiter     *Proc    // latest to park
}

// key is what a virtual context answers to with itself.
var key = new(byte)

// beyond is whom to ask for values in ctx's place: virtual contexts have none of
// their own, so contexts derived from them need not keep them.
func beyond(ctx context.Context) context.Context {
	switch c := ctx.(type) {
	case *Context:
		return c.values
	case *Loose:
		return c.values
	}
	return ctx
}

// Virtual is the nearest virtual ancestor of ctx whose end ends ctx; nil when
// there is none.
func Virtual(ctx context.Context) *Context {
	switch c := ctx.(type) {
	case *Context:
		return c
	case *Loose:
		return nil
	}
	c, _ := ctx.Value(key).(*Context)
	if c == nil || ctx.Done() == nil { // context.WithoutCancel keeps values only
		return nil
	}
	return c
}

// Nearest is the tag of the nearest virtual ancestor of ctx, though its end may
// not be ctx's; nil when there is none.
func Nearest(ctx context.Context) *Tag {
	v := any(ctx)
	for {
		switch c := v.(type) {
		case *Context:
			return &c.Tag
		case *Loose:
			return &c.Tag
		case context.Context:
			v = c.Value(key)
		default:
			return nil
		}
	}
}

// Root makes c a context that only Cancel or its own deadline ends.
func (k *Kernel) Root(c *Context, tag uint64) {
	*c = Context{} // a literal with fields would be made beside it and copied
	c.k, c.tag = k, tag
}

// Detached has ctx's values and never ends.
func Detached(ctx context.Context) *Loose {
	l := new(Loose)
	l.Detach(ctx)
	return l
}

// WithoutCancel has c's values and never ends. It lives inside c, until the next time
// that WithoutCancel is asked for: that is enough for calls that are made one after the
// other, as a handler makes them.
func (c *Context) WithoutCancel() context.Context {
	c.loose.Detach(c)
	return &c.loose
}

// WithCancel derives a context that Cancel ends.
func (k *Kernel) WithCancel(ctx context.Context) *Context {
	c := &Context{k: k, values: beyond(ctx)}
	if near := Nearest(ctx); near != nil {
		c.tag = near.Fork()
	}
	c.attach(Virtual(ctx))
	return c
}

// WithDeadline derives a context that ends at at with context.DeadlineExceeded.
func (k *Kernel) WithDeadline(ctx context.Context, at Time) *Context {
	c := k.WithCancel(ctx)
	c.SetDeadline(at)
	return c
}

// WithTimeout derives a context that ends after d with context.DeadlineExceeded.
func (k *Kernel) WithTimeout(ctx context.Context, d time.Duration) *Context {
	k.Lane(d)
	return k.WithDeadline(ctx, k.due(d))
}

// SetDeadline gives a context without one its deadline; a later one than its
// ancestor's has no effect.
func (c *Context) SetDeadline(at Time) {
	if c.err != nil || c.timed && c.deadline <= at {
		return
	}
	c.timed, c.deadline = true, at
	d := time.Duration(at - c.k.now)
	if d <= 0 {
		c.end(context.DeadlineExceeded)
		return
	}
	c.timer.Stop()
	c.timer = c.k.timer(d, c)
}

// Run is the deadline falling due.
func (c *Context) Run() { c.end(context.DeadlineExceeded) }

// Cancel ends the context.
func (c *Context) Cancel() { c.end(context.Canceled) }

func (c *Context) attach(up *Context) {
	if up == nil {
		return
	}
	if up.err != nil {
		c.err = up.err
		return
	}
	if up.timed {
		c.timed, c.deadline = true, up.deadline
	}
	c.up = up
	c.next = up.child
	if c.next != nil {
		c.next.prev = c
	}
	up.child = c
}

func (c *Context) detach() {
	if c.up == nil {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		c.up.child = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.up, c.prev, c.next = nil, nil, nil
}

func (c *Context) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	c.timer.Stop()
	c.detach()
	if c.done != nil {
		close(c.done)
	}
	for p := c.waiter; p != nil; p = p.further {
		p.Wake(Ended)
	}
	if c.after != nil {
		for _, a := range *c.after {
			c.k.Soon(Func(a.f))
		}
		c.after = nil
	}
	for d := c.child; d != nil; d = c.child {
		d.end(err)
	}
}

// join and leave keep the list of processes parked under c.
func (c *Context) join(p *Proc) {
	p.ctx, p.before, p.further = c, nil, c.waiter
	if c.waiter != nil {
		c.waiter.before = p
	}
	c.waiter = p
}

func (c *Context) leave(p *Proc) {
	if p.before != nil {
		p.before.further = p.further
	} else {
		c.waiter = p.further
	}
	if p.further != nil {
		p.further.before = p.before
	}
	p.ctx, p.before, p.further = nil, nil, nil
}

// Deadline is the context's own or its ancestor's deadline, whichever is first.
func (c *Context) Deadline() (time.Time, bool) {
	if !c.timed {
		return time.Time{}, false
	}
	return c.k.Clock(c.deadline), true
}

// At is Deadline as an instant of the kernel.
func (c *Context) At() (at Time, ok bool) { return c.deadline, c.timed }

// Done is closed when the context ends.
func (c *Context) Done() <-chan struct{} {
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err is context.Canceled or context.DeadlineExceeded once the context has ended.
func (c *Context) Err() error { return c.err }

// Value asks the context that this one was derived from.
func (c *Context) Value(k any) any {
	if k == any(key) {
		return c
	}
	if c.values == nil {
		return nil
	}
	return c.values.Value(k)
}

type afterFunc struct{ f func() }

// AfterFunc runs f in the kernel's own context once c has ended. The standard
// library looks for this method, so that contexts derived by context.WithCancel
// need no goroutine to watch this one.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	a := &afterFunc{f}
	if c.err != nil {
		c.k.Soon(Func(f))
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = new([]*afterFunc)
	}
	*c.after = append(*c.after, a)
	return func() bool {
		if c.after == nil {
			return false
		}
		i := slices.Index(*c.after, a)
		if i < 0 {
			return false
		}
		*c.after = slices.Delete(*c.after, i, i+1)
		return true
	}
}
