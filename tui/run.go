package tui

import (
	"context"
	"errors"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
)

// Terminal says how the screens use the terminal.
type Terminal struct {
	Color string   // auto, always, never, 16, 256, truecolor
	Env   []string // os.Environ()
	FPS   int      // most frames per second; 0 is 120
	Keys  *os.File // where keys come from; nil is the standard input
	Out   io.Writer
}

// Run shows the screens until they are left or ctx ends; both are no error.
func Run(ctx context.Context, o Options, t Terminal) error {
	opts, err := ProgramOptions(t.Color, t.Env, t.FPS)
	if err != nil {
		return err
	}
	opts = append(opts, tea.WithContext(ctx), tea.WithEnvironment(t.Env))
	if t.Keys != nil {
		opts = append(opts, tea.WithInput(t.Keys))
	}
	if t.Out != nil {
		opts = append(opts, tea.WithOutput(t.Out))
	}
	o.Context = ctx
	_, err = tea.NewProgram(New(o), opts...).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}
