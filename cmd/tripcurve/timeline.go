package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/export/timeline"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/incident/file"
	"tripcurve/internal/redact"
)

func (a *app) timelineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "timeline",
		Short: "read, add to and correct the timeline of a recorded incident",
		Long: `The timeline is what the evidence says and what people write: list shows it, with the id by which an entry is
named (the beginning of it is enough). add, edit, hide, show, comment and import write into the incident file; undo takes
the last change back, and log says who changed what. What people change of an entry that the evidence gives stays when
the evidence says more.

Instants are RFC 3339, a time of day in UTC (14:31Z, 14:31:07.5Z) of the incident, or a day (2026-01-26); how exactly one is
written is how exactly it is known. Who writes is a role (--as), not a name.`,
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return badInput("timeline what? %s list, add, edit, hide, show, comment, undo, log or import", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.timelineList(), a.timelineAdd(), a.timelineEdit(), a.timelineHide(true), a.timelineHide(false), a.timelineComment(),
		a.timelineUndo(), a.timelineLog(), a.timelineImport())
	return cmd
}

// story is an incident with its timeline, opened to be changed.
type story struct {
	path    string
	name    string
	view    *incident.View
	an      incident.Analysis
	entries []incident.Entry
	derived map[string]incident.Entry // as the evidence alone gives them
}

// openStory reads an incident file whose timeline is to be changed.
func openStory(path string) (*story, error) {
	if err := incidentFile([]string{path}); err != nil {
		return nil, err
	}
	name, v, err := loadFile(path)
	if err != nil {
		return nil, err
	}
	s := &story{path: path, name: name, view: v, an: cause.Analyze(v, cause.Options{}), derived: map[string]incident.Entry{}}
	s.entries = incident.Timeline(v, s.an, v.Written)
	for _, e := range incident.Timeline(v, s.an, nil) {
		s.derived[e.ID] = e
	}
	return s, nil
}

// find is the entry whose id begins so.
func (s *story) find(id string) (incident.Entry, error) {
	var found []incident.Entry
	for _, e := range s.entries {
		if id != "" && strings.HasPrefix(e.ID, strings.ToLower(id)) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return incident.Entry{}, badInput("no entry %q in %s; tripcurve timeline list shows the ids", id, s.path)
	}
	return incident.Entry{}, badInput("%d entries of %s begin with %q; write more of the id", len(found), s.path, id)
}

// rewritten is what is to be kept of an entry that is now as after says.
func (s *story) rewritten(after incident.Entry) incident.Written {
	if raw, ok := s.derived[after.ID]; ok {
		return incident.Rewrite(&raw, after)
	}
	return incident.Rewrite(nil, after)
}

// keep writes changes of the timeline into the file.
func (a *app) keepTimeline(path, role, action string, written ...incident.Written) error {
	if strings.TrimSpace(role) == "" {
		return badInput("--as is empty; expected a role, such as 'on-call engineer'")
	}
	w, err := a.resume(path)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if err := errors.Join(w.WriteTimeline(time.Now(), role, action, written...), w.Close()); err != nil {
		return exitError{exitUsage, err}
	}
	return nil
}

const defaultRole = "on-call engineer"

func roleFlag(cmd *cobra.Command, role *string) {
	cmd.Flags().StringVar(role, "as", defaultRole, "the role of who writes, for the audit")
}

// fileAnd wants an incident file and n more arguments, at least when more.
func fileAnd(n int, more bool, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n+1 || more && len(args) > n {
			return nil
		}
		return badInput("%s takes an incident file%s; found %d arguments\nusage: %s", cmd.CommandPath(), what, len(args), cmd.UseLine())
	}
}

func (a *app) timelineList() *cobra.Command {
	var format string
	opt := timeline.Options{Unredacted: true}
	var redacted bool
	cmd := &cobra.Command{
		Use:               "list FILE",
		Short:             "the timeline with the ids of its entries",
		Long:              `Prints the timeline as it is, with ids; nothing is redacted unless --redact asks for it (export timeline redacts by default).`,
		Args:              oneArg("an incident file, or " + bundledName),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, v, an, err := analyzed(cmd.Context(), args)
			if err != nil {
				return err
			}
			opt.Name, opt.View, opt.Unredacted = name, v, !redacted
			doc := timeline.New(an, opt)
			data := []byte(doc.Text())
			if format != "text" {
				if data, err = doc.Encode(format); err != nil {
					return err
				}
			}
			_, err = a.stdout.Write(data)
			return err
		},
	}
	formatFlag(cmd, &format, "text", "json", "csv", "md")
	cmd.Flags().BoolVar(&opt.Hidden, "hidden", false, "hidden entries too")
	cmd.Flags().BoolVar(&opt.Pinned, "pinned", false, "pinned entries only")
	cmd.Flags().BoolVar(&opt.People, "people", false, "name people beside their roles")
	cmd.Flags().BoolVar(&redacted, "redact", false, "replace what must not leave, as exports do")
	return cmd
}

