package world

import (
	"reflect"
	"time"

	"google.golang.org/grpc/status"

	"tripcurve/sim/vtime"
)

// stream is one call: at the client until it returns, at the server until the
// handler does.
type stream struct {
	ctx        vtime.Context // the handler's
	c          *Conn
	f          *flow
	m          *method
	args       any
	timeout    time.Duration // grpc-timeout; 0 none
	tag        uint64
	caller     *vtime.Proc
	answer     vtime.Timer // the answer's arrival
	prev, next *stream
	isOpen     bool // at the client
	serving    bool // the handler runs
	inline     bool // on the caller's coroutine
	over       bool // the server has heard that nobody waits
	resp       any
	err        error

	users int // the caller, the handler, and the resets and answers under way
}

// stream is a new stream, or one that nobody needs any more.
func (w *World) stream() *stream {
	n := len(w.spare) - 1
	if n < 0 {
		return &stream{users: 1}
	}
	s := w.spare[n]
	w.spare = w.spare[:n]
	*s = stream{}
	s.users = 1
	return s
}

// leave is one of the stream's users being done with it.
func (s *stream) leave() {
	if s.users--; s.users == 0 {
		s.c.w.spare = append(s.c.w.spare, s)
	}
}

// list holds the open calls of a connection, oldest first.
type list struct {
	first, last *stream
	n           int
}

func (l *list) push(s *stream) {
	s.prev, s.next = l.last, nil
	if l.last != nil {
		l.last.next = s
	} else {
		l.first = s
	}
	l.last = s
	l.n++
}

func (l *list) remove(s *stream) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.first = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		l.last = s.prev
	}
	s.prev, s.next = nil, nil
	l.n--
}

// finish is the caller having its answer, or the connection having failed.
func (s *stream) finish(reply any) error {
	if s.isOpen { // else the connection failed and gave the stream back
		s.f.lastRead = s.c.w.K.Now()
		s.c.give(s)
	}
	err := s.err
	if err == nil {
		copyMessage(reply, s.resp)
	}
	s.leave()
	return err
}

// exchange is a whole call of which each end has its own coroutine. The caller parks
// under v, which may be nil.
func (s *stream) exchange(v *vtime.Context, reply any) error {
	s.request()
	switch k := s.c.w.K; k.ParkUnder(v) {
	case vtime.Killed:
		s.abandon()
		s.leave()
		k.Unwind()
	case vtime.Ended:
		s.abandon()
		s.leave()
		return contextError(v.Err())
	default: // answered
	}
	return s.finish(reply)
}

// request sends the request, which starts the call at the server when it arrives.
//
//go:noinline
func (s *stream) request() {
	if !s.f.send() {
		return
	}
	s.users++
	if s.c.path == nil {
		s.c.w.wire.Start(&s.c.to.group, s)
	} else {
		s.f.carry(toServer, s.tag, func() { s.c.w.K.Start(&s.c.to.group, s) })
	}
}

// call is a whole call on the caller's coroutine: there, the handler, and back.
func (s *stream) call(reply any) error {
	k := s.c.w.K
	s.inline = true
	s.f.send()
	if s.travel() {
		killed := k.Contain(&s.c.to.group, (*serving)(s))
		if killed {
			s.served()
		}
		if !killed && s.isOpen {
			s.f.answer()
			s.travel()
		}
	}
	return s.finish(reply)
}

// travel is a message under way; false when the connection failed meanwhile.
func (s *stream) travel() bool {
	s.answer = s.c.w.wire.Resume(s.caller, granted)
	why := s.c.w.K.Park()
	s.answer.Stop()
	if why == vtime.Killed {
		s.abandon()
		s.leave()
		s.c.w.K.Unwind()
	}
	return why == granted
}

// copyMessage sets dst to what src holds, sharing what that points to.
func copyMessage(dst, src any) {
	reflect.ValueOf(dst).Elem().Set(reflect.ValueOf(src).Elem())
}

// abandon is the caller going on without an answer: it resets the stream, which
// the server hears of where the flow still carries anything.
func (s *stream) abandon() {
	if !s.isOpen {
		return
	}
	s.answer.Stop()
	s.c.give(s)
	switch {
	case !s.f.send():
	case s.c.path == nil:
		s.tell()
	default:
		s.users++
		s.f.carry(toServer, s.tag, (*reset)(s).Run)
	}
}

// tell lets the server know, a network delay later, that nobody waits.
func (s *stream) tell() {
	s.users++
	s.c.w.wire.After((*reset)(s))
}

// reset is RST_STREAM, or the loss of the connection, arriving at the server.
type reset stream

// Run cancels the handler.
func (r *reset) Run() {
	r.over = true
	if r.serving {
		r.ctx.Cancel()
	}
	(*stream)(r).leave()
}

// Run is the call at the server: the process that starts when the request
// arrives.
func (s *stream) Run() {
	defer s.end()
	if s.over || s.f != s.c.flow {
		return // it was sent on a connection that is no more
	}
	(*serving)(s).Run()
	if s.over || !s.f.answer() || !s.isOpen {
		return
	}
	if s.c.path != nil {
		s.users++
		s.f.carry(toClient, s.tag, s.answered)
		return
	}
	s.answer = s.c.w.wire.Resume(s.caller, answered)
}

// end is the end of the server's process, also of one that is killed.
func (s *stream) end() {
	if s.serving {
		s.served()
	}
	s.leave()
}

// answered is the answer reaching the client.
func (s *stream) answered() {
	if s.isOpen {
		s.caller.Wake(answered)
	}
	s.leave()
}

// serving is a call whose request has arrived.
type serving stream

// Run runs the handler. Where it is killed, served remains to be done.
func (r *serving) Run() {
	s := (*stream)(r)
	k := s.c.w.K
	s.m.calls++
	k.Root(&s.ctx, s.tag)
	if s.timeout > 0 {
		s.ctx.SetDeadline(k.Now() + vtime.Time(s.timeout))
	}
	s.serving = true
	resp, err := s.handle()
	if err != nil {
		err = onTheWire(err)
	}
	if s.isOpen { // else nobody waits for it, or the connection's failure is the answer
		s.resp, s.err = resp, err
	}
	s.served()
}

// handle runs the handler, after the processor's share.
func (s *stream) handle() (any, error) {
	if f := s.c.to.fails; f != nil && f.draw.At(s.tag) < f.share {
		return nil, failed
	}
	if s.c.to.labour != nil {
		if err := s.c.to.compute(&s.ctx, s.tag); err != nil {
			return nil, err
		}
	}
	return s.m.handle(&s.ctx, s.args)
}

// served is the end of the handler: the timer of its deadline must not outlive this use
// of the stream. Where the handler's process is killed, whoever has it run says so: a
// deferred call would be one stop more on the way up.
func (s *stream) served() {
	s.serving = false
	s.ctx.Cancel()
}

var statusError = reflect.TypeOf(deadline)

// onTheWire is what is left of a handler's error at the caller: its status.
func onTheWire(err error) error {
	if reflect.TypeOf(err) == statusError {
		return err
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	return st.Err()
}
