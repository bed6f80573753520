package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
)

// Terminal says how the screens use the terminal.
type Terminal struct {
	Color string   // auto, always, never, 16, 256, truecolor
	Env   []string // os.Environ()
	FPS   int      // most frames per second; 0 is 80
	Sync  string   // whole frames only: auto, on, off
	Keys  *os.File // where keys come from; nil is the standard input
	Out   io.Writer
	// Shown is called once, when the first frame has been drawn, on a goroutine of its own;
	// nil is nothing.
	Shown func()
}

// Run shows the screens until they are left or ctx ends; both are no error. Each
// of beside runs on a goroutine of its own meanwhile, until its context ends,
// which it does when the screens are left; Run waits for them. A panic of theirs
// restores the terminal and is an error.
func Run(ctx context.Context, o Options, t Terminal, beside ...func(context.Context)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	opts, err := ProgramOptions(t.Color, t.Env, t.FPS)
	if err != nil {
		return err
	}
	sync, answer, err := synchronized(t.Sync)
	if err != nil {
		return err
	}
	o.begin = answer
	opts = append(opts, sync...)
	opts = append(opts, tea.WithContext(ctx), tea.WithEnvironment(t.Env))
	if t.Keys != nil {
		opts = append(opts, tea.WithInput(t.Keys))
	}
	shown := make(chan struct{})
	o.shown = shown
	opts = append(opts, tea.WithOutput(watched(t.Out, func() {
		if t.Shown != nil {
			t.Shown()
		}
		close(shown)
	})))
	o.Context = ctx
	c := &curtain{}
	var incomplete error
	c.raise = func() tea.Model {
		c.wait = measureWidths()
		if o.Complete != nil {
			if incomplete = o.Complete(&o); incomplete != nil {
				return ended{}
			}
		}
		model := New(o)
		if o.Around != nil {
			model = o.Around(model)
		}
		return model
	}
	defer c.close()
	p := tea.NewProgram(c, opts...)
	var running []<-chan error
	for _, f := range beside {
		running = append(running, guarded(p, func() { f(ctx) }))
	}
	left, err := p.Run()
	if r, ok := left.(*Root); ok && r.loaded {
		o.Session.Put(r.state())
	}
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		err = nil
	}
	stop()
	for _, r := range running {
		if panicked := <-r; panicked != nil {
			err = panicked // the program was killed for it
		}
	}
	if incomplete != nil {
		err = incomplete
	}
	return err
}

// guarded runs f on a goroutine of its own. A panic there would leave the
// terminal in raw mode: it ends the program instead and comes out of the channel,
// which is closed when f has returned.
func guarded(p interface{ Kill() }, f func()) <-chan error {
	done := make(chan error, 1)
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				p.Kill()
				done <- fmt.Errorf("panic beside the screen: %v", r)
			}
		}()
		f()
	}()
	return done
}
