package world

import (
	"context"

	"tripcurve/sim/vtime"
)

// Post is a message over a connection of its own, such as an HTTP request from
// outside: the way there, what the receiver makes of it in do, and the way back.
// A receiver that dies meanwhile is an error.
func (w *World) Post(ctx context.Context, to *Service, do func(ctx context.Context) error) error {
	c := vtime.Virtual(ctx)
	if err := sleep(w.K, c, w.delay); err != nil {
		return err
	}
	var err error
	if to.down {
		return refused
	}
	if w.K.Contain(&to.group, vtime.Func(func() { err = do(vtime.Detached(ctx)) })) {
		return serverGone
	}
	if back := sleep(w.K, c, w.delay); back != nil {
		return back
	}
	return err
}

// Go runs f as a process of the service.
func (s *Service) Go(f func(ctx context.Context)) {
	s.w.K.Start(&s.group, vtime.Func(func() { f(vtime.Detached(context.Background())) }))
}
