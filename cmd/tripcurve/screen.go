package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/postgres"
	"tripcurve/internal/bundled"
	"tripcurve/internal/export/report"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/incident/file"
	"tripcurve/tui"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/session"
	"tripcurve/tui/timeline"
)

// bundledName is what stands for the bundled incident wherever a FILE is taken.
const bundledName = "inc-2847"

// reconstructed is what a reader of the bundled incident must know.
const reconstructed = "reconstructed and simulated; `simulate inc-2847` lists what is assumed"

// openBundled is the program without arguments.
func (a *app) openBundled(ctx context.Context) error {
	return a.show(ctx, tui.Options{
		Name: bundled.Name, File: bundledName, Note: reconstructed, Load: loadBundled, Timeline: timeline.Options{Why: bundledReadOnly}, Session: a.session(bundled.Name, ""),
	}, nil)
}

func loadBundled(ctx context.Context) (tui.EvidenceMsg, error) {
	defer hurry()()
	in, err := bundled.Build(ctx)
	if err != nil {
		return tui.EvidenceMsg{}, err
	}
	return message(bundled.Name, in.Evidence.Snapshot()), nil
}

// message is a recorded incident as the screens take it.
func message(name string, v *incident.View) tui.EvidenceMsg {
	msg := tui.EvidenceMsg{Name: name, View: v, Analysis: cause.Analyze(v, cause.Options{})}
	msg.Rows = incident.NewRows(v, msg.Analysis)
	return msg
}

func (a *app) openCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "open FILE",
		Short: "open a recorded incident",
		Long: `Opens the screens on a recorded incident. With --follow they go on with what is being recorded to the file by
another process, such as a flight recorder; nobody disturbs the other.`,
		Args: oneArg("an incident file, or " + bundledName),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case args[0] == bundledName && follow:
				return badInput("--follow: nobody records %s; name a file", bundledName)
			case args[0] == bundledName:
				return a.openBundled(cmd.Context())
			case follow:
				return a.follow(cmd.Context(), args[0])
			}
			return a.openFile(cmd.Context(), args[0])
		},
		ValidArgsFunction: completeFiles,
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with what is being recorded to the file")
	return cmd
}

// openFile shows a recorded incident. Its header is read before the screens start, so that
// a file of another kind is one line on a plain terminal; its name and conclusion while
// they start, and the rest behind them, for that takes seconds of a gigabyte. Damage found
// there ends the screens as well.
func (a *app) openFile(ctx context.Context, path string) error {
	if err := file.Check(path); err != nil {
		return exitError{exitUsage, meantBundled(path, err)}
	}
	head := sync.OnceValues(func() (file.Head, error) { return file.Peek(path) })
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	damage := make(chan error, 1)
	opt := tui.Options{
		File: path, Timeline: timeline.Options{Keep: &fileTimeline{path: path}}, Session: a.session(filepath.Base(path), path),
		Complete: func(o *tui.Options) error {
			h, err := head()
			if err != nil {
				return exitError{exitUsage, err}
			}
			o.Name = h.Name
			if c := h.Conclusion; c != nil {
				o.Said = screen.SaidMsg{Sentence: c.Sentence, Impact: incident.Window{From: c.From, To: c.To}, Confidence: c.Confidence}
			}
			return nil
		},
		Load: func(context.Context) (tui.EvidenceMsg, error) {
			defer spare()
			defer thrift()()
			name, v, err := loadFile(path)
			if err != nil {
				return tui.EvidenceMsg{}, err
			}
			return message(name, v), nil
		},
	}
	load := opt.Load
	if a.noScreen() == "" {
		go func() { _, _ = head() }() // begun now, wanted with the first frame
		opt.Load = func(ctx context.Context) (tui.EvidenceMsg, error) {
			msg, err := load(ctx)
			if err != nil {
				damage <- err
				leave()
			}
			return msg, err
		}
	}
	err := a.show(ctx, opt, nil)
	select {
	case found := <-damage:
		return errors.Join(found, err)
	default:
		return err
	}
}

// conclude keeps in a file what its evidence says, for whoever opens it.
func conclude(w *file.Writer, v *incident.View) error {
	r := cause.Analyze(v, cause.Options{})
	return w.Conclude(file.Conclusion{Sentence: r.Sentence, From: r.Impact.From, To: r.Impact.To, Confidence: r.Confidence.String()})
}