// entryFlags are what add and edit can say of an entry, by the names of its fields.
type entryFlags struct {
	cmd   *cobra.Command
	words map[string]*string
	pin   bool
}

func (f *entryFlags) add(cmd *cobra.Command) {
	f.cmd, f.words = cmd, map[string]*string{}
	for _, x := range []struct{ field, help string }{
		{"end", "when it ended; open: it goes on; empty: a point"},
		{"kind", "observation, change, alert, action, decision, communication, derived, phase"},
		{"phase", "what it marks: trigger, impact-start, detected, acknowledged, escalated, mitigated, resolved, follow-up"},
		{"track", "incident or remediation"},
		{"progress", "of a phase: done, in-progress, planned"},
		{"system", "service, table or endpoint"},
		{"actor", "the role of who did it"},
		{"person", "who it was; exports name people only with --people"},
		{"lane", "deploy, locks, pool, errors, grpc, people, phases"},
		{"source", "where it is known from"},
		{"source-url", "a page or message that says so"},
		{"confidence", "measured, derived, stated, assumed"},
	} {
		f.words[x.field] = cmd.Flags().String(x.field, "", x.help)
	}
	cmd.Flags().BoolVar(&f.pin, "pin", false, "belongs into the short export (--pin=false takes it back)")
}

// set makes the entry what the flags say.
func (f *entryFlags) set(e *incident.Entry, last time.Time) error {
	for _, field := range incident.Fields() {
		flag := strings.ReplaceAll(field, "_", "-")
		v, known := f.words[flag]
		if !known || !f.cmd.Flags().Changed(flag) {
			continue
		}
		value := *v
		if field == "end" && value != "" && value != "open" {
			t, precision, err := incident.ParseEntryTime(value, last)
			if err != nil {
				return badInput("--end: %w", err)
			}
			value = t.Format(time.RFC3339Nano)
			e.Precision = max(e.Precision, precision)
		}
		if err := e.Set(field, value); err != nil {
			return badInput("--%s: %s", flag, strings.TrimPrefix(err.Error(), field+": "))
		}
	}
	if f.cmd.Flags().Changed("pin") {
		e.Pinned = f.pin
	}
	if e.Kind == incident.KPhase && e.Lane == "" {
		e.Lane = "phases"
	}
	if err := e.Check(); err != nil {
		return badInput("%w", err)
	}
	return nil
}

func (a *app) timelineAdd() *cobra.Command {
	var role string
	var f entryFlags
	cmd := &cobra.Command{
		Use:   "add FILE TIME TEXT",
		Short: "add an entry",
		Long: `Adds an entry of your own: one fact, no judgement. The same entry twice is one.

    tripcurve timeline add night.incident 14:31Z 'rolled back order to v41' --kind action`,
		Args: fileAnd(2, false, ", a time and a text (in quotes)"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := openStory(args[0])
			if err != nil {
				return err
			}
			last := incident.Around(s.view, s.an)
			e := incident.Entry{
				Kind: incident.KObservation, Text: strings.TrimSpace(args[2]), Actor: role, Lane: "people", Confidence: "stated",
				Source: incident.EntrySource{Name: "people"}, Clock: incident.EntryClock{Original: args[1]},
			}
			if e.Start, e.Precision, err = incident.ParseEntryTime(args[1], last); err != nil {
				return badInput("TIME: %w", err)
			}
			if err := f.set(&e, last); err != nil {
				return err
			}
			e.ID = incident.EntryID("people", e.Get("start")+" "+e.Text)
			if slices.ContainsFunc(s.entries, func(have incident.Entry) bool { return have.ID == e.ID }) {
				return badInput("%s has this entry already: %s", s.path, e.ID)
			}
			if err := a.keepTimeline(s.path, role, "add", s.rewritten(e)); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "added %s\n", said(e))
			return nil
		},
	}
	f.add(cmd)
	roleFlag(cmd, &role)
	return cmd
}

