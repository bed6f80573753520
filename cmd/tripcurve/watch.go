package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/supervise"
	"tripcurve/tui"
	"tripcurve/tui/timeline"
)

func (a *app) watchCommand() *cobra.Command {
	var f sourceFlags
	var record string
	var k keeping
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "collect live, record, and show the screens",
		Long: `Collects from every source named, or else from those of the settings file, records all of it to a file, and shows what is happening.
Nothing is installed on the servers; Postgres is only read.`,
		Example: examples("watch"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := k.check(); err != nil {
				return err
			}
			c, err := a.collecting(cmd.Context(), "watch", f, k, time.Now())
			if err != nil {
				return err
			}
			if why := a.noScreen(); why != "" {
				return badInput("%s; `tripcurve record` collects without a screen", why)
			}
			var keys *os.File
			if c.stdin {
				if keys, err = os.Open("/dev/tty"); err != nil {
					return badInput("the log comes from the standard input, so keys must come from the terminal: %w", err)
				}
				defer keys.Close()
			}
			return a.watch(cmd.Context(), c, record, keys)
		},
	}
	f.add(cmd)
	k.add(cmd)
	cmd.Flags().StringVar(&record, "record", "", "file to record to (default: a new one in "+a.paths.State+")")
	return cmd
}

func (a *app) watch(ctx context.Context, c collecting, record string, keys *os.File) error {
	now := time.Now()
	record, err := a.recording(record, now)
	if err != nil {
		return err
	}
	l, err := newLive(record, c.keeping, now)
	if err != nil {
		return err
	}
	var collected error
	collect := func(ctx context.Context) {
		if err := supervise.New(c.collectors, c.options).Run(ctx, l.write); !errors.Is(err, context.Canceled) {
			collected = err
		}
	}
	shown := a.show(ctx, tui.Options{Name: l.name, File: record, Live: l.out, Record: record, Timeline: timeline.Options{Keep: liveTimeline{l}}, Session: a.session(l.name, record)}, keys, collect, l.publish)
	err = errors.Join(shown, collected, l.close())
	a.reportRanks(l.ranks.Changes()) // the terminal is free again
	if err == nil {
		fmt.Fprintf(a.stderr, "recorded %s\nopen it again with: tripcurve open %s\n", plural(l.facts, "fact"), record)
	}
	return err
}
