package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"tripcurve/internal/incident/file"
	"tripcurve/tui"
	"tripcurve/tui/timeline"
)

// followEvery is how often a file is looked at for something new. All of it is read
// again then: a file for which that takes long is looked at less often, so that at
// most one tenth of a processor is kept busy.
const (
	followEvery = time.Second
	followRest  = 9 // times as long as the reading took
)

// What the reading took is given back to the system if it was long, once the screens have
// let go of what they had before.
const (
	longReading = 100 * time.Millisecond
	takenIn     = 500 * time.Millisecond
)

// follow shows a file that another process records to, as it grows.
func (a *app) follow(ctx context.Context, path string) error {
	r, err := file.Open(path)
	if err != nil {
		return exitError{exitUsage, err}
	}
	defer r.Close()
	defer roomForKeys()()
	if why := a.noScreen(); why != "" {
		return badInput("%s, and --follow needs one; tripcurve analyze prints what the file says now", why)
	}
	out := make(chan tui.EvidenceMsg, 1)
	var lost error
	err = a.show(ctx, tui.Options{Name: path, File: path, Live: out, Timeline: timeline.Options{Keep: &fileTimeline{path: path}}, Session: a.session(filepath.Base(path), path)}, nil, func(ctx context.Context) { lost = read(ctx, r, out) })
	if errors.Is(lost, context.Canceled) {
		lost = nil // the screens were left
	}
	return errors.Join(err, lost)
}

// read hands out what a file says, whenever that has changed, until ctx ends or the
// file cannot be read any more. A view that nobody has taken yet is replaced.
func read(ctx context.Context, r *file.Reader, out chan tui.EvidenceMsg) error {
	tick := time.NewTimer(0)
	defer tick.Stop()
	var giveBack <-chan time.Time
	for seen := int64(-1); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-giveBack:
			tidy()
			continue
		case <-tick.C:
		}
		v, err := r.Version()
		if err != nil {
			return err
		}
		pause := followEvery
		if v != seen {
			seen = v
			began := time.Now()
			ev, meta, err := r.Load()
			if err != nil {
				return err
			}
			msg := message(meta.Name, ev.Snapshot())
			msg.Live = true
			replace(out, msg)
			spare()
			took := time.Since(began)
			if took >= longReading {
				giveBack = time.After(takenIn)
			}
			pause = max(pause, followRest*took)
		}
		tick.Reset(pause)
	}
}