// said is an entry in a line, for messages.
func said(e incident.Entry) string {
	return fmt.Sprintf("%s  %s  %s", e.ID, timeline.Stamp(e), redact.Flat(redact.MaskSecrets(e.Text)))
}

func (a *app) timelineEdit() *cobra.Command {
	var role, start, text string
	var f entryFlags
	cmd := &cobra.Command{
		Use:   "edit FILE ID [flags]",
		Short: "correct an entry, also one that the evidence gives",
		Args:  fileAnd(1, false, " and the id of an entry"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openStory(args[0])
			if err != nil {
				return err
			}
			e, err := s.find(args[1])
			if err != nil {
				return err
			}
			before := e
			last := incident.Around(s.view, s.an)
			if cmd.Flags().Changed("start") {
				if e.Start, e.Precision, err = incident.ParseEntryTime(start, last); err != nil {
					return badInput("--start: %w", err)
				}
			}
			if cmd.Flags().Changed("text") {
				if err := e.Set("text", text); err != nil {
					return badInput("--text: %s", strings.TrimPrefix(err.Error(), "text: "))
				}
			}
			if err := f.set(&e, last); err != nil {
				return err
			}
			changed := differences(before, e)
			if len(changed) == 0 {
				return badInput("nothing is changed; say what by --start, --text, --kind, ... (%s --help)", cmd.CommandPath())
			}
			if err := a.keepTimeline(s.path, role, "edit", s.rewritten(e)); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "edited %s\n", said(e))
			for _, line := range changed {
				fmt.Fprintf(a.stderr, "  %s\n", line)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&start, "start", "", "when it was, or began")
	cmd.Flags().StringVar(&text, "text", "", "what happened")
	f.add(cmd)
	roleFlag(cmd, &role)
	return cmd
}

// differences are the fields in which two states of an entry differ, a line each.
func differences(before, after incident.Entry) []string {
	var list []string
	for _, field := range incident.Fields() {
		if b, a := before.Get(field), after.Get(field); a != b {
			list = append(list, fmt.Sprintf("%s: %s -> %s", field, inQuotes(b), inQuotes(a)))
		}
	}
	return list
}

func inQuotes(s string) string {
	if s == "" {
		return "nothing"
	}
	return `"` + redact.Flat(redact.MaskSecrets(s)) + `"`
}

func (a *app) timelineHide(hide bool) *cobra.Command {
	var role string
	name, short := "hide", "leave entries out of lists and exports; they stay in the file"
	if !hide {
		name, short = "show", "show entries again that were hidden"
	}
	cmd := &cobra.Command{
		Use:   name + " FILE ID...",
		Short: short,
		Args:  fileAnd(1, true, " and the ids of entries"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := openStory(args[0])
			if err != nil {
				return err
			}
			var written []incident.Written
			var lines []string
			for _, id := range args[1:] {
				e, err := s.find(id)
				if err != nil {
					return err
				}
				if e.Hidden == hide {
					fmt.Fprintf(a.stderr, "%s is %s already\n", e.ID, map[bool]string{true: "hidden", false: "shown"}[hide])
					continue
				}
				e.Hidden = hide
				written = append(written, s.rewritten(e))
				lines = append(lines, said(e))
			}
			if len(written) == 0 {
				return nil
			}
			if err := a.keepTimeline(s.path, role, name, written...); err != nil {
				return err
			}
			for _, l := range lines {
				fmt.Fprintf(a.stderr, "%s %s\n", map[bool]string{true: "hidden", false: "shown"}[hide], l)
			}
			return nil
		},
	}
	roleFlag(cmd, &role)
	return cmd
}

func (a *app) timelineComment() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "comment FILE ID TEXT",
		Short: "say something of an entry",
		Args:  fileAnd(2, false, ", the id of an entry and a text (in quotes)"),
		RunE: func(_ *cobra.Command, args []string) error {
			text := strings.TrimSpace(args[2])
			if text == "" {
				return badInput("the comment is empty")
			}
			s, err := openStory(args[0])
			if err != nil {
				return err
			}
			e, err := s.find(args[1])
			if err != nil {
				return err
			}
			e.Comments = append(slices.Clone(e.Comments), incident.Comment{At: time.Now().UTC().Truncate(time.Second), Role: role, Text: text})
			if err := a.keepTimeline(s.path, role, "comment", s.rewritten(e)); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "commented %s\n", said(e))
			return nil
		},
	}
	roleFlag(cmd, &role)
	return cmd
}

