package main

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
	"tripcurve/tui/timeline"
)

// bundledReadOnly is why nobody writes into the bundled incident's timeline.
const bundledReadOnly = "the bundled incident is simulated at every start, and no file: `tripcurve simulate inc-2847 -o night.incident` makes one to write in"

// fileTimeline keeps what is written on the Timeline screen in an incident file, as the
// command `timeline` does: it is opened for each change, so that nobody else is kept
// from it meanwhile.
type fileTimeline struct {
	path string
	mu   sync.Mutex // one change at a time
}

func (k *fileTimeline) Ready() error {
	f, err := os.OpenFile(k.path, os.O_RDWR, 0)
	if err != nil {
		return err // it names the path
	}
	return f.Close()
}

func (k *fileTimeline) Write(role, action string, written ...incident.Written) (all *incident.Writings, err error) {
	return k.with(func(w *file.Writer) error { return w.WriteTimeline(time.Now(), role, action, written...) })
}

func (k *fileTimeline) Undo(role string) (undone []incident.Written, all *incident.Writings, err error) {
	all, err = k.with(func(w *file.Writer) (err error) {
		undone, err = undoTimeline(w, role)
		return err
	})
	return undone, all, err
}

func (k *fileTimeline) with(f func(*file.Writer) error) (all *incident.Writings, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w, err := file.Continue(k.path)
	if err != nil {
		return nil, err
	}
	err = f(w)
	if err == nil {
		all, err = w.Written()
	}
	return all, errors.Join(err, w.Close())
}

// undoTimeline takes the last change back, and gives what it had made of its entries.
func undoTimeline(w *file.Writer, role string) (undone []incident.Written, err error) {
	audit, err := w.UndoTimeline(time.Now(), role)
	for _, a := range slices.Backward(audit) { // the last came first
		if a.After == nil {
			undone = append(undone, incident.Written{ID: a.Entry})
			continue
		}
		undone = append(undone, *a.After)
	}
	return undone, err
}

// liveTimeline keeps what is written in the recording that goes on.
type liveTimeline struct{ *live }

func (k liveTimeline) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.writable()
}

// writable says why nothing can be written. The lock is held.
func (k liveTimeline) writable() error {
	switch {
	case k.stopped != nil:
		return k.stopped
	case k.file == nil:
		return errors.New("the recording has ended")
	}
	return nil
}

func (k liveTimeline) Write(role, action string, written ...incident.Written) (all *incident.Writings, err error) {
	return k.with(func(w *file.Writer) error { return w.WriteTimeline(time.Now(), role, action, written...) })
}

func (k liveTimeline) Undo(role string) (undone []incident.Written, all *incident.Writings, err error) {
	all, err = k.with(func(w *file.Writer) (err error) {
		undone, err = undoTimeline(w, role)
		return err
	})
	return undone, all, err
}

func (k liveTimeline) with(f func(*file.Writer) error) (all *incident.Writings, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.writable(); err != nil {
		return nil, err
	}
	if err := f(k.file); err != nil {
		return nil, err
	}
	if all, err = k.file.Written(); err != nil {
		return nil, err
	}
	k.evidence.SetWritten(all)
	k.fresh = true
	return all, nil
}

var (
	_ timeline.Keeper = (*fileTimeline)(nil)
	_ timeline.Keeper = liveTimeline{}
)
