package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	reader "tripcurve/collectors/timeline"
	"tripcurve/internal/export/timeline"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

func (a *app) timelineImport() *cobra.Command {
	var role, format, zone, from, to string
	var yes, hideMissing bool
	cmd := &cobra.Command{
		Use:   "import FILE FROM...",
		Short: "take entries from exports, chats and events into the timeline",
		Long: `Reads entries from files (- is the standard input) and shows what they would change. --yes writes it; one undo takes it back.

    csv, json, markdown   what export timeline has written, also edited: entries
                          are known by their ids, and what was redacted in an
                          export comes back; any table with a time and a text
    slack                 an export (zip) or one channel's messages (JSON)
    datadog               events, as GET /api/v1/events or /api/v2/events answer
    grafana               annotations, as GET /api/annotations answers
    kubernetes            kubectl get events -A -o json

What is there already stays as it is. Rows that an edited export has no more stay too, unless --hide-missing hides them.`,
		Args: fileAnd(1, true, " and the files to import"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := openStory(args[0])
			if err != nil {
				return err
			}
			opt := reader.Options{Format: format, Last: incident.Around(s.view, s.an), At: time.Now().UTC().Truncate(time.Second)}
			if zone != "" {
				if opt.Zone, err = namedZone(zone); err != nil {
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
				if *end.at, _, err = incident.ParseEntryTime(end.text, opt.Last); err != nil {
					return badInput("--%s: %w", end.flag, err)
				}
			}
			if !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
				return badInput("--from %s is not before --to %s", from, to)
			}
			var written []incident.Written
			for _, name := range args[1:] {
				plan, err := a.planImport(s, name, opt, w)
				if err != nil {
					return err
				}
				for _, c := range plan.Changes {
					written = append(written, s.now(c.After))
				}
				if hideMissing {
					for _, e := range plan.Missing {
						e.Hidden = true
						written = append(written, s.now(e))
					}
				}
				a.showPlan(name, plan, hideMissing)
			}
			switch {
			case len(written) == 0:
				fmt.Fprintln(a.stderr, "nothing to write")
				return nil
			case !yes:
				fmt.Fprintf(a.stderr, "nothing is written yet; --yes writes it into %s\n", s.path)
				return nil
			}
			if err := a.keepTimeline(s.path, role, "import", written...); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "wrote %s; tripcurve timeline undo takes it back\n", plural(int64(len(written)), "change"))
			return nil
		},
	}
	f := cmd.Flags()
	f.Var(&choice{value: &format, choices: reader.Formats()}, "format", "format of the files (default: found out)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(reader.Formats(), cobra.ShellCompDirectiveNoFileComp))
	f.StringVar(&zone, "tz", "", "zone of times that name none, by its IANA name")
	f.StringVar(&from, "from", "", "only what was at or after this instant")
	f.StringVar(&to, "to", "", "only what was before this instant")
	f.BoolVar(&yes, "yes", false, "write it")
	f.BoolVar(&hideMissing, "hide-missing", false, "hide entries whose rows an edited export has no more")
	roleFlag(cmd, &role)
	return cmd
}

// now takes an entry over into the story, so that the next file sees it, and is what is
// to be kept of it.
func (s *story) now(e incident.Entry) incident.Written {
	i := slices.IndexFunc(s.entries, func(have incident.Entry) bool { return have.ID == e.ID })
	if i < 0 {
		s.entries = append(s.entries, e)
	} else {
		s.entries[i] = e
	}
	return s.rewritten(e)
}

// planImport reads one file and says what it would change.
func (a *app) planImport(s *story, name string, opt reader.Options, w incident.Window) (reader.Plan, error) {
	data, err := a.readAll(name)
	if err != nil {
		return reader.Plan{}, err
	}
	got, err := reader.Read(filepath.ToSlash(name), data, opt)
	if err != nil {
		return reader.Plan{}, exitError{exitUsage, err}
	}
	got.Records = slices.DeleteFunc(got.Records, func(r reader.Record) bool {
		at, err := time.Parse(time.RFC3339Nano, r.Fields["start"])
		return err == nil && (!w.From.IsZero() && at.Before(w.From) || !w.To.IsZero() && !at.Before(w.To))
	})
	if len(got.Ignored) > 0 {
		fmt.Fprintf(a.stderr, "%s: columns that are not taken: %s\n", name, redact.Line(strings.Join(got.Ignored, ", ")))
	}
	if got.Skipped > 0 && got.Format == "slack" {
		fmt.Fprintf(a.stderr, "%s: left out, for it is no message of anybody (who joined, who left): %s\n", name, plural(int64(got.Skipped), "line"))
	}
	var now reader.Reading
	if got.Ours() {
		export := timeline.New(s.an, timeline.Options{Name: s.name, View: s.view, Hidden: true, People: people(got)})
		text, err := export.Encode(map[string]string{"markdown": "md"}[got.Format] + map[bool]string{true: got.Format}[got.Format != "markdown"])
		if err != nil {
			return reader.Plan{}, err
		}
		if now, err = reader.Read("this timeline", text, reader.Options{Format: got.Format, Last: opt.Last}); err != nil {
			return reader.Plan{}, err
		}
	}
	plan, err := reader.Merge(filepath.ToSlash(name), s.entries, now, got)
	if err != nil {
		return reader.Plan{}, exitError{exitUsage, err}
	}
	if w != (incident.Window{}) {
		plan.Missing = nil // they may lie outside
	}
	return plan, nil
}

// people says whether a reading names people.
func people(r reader.Reading) bool {
	return slices.ContainsFunc(r.Records, func(x reader.Record) bool { return x.Fields["person"] != "" })
}

func (a *app) readAll(name string) ([]byte, error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, badInput("%w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, reader.Most+1))
	if err != nil {
		return nil, badInput("%s: %w", name, err)
	}
	return data, nil
}

// showPlan prints what would change as a diff that people can read.
func (a *app) showPlan(name string, p reader.Plan, hideMissing bool) {
	for _, c := range p.Changes {
		if c.New {
			fmt.Fprintf(a.stdout, "+ %s\n", said(c.After))
			continue
		}
		fmt.Fprintf(a.stdout, "~ %s\n", said(c.Before))
		for _, line := range differences(c.Before, c.After) {
			fmt.Fprintf(a.stdout, "    %s\n", line)
		}
	}
	for _, e := range p.Missing {
		if hideMissing {
			fmt.Fprintf(a.stdout, "- %s\n    hidden: nothing -> \"true\"\n", said(e))
		}
	}
	added := 0
	for _, c := range p.Changes {
		if c.New {
			added++
		}
	}
	fmt.Fprintf(a.stderr, "%s: %d new, %d changed, %d as they are", name, added, len(p.Changes)-added, p.Same)
	if n := len(p.Missing); n > 0 && !hideMissing {
		fmt.Fprintf(a.stderr, ", %d not in it, which stay (--hide-missing hides them)", n)
	}
	fmt.Fprintln(a.stderr)
}
