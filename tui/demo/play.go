package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tripcurve/tui"
)

// Stop is one stop of the tour as it is written down: what was pressed, what is told,
// and the frame with its colours.
type Stop struct {
	Keys  []string
	Say   string
	Frame string // lines of text with SGR sequences
}

// Play walks the tour without a terminal, at a size of the screens, as fast as it can,
// and hands out each stop when all that it set off has ended: the same frames every
// time. o must bring INC-2847. An error is one of give, ctx's, or that a stop does not
// show what it speaks of.
func Play(ctx context.Context, o tui.Options, w, h int, give func(Stop) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	o.Context, o.NoAnimation = ctx, true
	p := player{ctx: ctx, model: tui.New(o), answers: make(chan tea.Msg)}
	p.run(p.model.Init())
	p.update(tea.WindowSizeMsg{Width: w, Height: h})
	for i, s := range script {
		for _, key := range s.keys {
			p.update(press(key))
			if err := p.settle(); err != nil {
				return err
			}
		}
		if err := p.settle(); err != nil {
			return err
		}
		frame := p.model.View().Content
		if !has(frame, s.until) {
			return fmt.Errorf("stop %d of the tour: %q is not on a screen of %dx%d", i+1, s.until, w, h)
		}
		if err := give(Stop{Keys: s.keys, Say: s.say, Frame: frame}); err != nil {
			return err
		}
	}
	return nil
}

// player runs a model's commands as Bubble Tea does, but for what only a terminal
// answers.
type player struct {
	ctx     context.Context
	model   tea.Model
	answers chan tea.Msg
	running int
}

func (p *player) update(msg tea.Msg) {
	var cmd tea.Cmd
	p.model, cmd = p.model.Update(msg)
	p.run(cmd)
}

// run starts a command; its goroutine ends with the command, and at the latest when
// its answer is taken or the context ends.
func (p *player) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	p.running++
	go func() {
		msg := cmd()
		select {
		case p.answers <- msg:
		case <-p.ctx.Done():
		}
	}()
}

// settle takes answers until no command runs any more.
func (p *player) settle() error {
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	for p.running > 0 {
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-limit.C:
			return fmt.Errorf("the screens are not still after two minutes")
		case msg := <-p.answers:
			p.running--
			switch msg := msg.(type) {
			case nil:
			case tea.BatchMsg:
				for _, cmd := range msg {
					p.run(cmd)
				}
			default:
				p.update(msg)
			}
		}
	}
	return nil
}

// Write prints the tour as plain text: what is told, and the screen that it is told of.
func Write(ctx context.Context, out io.Writer, o tui.Options, w, h int) error {
	n := 0
	return Play(ctx, o, w, h, func(s Stop) error {
		n++
		head := fmt.Sprintf("%d. ", n)
		if len(s.Keys) > 0 {
			head += "[" + strings.Join(s.Keys, " ") + "] "
		}
		_, err := fmt.Fprintf(out, "%s\n\n%s\n\n", ansi.Wordwrap(head+s.Say, w, ""), indent(ansi.Strip(s.Frame)))
		return err
	})
}

// indent sets a frame off, without trailing blanks.
func indent(frame string) string {
	var b strings.Builder
	for line := range strings.Lines(frame) {
		b.WriteString(strings.TrimRight("  | "+line, " \n") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
