package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"

	"tripcurve/tui/screen"
	"tripcurve/tui/terminal"
)

// Terminal says how the screens use the terminal.
type Terminal struct {
	Color string   // auto, always, never, 16, 256, truecolor
	Env   []string // os.Environ()
	FPS   int      // most frames per second
	Sync  string   // whole frames only: auto, on, off
	Keys  *os.File // where keys come from; nil is the standard input, or the controlling terminal
	Out   *os.File // where frames go
	// Shown is called once, when the first frame has been drawn, on a goroutine of its own;
	// nil is nothing.
	Shown func()
}

// Run shows the screens until they are left or ctx ends; both are no error. Each
// of beside runs on a goroutine of its own meanwhile, until its context ends,
// which it does when the screens are left; Run waits for them. A panic of theirs
// restores the terminal and is an error.
func Run(ctx context.Context, o Options, t Terminal, beside ...func(context.Context)) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if t.Keys == nil {
		keys, release, err := keyboard()
		if err != nil {
			return err
		}
		defer release()
		t.Keys = keys
	}
	shown := make(chan struct{})
	s := &stage{}
	out, profile, err := open(t, shown, func(err error) { s.send(brokenMsg{err}) })
	if err != nil {
		return err
	}
	s.out = out
	o.shown, o.Context = shown, ctx
	widths := measureWidths()
	defer widths()
	var incomplete error
	s.raise = func() tea.Model {
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
	w, h := out.Size()
	p := tea.NewProgram(s, tea.WithoutRenderer(), tea.WithFPS(1), tea.WithContext(ctx), tea.WithEnvironment(t.Env),
		tea.WithInput(t.Keys), tea.WithOutput(out), tea.WithWindowSize(w, h), tea.WithColorProfile(profile),
		tea.WithFilter(func(_ tea.Model, msg tea.Msg) tea.Msg { return ahead(out, msg) }))
	s.send = p.Send
	size := func(w, h int) { p.Send(tea.WindowSizeMsg{Width: w, Height: h}) }
	running := []<-chan error{guarded(p, func() { out.Watch(ctx, size, func() { p.Send(continuedMsg{}) }) })}
	for _, f := range beside {
		running = append(running, guarded(p, func() { f(ctx) }))
	}
	_, err = p.Run()
	if r, ok := s.model.(*Root); ok && r.loaded {
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
	if s.broke != nil {
		err = s.broke
	}
	if incomplete != nil {
		err = incomplete
	}
	return errors.Join(err, out.Close())
}

// keyboard is the standard input, or the controlling terminal where that is none.
func keyboard() (keys *os.File, release func(), err error) {
	if term.IsTerminal(os.Stdin.Fd()) {
		return os.Stdin, func() {}, nil
	}
	keys, out, err := tea.OpenTTY()
	if err != nil {
		return nil, nil, fmt.Errorf("no keys: the standard input is no terminal, and there is no other: %w", err)
	}
	return keys, func() { _, _ = keys.Close(), out.Close() }, nil
}

// open takes the terminal over, and closes shown when it has had time to draw the first frame.
func open(t Terminal, shown chan<- struct{}, failed func(error)) (*terminal.Terminal, colorprofile.Profile, error) {
	profile, err := Colors(t.Color, t.Env, t.Out)
	if err != nil {
		return nil, 0, err
	}
	sync, err := terminal.ParseSync(t.Sync)
	if err != nil {
		return nil, 0, err
	}
	out, err := terminal.Open(terminal.Options{
		Keys: t.Keys, Out: t.Out, Env: t.Env, Profile: profile, FPS: t.FPS, Sync: sync, Failed: failed,
		Painted: func() {
			time.AfterFunc(drawing, func() {
				if t.Shown != nil {
					t.Shown()
				}
				close(shown)
			})
		},
	})
	return out, profile, err
}

// ahead is what is done with a message before anything else sees it: what is to be written
// to the terminal as it is goes there, and a program that is to be suspended gives the
// terminal back first.
func ahead(out *terminal.Terminal, msg tea.Msg) tea.Msg {
	switch msg := msg.(type) {
	case tea.RawMsg:
		fmt.Fprint(out, msg.Msg)
		return nil
	case tea.SuspendMsg:
		if err := out.Leave(); err != nil {
			return screen.FailedMsg{Err: err}
		}
	case tea.ResumeMsg:
		return taken(out, out.Return())
	case continuedMsg:
		return taken(out, out.Retake())
	}
	return msg
}

// continuedMsg says that the process was stopped and goes on.
type continuedMsg struct{}

// taken is what is to be known when the terminal was taken again: its size.
func taken(out *terminal.Terminal, err error) tea.Msg {
	if err != nil {
		return screen.FailedMsg{Err: err}
	}
	w, h := out.Size()
	return tea.WindowSizeMsg{Width: w, Height: h}
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