func (a *app) timelineUndo() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "undo FILE",
		Short: "take the last change back; again for the one before",
		Args:  oneArg("an incident file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := incidentFile(args); err != nil {
				return err
			}
			w, err := a.resume(args[0])
			if err != nil {
				return exitError{exitUsage, err}
			}
			undone, err := w.UndoTimeline(time.Now(), role)
			if err := errors.Join(err, w.Close()); err != nil {
				return exitError{exitUsage, err}
			}
			fmt.Fprintf(a.stderr, "undone: %s of %s by %s, %s\n", undone[0].Action, entries(len(undone)), redact.Line(undone[0].Role), undone[0].At.Format(time.RFC3339))
			for _, u := range undone {
				for _, line := range changedBy(u) {
					fmt.Fprintf(a.stderr, "  %s  %s\n", u.Entry, line)
				}
			}
			return nil
		},
	}
	roleFlag(cmd, &role)
	return cmd
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// changedBy is what one action did, a line a field.
func changedBy(u file.Audit) []string {
	state := func(w *incident.Written) (map[string]string, int) {
		if w == nil {
			return nil, 0
		}
		return w.Fields, len(w.Comments)
	}
	before, had := state(u.Before)
	after, has := state(u.After)
	var list []string
	switch { // of a whole entry the fields say little
	case u.Before == nil && u.After != nil && !u.After.Derived:
		return []string{"new: " + after["start"] + " " + inQuotes(after["text"])}
	case u.After == nil && u.Before != nil && !u.Before.Derived:
		return []string{"gone: " + before["start"] + " " + inQuotes(before["text"])}
	}
	for _, field := range incident.Fields() {
		if before[field] != after[field] {
			list = append(list, fmt.Sprintf("%s: %s -> %s", field, inQuotes(before[field]), inQuotes(after[field])))
		}
	}
	if has != had {
		text := ""
		if has > had {
			text = ": " + inQuotes(u.After.Comments[has-1].Text)
		}
		list = append(list, fmt.Sprintf("comments: %d -> %d%s", had, has, text))
	}
	return list
}

func (a *app) timelineLog() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "log FILE",
		Short: "who changed what of the timeline, and when",
		Args:  oneArg("an incident file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := incidentFile(args); err != nil {
				return err
			}
			r, err := file.Open(args[0])
			if err != nil {
				return exitError{exitUsage, err}
			}
			audit, err := r.Audit()
			if err := errors.Join(err, r.Close()); err != nil {
				return exitError{exitUsage, err}
			}
			if format == "json" {
				return writeJSON(a.stdout, auditJSON(audit))
			}
			for _, u := range audit {
				what := u.Action
				if u.Undoes > 0 {
					what = fmt.Sprintf("undo of %d", u.Undoes)
				}
				fmt.Fprintf(a.stdout, "%4d  %s  %s  %s by %s\n", u.Change, u.At.Format(time.RFC3339), u.Entry, what, redact.Line(u.Role))
				for _, line := range changedBy(u) {
					fmt.Fprintf(a.stdout, "        %s\n", line)
				}
			}
			return nil
		},
	}
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

// action is one line of the audit, as JSON.
type action struct {
	Change int64             `json:"change"`
	At     time.Time         `json:"at"`
	Role   string            `json:"role"`
	Action string            `json:"action"`
	Entry  string            `json:"entry"`
	Before *incident.Written `json:"before"`
	After  *incident.Written `json:"after"`
	Undoes *int64            `json:"undoes"`
}

func auditJSON(audit []file.Audit) any {
	list := []action{}
	for _, u := range audit {
		x := action{Change: u.Change, At: u.At, Role: u.Role, Action: u.Action, Entry: u.Entry, Before: u.Before, After: u.After}
		if u.Undoes > 0 {
			x.Undoes = &u.Undoes
		}
		list = append(list, x)
	}
	return struct {
		Schema  string   `json:"schema"`
		Actions []action `json:"actions"`
	}{"tripcurve.timeline-log/1", list}
}