// loadFile reads an incident file; its errors are bad input.
func loadFile(path string) (name string, v *incident.View, err error) {
	ev, meta, err := file.Load(path)
	if err != nil {
		return "", nil, exitError{exitUsage, meantBundled(path, err)}
	}
	return meta.Name, ev.Snapshot(), nil
}

// loadIncident is loadFile, or the bundled incident.
func loadIncident(ctx context.Context, arg string) (name string, v *incident.View, err error) {
	if arg != bundledName {
		return loadFile(arg)
	}
	defer hurry()()
	in, err := bundled.Build(ctx)
	if err != nil {
		return "", nil, err
	}
	return bundled.Name, in.Evidence.Snapshot(), nil
}

// show runs the TUI until it is left. keys replaces the standard input as the
// source of keys; nil keeps it. beside runs next to the screens. Where there is no terminal to draw on, the plain
// report is printed instead.
func (a *app) show(ctx context.Context, opt tui.Options, keys *os.File, beside ...func(context.Context)) error {
	if why := a.noScreen(); why != "" {
		if opt.Load == nil {
			return badInput("%s; use `tripcurve record` to collect without a screen", why)
		}
		fmt.Fprintf(a.stderr, "tripcurve: %s, so here is the plain report; the screens need a terminal\n\n", why)
		msg, err := opt.Load(ctx)
		if err != nil {
			return err
		}
		_, err = io.WriteString(a.stdout, report.New(msg.View, msg.Analysis, report.Options{Name: msg.Name}).Text())
		return err
	}
	collect := calm()
	defer collect()
	opt.Theme = a.settings.Get("theme").Text
	opt.Glyphs = a.glyphs()
	opt.ExportDir = a.settings.Get("export_dir").Text
	if opt.Around == nil { // what the tour turns is nobody's choice, and it presses our keys
		opt.Chosen, opt.Keys, opt.Sweep = a.keeper(), a.settings.Keys, sweeps.search
	}
	if err := tui.CheckKeys(opt); err != nil {
		return exitError{exitUsage, fmt.Errorf("settings file %w", err)}
	}
	opt.Lines = gatewaylog.OpenLines
	opt.Loaded, opt.Rest = tidy, unmapStart
	opt.LockSQL = postgres.SampleSQL(140000)
	opt.Clipboard = tui.Clipboard{Mode: a.settings.Get("clipboard").Text, Env: a.env}
	opt.NoAnimation = a.settings.Get("animation").Text == "off"
	opt.Mouse = a.settings.Get("mouse").Text == "on"
	frames, err := strconv.Atoi(a.settings.Get("fps").Text)
	if err != nil {
		return err // config has checked it
	}
	out := a.stdout.(*os.File) // noScreen has looked
	err = tui.Run(ctx, opt, tui.Terminal{Color: a.settings.Get("color").Text, Env: os.Environ(), FPS: frames, Sync: a.settings.Get("sync").Text, Keys: keys, Out: out, Shown: collect}, beside...)
	for _, unkept := range []error{opt.Chosen.Flush(), opt.Session.Flush()} { // said on the screen too, which is gone
		if unkept != nil {
			fmt.Fprintf(a.stderr, "tripcurve: %v\n", unkept)
		}
	}
	return err
}

// session is where somebody was when they left this incident's screens. file tells it
// from others of its name; empty for one that is no file.
func (a *app) session(name, file string) *session.Keeper {
	if abs, err := filepath.Abs(file); err == nil && file != "" {
		file = abs
	}
	return session.Open(session.Path(a.paths.State, name, file))
}

// noScreen says why the TUI cannot be shown, or nothing.
func (a *app) noScreen() string {
	out, ok := a.stdout.(*os.File)
	if !ok || !isTerminal(out) {
		return "the output is not a terminal"
	}
	if term := a.env("TERM"); term == "" || term == "dumb" {
		return fmt.Sprintf("TERM is %q", term)
	}
	return ""
}

// glyphs is what charts are drawn with: as set, else what the terminal can show.
func (a *app) glyphs() glyph.Level {
	if l, ok := glyph.Parse(a.settings.Get("glyphs").Text); ok {
		return l
	}
	return glyph.Detect(a.env)
}
