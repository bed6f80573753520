package main

import (
	"context"
	"errors"
	"time"

	"tripcurve/internal/incident/file"
	"tripcurve/tui"
	"tripcurve/tui/timeline"
)

// followEvery is how often a file is looked at for something new.
const followEvery = time.Second

// follow shows a file that another process records to, as it grows.
func (a *app) follow(ctx context.Context, path string) error {
	r, err := file.Open(path)
	if err != nil {
		return exitError{exitUsage, err}
	}
	defer r.Close()
	if why := a.noScreen(); why != "" {
		return badInput("%s, and --follow needs one; tripcurve analyze prints what the file says now", why)
	}
	out := make(chan tui.EvidenceMsg, 1)
	var lost error
	err = a.show(ctx, tui.Options{Name: path, Live: out, Timeline: timeline.Options{Keep: &fileTimeline{path: path}}}, nil, func(ctx context.Context) { lost = read(ctx, r, out) })
	if errors.Is(lost, context.Canceled) {
		lost = nil // the screens were left
	}
	return errors.Join(err, lost)
}

// read hands out what a file says, whenever that has changed, until ctx ends or the
// file cannot be read any more. A view that nobody has taken yet is replaced.
func read(ctx context.Context, r *file.Reader, out chan tui.EvidenceMsg) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for seen := int64(-1); ; {
		v, err := r.Version()
		if err != nil {
			return err
		}
		if v != seen {
			seen = v
			ev, meta, err := r.Load()
			if err != nil {
				return err
			}
			msg := message(meta.Name, ev.Snapshot())
			msg.Live = true
			replace(out, msg)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
