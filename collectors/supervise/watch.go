package supervise

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

// watch follows the health of one source between its collector and the queue.
type watch struct {
	last    incident.SourceStatus // as last sent on
	heard   time.Time             // wall time of the last word from the collector; zero before the first
	gap     *incident.Episode     // open while the source is down
	retries int                   // failed starts in a row
	opts    Options
	in      chan<- event
}

// run runs c once and passes on what it sends.
func (w *watch) run(ctx context.Context, c Collector) error {
	out := make(chan []incident.Fact)
	status := make(chan incident.SourceStatus)
	ended := make(chan error, 1)
	go func() { ended <- guarded(ctx, c, out, status) }()

	var silent <-chan time.Time
	if w.opts.StaleAfter > 0 {
		t := time.NewTicker(w.opts.StaleAfter / 4)
		defer t.Stop()
		silent = t.C
	}
	w.heard = time.Now()
	for {
		select {
		case facts := <-out:
			if !understood(facts) {
				w.in <- event{facts: facts}
				continue
			}
			w.alive(time.Now())
			if w.last.State == incident.SourceStale || w.last.State == incident.SourceDown {
				s := w.last
				s.State, s.LastAt, s.Detail = incident.SourceOK, w.heard, ""
				w.say(s)
			}
			w.in <- event{facts: facts}
		case s := <-status:
			if s.State == incident.SourceOK {
				w.alive(time.Now())
			}
			w.say(s)
		case now := <-silent:
			if w.last.State == incident.SourceOK && now.Sub(w.heard) > w.opts.StaleAfter {
				s := w.last
				s.State = incident.SourceStale
				w.say(s)
			}
		case err := <-ended:
			return err
		}
	}
}

// understood says whether facts hold more than lines that nobody could read:
// those alone do not make a source well.
func understood(facts []incident.Fact) bool {
	return slices.ContainsFunc(facts, func(f incident.Fact) bool {
		x, ok := f.(incident.Exemplar)
		return !ok || x.Kind != incident.Unparsed
	})
}

// alive notes that the source gave data at now, which ends a gap.
func (w *watch) alive(now time.Time) {
	w.heard, w.retries = now, 0
	if w.gap == nil {
		return
	}
	g := *w.gap
	g.To, g.Open = now.UTC(), false
	w.gap = nil
	w.in <- event{facts: []incident.Fact{g}}
}

// down notes that the collector ended in err at now and is started again after
// pause; 0 is never.
func (w *watch) down(now time.Time, err error, pause time.Duration) {
	now = now.UTC()
	w.retries++
	if w.gap == nil {
		from := now
		if !w.last.LastAt.IsZero() && !w.heard.IsZero() && w.heard.Before(now) {
			from = w.heard.UTC()
		}
		w.gap = &incident.Episode{
			Kind: incident.Gap, From: from, Open: true, Text: err.Error(),
			Origin: incident.Origin{Group: w.last.Group, Name: w.last.Name},
		}
	}
	w.gap.To = now
	w.in <- event{facts: []incident.Fact{*w.gap}}

	s := w.last
	s.State, s.Detail = incident.SourceDown, err.Error()
	if pause > 0 {
		s.Detail = fmt.Sprintf("%s; try %d in %s", err, w.retries+1, pause.Round(100*time.Millisecond))
	}
	w.say(s)
}

// done notes that the source has given all it had.
func (w *watch) done() {
	w.alive(time.Now())
	s := w.last
	s.State = incident.SourceDone
	w.say(s)
}

// ended closes the open gap at the end of the recording.
func (w *watch) ended() {
	if w.gap != nil {
		w.gap.To = time.Now().UTC()
		w.in <- event{facts: []incident.Fact{*w.gap}}
	}
}

// say hands a status on, with since when the state is so, and what was known before
// and is not said again.
func (w *watch) say(s incident.SourceStatus) {
	if s.LastAt.IsZero() {
		s.LastAt = w.last.LastAt
	}
	if !s.Clock.Measured() {
		s.Clock = w.last.Clock
	}
	s.Since = w.last.Since
	if s.State != w.last.State || s.Since.IsZero() {
		s.Since = time.Now().UTC()
	}
	w.last = s
	w.in <- event{status: &s}
}

// panicSite is the file and line that panicked, without the goroutine dump,
// which has no place on a status line.
func panicSite(stack []byte) string {
	_, after, _ := bytes.Cut(stack, []byte("panic("))
	for line := range bytes.Lines(after) {
		if !bytes.HasPrefix(line, []byte("\t")) || bytes.Contains(line, []byte("/runtime/")) {
			continue
		}
		site, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		return string(site[bytes.LastIndexByte(site, '/')+1:])
	}
	return "unknown place"
}
