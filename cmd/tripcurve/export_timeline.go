package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // zones by name also where the system has none: a bastion host, a container

	"github.com/spf13/cobra"

	"tripcurve/internal/export/timeline"
)

// datadogTakes is how old an event may be at most that Datadog takes.
const datadogTakes = 18 * time.Hour

func (a *app) exportTimelineCommand() *cobra.Command {
	var o outFlags
	var format, zone, generated string
	var opt timeline.Options
	var private privacy
	cmd := &cobra.Command{
		Use:   "timeline [FILE]",
		Short: "the timeline in ten formats, for people and for other tools",
		Long: `Writes what the evidence says and what people wrote, in the same order in every format. Times are UTC; --tz adds a
second column. The ending of -o chooses the format where --format does not: .md, .html, .json, .csv, .ics (ical), .mmd (mermaid).

grafana, datadog-event and slack are lists of bodies, one for each request: of /api/annotations, /api/v1/events and
chat.postMessage. datadog-notebook is the body for /api/v1/notebooks. Nothing is sent. mermaid is Markdown with a gantt
chart of the incident and one of what came after.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("format") {
				if f := timeline.FormatOf(filepath.Ext(o.out)); f != "" {
					format = f
				}
			}
			var err error
			if zone != "" {
				if opt.Zone, err = namedZone(zone); err != nil {
					return err
				}
			}
			if generated != "" {
				if opt.GeneratedAt, err = time.Parse(time.RFC3339, generated); err != nil {
					return badInput("--generated-at %q; expected RFC 3339, such as 2026-01-16T09:00:00Z", generated)
				}
			}
			name, v, an, err := analyzed(cmd.Context(), args)
			if err != nil {
				return err
			}
			opt.Name, opt.View, opt.Unredacted, opt.Redaction = name, v, private.unredacted, private.opt
			doc := timeline.New(an, opt)
			data, err := doc.Encode(format)
			if err != nil {
				return err
			}
			if o.out == "" {
				o.out = "-"
			}
			if err := a.write(o.out, data, o.force, true); err != nil {
				return err
			}
			a.sayOf(format, doc)
			for _, row := range doc.Rows {
				if !row.Derived || row.Edited {
					a.fair("entry "+row.ID, row.Text)
				}
			}
			return nil
		},
	}
	o.add(cmd, "file to write to (default: the standard output)")
	formatFlag(cmd, &format, timeline.Formats()...)
	f := cmd.Flags()
	f.StringVar(&zone, "tz", "", "also show local times of a zone, by its IANA name (Europe/Berlin)")
	f.BoolVar(&opt.Pinned, "pinned", false, "pinned entries only")
	f.BoolVar(&opt.Hidden, "hidden", false, "hidden entries too, marked so")
	f.BoolVar(&opt.People, "people", false, "name people beside their roles")
	f.StringVar(&generated, "generated-at", "", "say when the document was made (RFC 3339); by default it does not say")
	private.add(cmd)
	return cmd
}

// sayOf says on stderr what a format cannot, or what its reader will refuse.
func (a *app) sayOf(format string, doc timeline.Document) {
	a.redacted(doc.Redaction)
	if format != "datadog-event" {
		return
	}
	old := 0
	for _, r := range doc.Rows {
		if at, err := time.Parse(time.RFC3339Nano, r.Start); err == nil && time.Since(at) > datadogTakes {
			old++
		}
	}
	if old > 0 {
		fmt.Fprintf(a.stderr, "Datadog refuses events older than 18 h: %d of %d are; datadog-notebook has no such limit\n", old, len(doc.Rows))
	}
}

// namedZone is a zone by its IANA name: "Local" would differ from machine to machine.
func namedZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") {
		return nil, badInput("--tz %q: no such zone; expected an IANA name, such as Europe/Berlin or America/New_York", name)
	}
	return zone, nil
}
