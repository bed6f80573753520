package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
	"tripcurve/internal/redact"
)

// outFlag is where a command writes a new incident file.
func outFlag(cmd *cobra.Command, out *string) {
	cmd.Flags().StringVarP(out, "out", "o", "", "the new incident file; never an existing one (required)")
	_ = cmd.MarkFlagRequired("out")
}

// incidentFile wants a file of the user's: the bundled incident is none.
func incidentFile(args []string) error {
	for _, name := range args {
		if _, err := os.Lstat(name); name == bundledName && err != nil {
			return badInput("%s is simulated at every start, and no file; tripcurve simulate %[1]s -o night.incident makes one", bundledName)
		}
	}
	return nil
}

// resume opens an incident file to add to it, and says so when that made a new file of it.
func (a *app) resume(path string) (*file.Writer, error) {
	w, err := file.Continue(path)
	if err != nil {
		return nil, err
	}
	if u, was := w.Upgraded(); was {
		fmt.Fprintf(a.stderr, "%s: had schema %d and has %d now; as it was it is %s\n", path, u.From, file.Schema, u.Kept)
	}
	return w, nil
}

// fileError is the error of a command that reads incident files and writes one.
func fileError(out string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrExist):
		return badInput("%s: the file exists; choose another name or move it away", out)
	}
	return exitError{exitUsage, err}
}

func (a *app) snapshotCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "snapshot FILE -o NEW",
		Short: "copy a consistent incident file out of one that is being recorded",
		Long: `Copies all that is committed in FILE at this instant to a new file, also while it is being recorded; the
recorder does not notice.`,
		Args: oneArg("an incident file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := incidentFile(args); err != nil {
				return err
			}
			return fileError(out, file.Snapshot(args[0], out))
		},
	}
	outFlag(cmd, &out)
	return cmd
}

func (a *app) trimCommand() *cobra.Command {
	var out, from, to string
	cmd := &cobra.Command{
		Use:   "trim FILE --from T --to T -o NEW",
		Short: "copy a part of an incident file",
		Long: `Copies what of FILE touches the window: locks, sessions, gaps and kept requests that reach into it whole, and
of the rest what lies in it. Instants are RFC 3339, or a time of day in UTC (14:23Z, 14:23:01Z): the last such one
before the file's end, or for --to the one after --from. Without --from or --to the file's own beginning or end.`,
		Args: oneArg("an incident file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if from == "" && to == "" {
				return badInput("trim: --from or --to is needed; tripcurve snapshot copies all")
			}
			if err := incidentFile(args); err != nil {
				return err
			}
			s, err := file.Inspect(args[0])
			if err != nil {
				return exitError{exitUsage, err}
			}
			var last time.Time
			if s.To != nil {
				if last, err = time.Parse(time.RFC3339Nano, *s.To); err != nil {
					return err
				}
			}
			var w incident.Window
			for _, end := range []struct {
				flag, text string
				at         *time.Time
			}{{"from", from, &w.From}, {"to", to, &w.To}} {
				if end.text == "" {
					continue
				}
				if *end.at, err = incident.ParseInstant(end.text, last); err != nil {
					return badInput("--%s: %w", end.flag, err)
				}
			}
			if !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
				// A full hour that the recording ends shortly before is not that of the day before.
				if w.To, err = incident.ParseInstant(to, w.From.Add(12*time.Hour)); err != nil || !w.From.Before(w.To) {
					return badInput("--from %s is not before --to %s", from, to)
				}
			}
			err = file.Trim(args[0], out, w)
			if errors.Is(err, file.ErrNothing) && s.From != nil {
				return badInput("%w; the file has %s to %s", err, *s.From, *s.To)
			}
			return fileError(out, err)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first instant (default: the file's)")
	cmd.Flags().StringVar(&to, "to", "", "instant after the last (default: the file's end)")
	outFlag(cmd, &out)
	return cmd
}

func (a *app) mergeCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "merge FILE FILE... -o NEW",
		Short: "make one incident file of several",
		Long: `Writes the evidence of several files to a new one, which has the name of the first. What several of them have is
there once: locks, sessions and lines by what they are, requests by the bytes of the log that they were read from.
Where two have counted the same interval without a file, the larger count stays, for too few is better than twice.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return badInput("%s takes two incident files at least; found %d arguments\nusage: %s", cmd.CommandPath(), len(args), cmd.UseLine())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := incidentFile(args); err != nil {
				return err
			}
			return fileError(out, file.Merge(out, args...))
		},
	}
	outFlag(cmd, &out)
	return cmd
}

func (a *app) redactCommand() *cobra.Command {
	var out string
	var private privacy
	cmd := &cobra.Command{
		Use:   "redact FILE -o NEW",
		Short: "copy an incident file without what must not be shared",
		Long: `Copies FILE and replaces addresses, e-mails, card and phone numbers, IBANs, postal addresses and secrets in every
text by tokens, the same value by the same token, and the literals of statements by $1. What was counted stays, so
that analyze says the same of the copy. How much was replaced goes to stderr.`,
		Args: oneArg("an incident file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := incidentFile(args); err != nil {
				return err
			}
			r := redact.New(private.opt)
			if err := fileError(out, file.Redacted(args[0], out, r)); err != nil {
				return err
			}
			_, err := fmt.Fprintln(a.stderr, r.Statement())
			return err
		},
	}
	private.addKinds(cmd)
	outFlag(cmd, &out)
	return cmd
}

func (a *app) inspectCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "say what an incident file holds, and check it",
		Long: `Prints what an incident file is, from when to when it has what, and how its sources did, and lets SQLite check it.

Exit code 1 when the check finds damage.`,
		Args: oneArg("an incident file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := incidentFile(args); err != nil {
				return err
			}
			s, err := file.Inspect(args[0])
			if err != nil {
				return exitError{exitUsage, err}
			}
			if format == "json" {
				err = writeJSON(a.stdout, struct {
					Schema string `json:"schema"`
					file.Summary
				}{"tripcurve.inspect/1", s})
			} else {
				err = a.inspect(args[0], s)
			}
			if err == nil && len(s.Damage) > 0 {
				err = exitError{code: exitFindings}
			}
			return err
		},
	}
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

func (a *app) inspect(path string, s file.Summary) error {
	var b strings.Builder
	of := func(t *string) string {
		if t == nil {
			return "-"
		}
		at, err := time.Parse(time.RFC3339Nano, *t)
		if err != nil {
			return *t
		}
		return at.Format("2006-01-02 15:04:05Z")
	}
	fmt.Fprintf(&b, "%s\n\n", redact.Line(path))
	fmt.Fprintf(&b, "incident  %s, file made %s\n", redact.Line(s.Name), s.Created.Format("2006-01-02 15:04:05Z"))
	fmt.Fprintf(&b, "evidence  %s to %s\n", of(s.From), of(s.To))
	state := "closed"
	if s.Recording {
		state = "being recorded, or its recorder died"
	}
	fmt.Fprintf(&b, "file      schema %d, %.1f MiB, %s\n", s.Schema, float64(s.Bytes)/(1<<20), state)
	if len(s.Damage) == 0 {
		b.WriteString("check     sound\n")
	}
	for _, d := range s.Damage {
		fmt.Fprintf(&b, "DAMAGE    %s\n", redact.Line(d))
	}
	fmt.Fprintf(&b, "\n%-14s %10s  %-20s  %s\n", "", "rows", "from", "to")
	for _, t := range s.Tables {
		fmt.Fprintf(&b, "%-14s %10d  %-20s  %s\n", t.Name, t.Rows, of(t.From), of(t.To))
	}
	if len(s.Sources) > 0 {
		b.WriteString("\nsources\n")
	}
	for _, src := range s.Sources {
		fmt.Fprintf(&b, "%s (%s): %s, last heard of %s\n", redact.Line(src.Name), redact.Line(src.Group), src.State, of(src.Last))
		var more []string
		if src.Since != nil {
			more = append(more, src.State+" since "+of(src.Since))
		}
		if src.ClockWithin != nil {
			c := incident.Clock{Ahead: time.Duration(*src.ClockAhead * 1e6), Within: time.Duration(*src.ClockWithin * 1e6)}
			more = append(more, "clock "+c.String())
		}
		if len(more) > 0 {
			fmt.Fprintf(&b, "  %s\n", strings.Join(more, ", "))
		}
		if src.Detail != "" {
			b.WriteString(export.Wrap(redact.Line(src.Detail), "  ", "  "))
		}
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}
