package tui

import (
	"fmt"
	"math"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
)

// liveMsg is an EvidenceMsg from the live channel, after which we listen again.
type liveMsg EvidenceMsg

// loadFailedMsg ends the loading without data.
type loadFailedMsg struct{ err error }

// firstFrame is the longest that loading waits for the first frame to leave. It waits, for
// it keeps both processors of a small machine busy; but not for a terminal that nobody
// reads.
const firstFrame = 250 * time.Millisecond

// load brings the evidence, away from the event loop.
func (r *Root) load() tea.Cmd {
	if r.opts.Load == nil {
		return nil
	}
	ctx, load, shown := r.ctx, r.opts.Load, r.opts.shown
	return func() tea.Msg {
		if shown != nil {
			select {
			case <-shown:
			case <-time.After(firstFrame):
			case <-ctx.Done():
			}
		}
		msg, err := load(ctx)
		if err != nil {
			return loadFailedMsg{err}
		}
		return msg
	}
}

// listen waits for the next live view, and takes the newest there is.
func (r *Root) listen() tea.Cmd {
	ctx, live := r.ctx, r.opts.Live
	if live == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case <-ctx.Done():
			return nil
		case msg, ok := <-live:
			for ok {
				select {
				case next, more := <-live:
					if !more {
						return liveMsg(msg)
					}
					msg = next
					continue
				default:
				}
				return liveMsg(msg)
			}
			return nil
		}
	}
}

// evidence takes in a new view, or holds it back while paused.
func (r *Root) evidence(msg EvidenceMsg) tea.Cmd {
	if msg.View == nil {
		return nil
	}
	if r.paused {
		r.held, r.waiting = &msg, r.waiting+1
		return nil
	}
	first := !r.loaded
	r.loaded, r.failed = true, nil
	if r.busy.Part < 0 {
		r.busy = screen.BusyMsg{}
	}
	r.common.Apply(msg)
	msg.Rows = r.common.Rows
	r.title = windowTitle(msg.Name)
	old := r.whole
	r.whole = wholeOf(msg)
	cmds := []tea.Cmd{r.tellAll(msg)}
	if first || r.common.Range == old {
		cmds = append(cmds, r.setRange(r.whole))
	}
	switch {
	case first && !msg.Live:
		cmds = append(cmds, r.moveCursor(peak(msg.View, r.whole)))
		r.follow = false
	case msg.Live && r.follow:
		cmds = append(cmds, r.moveCursor(sampled(msg.View)))
		r.follow = true
	}
	if first {
		cmds = append(cmds, r.restore(), r.settled())
	}
	return tea.Batch(cmds...)
}

// written takes in what people wrote: into what is shown, and into what waits.
func (r *Root) written(all *incident.Writings) tea.Cmd {
	with := func(msg EvidenceMsg) EvidenceMsg {
		msg.View = msg.View.WithWritten(all)
		msg.Rows = incident.NewRows(msg.View, msg.Analysis)
		return msg
	}
	if r.held != nil {
		held := with(*r.held)
		r.held = &held
	}
	if r.common.View == nil {
		return nil
	}
	msg := with(EvidenceMsg{Name: r.common.Name, View: r.common.View, Analysis: r.common.Analysis, Live: r.common.Live})
	r.common.Apply(msg)
	return r.tellAll(msg)
}

// settle is how long after the first evidence what the screens begin with it has ended.
const settle = time.Second

// settled has Options.Loaded called when the first evidence has been taken in.
func (r *Root) settled() tea.Cmd {
	ctx, loaded := r.ctx, r.opts.Loaded
	if loaded == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case <-ctx.Done():
		case <-time.After(settle):
			loaded()
		}
		return nil
	}
}

func windowTitle(name string) string { return "tripcurve " + redact.Line(name) }

// wholeOf is the range that shows the whole incident: the impact and a fifth
// on either side, or all there is.
func wholeOf(msg EvidenceMsg) incident.Window {
	w := msg.View.Window
	hit := msg.Analysis.Impact
	margin := max(time.Minute, hit.Length()/5).Truncate(time.Minute)
	switch {
	case hit.Length() > 0:
		w = incident.Window{From: hit.From.Add(-margin), To: hit.To.Add(margin)}
		if msg.Live {
			w.To = msg.View.Window.To
		}
	case msg.Live && w.Length() > 15*time.Minute:
		w.From = w.To.Add(-15 * time.Minute)
	}
	return clip(w, msg.View.Window)
}

// clip cuts w to what there is, but keeps at least ten seconds.
func clip(w, all incident.Window) incident.Window {
	w = w.Meet(all)
	if w.Length() < 10*time.Second {
		w.To = w.From.Add(10 * time.Second)
	}
	return w
}

// laggard is how far behind the newest evidence the newest look at the locks may
// be for the time cursor to stay with it.
const laggard = 15 * time.Second

// sampled is the last instant that was really looked at: of the locks, for their
// tree is drawn as of an instant, else of any source. The window's end is rounded
// up, to where nobody has looked yet.
func sampled(v *incident.View) time.Time {
	var newest time.Time
	for _, s := range v.Sources {
		if s.LastAt.After(newest) {
			newest = s.LastAt
		}
	}
	if newest.IsZero() || newest.After(v.Window.To) {
		newest = v.Window.To
	}
	looks := v.SampleTimes(incident.Window{From: v.Window.From, To: v.Window.To.Add(1)})
	if n := len(looks); n > 0 && newest.Sub(looks[n-1]) <= laggard {
		return looks[n-1]
	}
	return newest
}

// peak is where the incident is at its worst: the first instant with the most
// sessions waiting for a lock, else with the most requests failing; where nothing is
// wrong the newest that is known of all sources.
func peak(v *incident.View, w incident.Window) time.Time {
	step := screen.StepFor(w.Length(), 600)
	at, most := highest(v.LockWaiters(w, step))
	if most == 0 {
		at, most = highest(v.Rate(incident.Bucket.Failed, w, step, true))
	}
	if most == 0 {
		// Buckets end on the full ten seconds, where no source has been asked yet.
		if newest := sampled(v); newest.Before(w.To) && newest.After(w.From) {
			return newest
		}
		return w.To
	}
	return w.From.Add(time.Duration(at) * step)
}

// highest is the middle of the first stretch of the highest value: the first
// instant of all is still on its way there.
func highest(values []float64) (at int, most float64) {
	for _, v := range values {
		if !math.IsNaN(v) {
			most = max(most, v)
		}
	}
	from := 0
	for from < len(values) && values[from] != most {
		from++
	}
	to := from
	for to < len(values) && values[to] == most {
		to++
	}
	return (from + to) / 2, most
}

func (r *Root) moveCursor(at time.Time) tea.Cmd {
	r.common.Cursor = within(at, r.extent())
	at = r.common.Cursor
	r.follow = r.common.Live && (r.common.View == nil || !at.Before(sampled(r.common.View)))
	cmd := r.tellAll(screen.CursorMsg{At: at})
	w := r.common.Range
	if w.Length() > 0 && (at.Before(w.From) || at.After(w.To)) { // bring it into sight
		half := w.Length() / 2
		return tea.Batch(cmd, r.setRange(incident.Window{From: at.Add(-half), To: at.Add(half)}))
	}
	return cmd
}

// extent is all that the time cursor can reach.
func (r *Root) extent() incident.Window {
	if r.common.View != nil {
		return r.common.View.Window
	}
	return r.common.Range
}

// within is the instant of a window that is the nearest to at; its end is one of them.
func within(at time.Time, w incident.Window) time.Time {
	switch {
	case at.Before(w.From):
		return w.From
	case at.After(w.To):
		return w.To
	}
	return at
}

func (r *Root) setRange(w incident.Window) tea.Cmd {
	if r.common.View != nil {
		w = clip(w, r.common.View.Window)
	}
	if w == r.common.Range {
		return nil
	}
	r.common.Range = w
	return r.tellAll(screen.RangeMsg{Window: w})
}

// zoom scales the range around the cursor; the zero factor shows everything.
func (r *Root) zoom(factor float64) tea.Cmd {
	w := r.common.Range
	if r.common.View == nil || w.Length() == 0 {
		return nil
	}
	if factor == 0 {
		return r.setRange(r.whole)
	}
	length := time.Duration(float64(w.Length()) * factor)
	if length < 10*time.Second {
		return screen.Say("no closer than ten seconds")
	}
	part := float64(r.common.Cursor.Sub(w.From)) / float64(w.Length())
	from := r.common.Cursor.Add(-time.Duration(part * float64(length))).Truncate(time.Second)
	return r.setRange(incident.Window{From: from, To: from.Add(length.Round(time.Second))})
}

// pause holds live views back, or lets the newest in; a recording it plays or stops.
func (r *Root) pause() tea.Cmd {
	if !r.common.Live {
		return r.play()
	}
	r.paused = !r.paused
	if r.paused || r.held == nil {
		return nil
	}
	msg := *r.held
	r.held, r.waiting = nil, 0
	return r.evidence(msg)
}

// goTo moves the cursor to a time, and says when there is no evidence of it.
func (r *Root) goTo(arg string) tea.Cmd {
	for _, layout := range []string{time.RFC3339, "15:04:05Z", "15:04:05", "15:04Z", "15:04"} {
		t, err := time.Parse(layout, arg)
		if err != nil {
			continue
		}
		if t.Year() == 0 {
			t = r.onDay(t, strings.HasSuffix(layout, "Z"))
		}
		cmd := r.moveCursor(t.UTC())
		if all := r.extent(); !r.common.Cursor.Equal(t) {
			stamp := func(t time.Time) string { return r.common.In(t).Format(time.DateTime) }
			cmd = tea.Batch(cmd, screen.Fail(fmt.Errorf("goto %s: the evidence is from %s to %s", arg, stamp(all.From), stamp(all.To))))
		}
		return cmd
	}
	return screen.Fail(fmt.Errorf("goto %q: not a time like 14:25:01 or 2026-01-15T14:25:01Z", arg))
}

// onDay is the clock time of a day that the evidence has: the cursor's, else the one before
// or after, for a night goes over midnight.
func (r *Root) onDay(clock time.Time, utc bool) time.Time {
	day := r.common.In(r.common.Cursor)
	if utc {
		day = r.common.Cursor.UTC()
	}
	on := func(days int) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day()+days, clock.Hour(), clock.Minute(), clock.Second(), 0, day.Location())
	}
	all := r.extent()
	for _, days := range []int{0, 1, -1} {
		if t := on(days); within(t, all).Equal(t) {
			return t
		}
	}
	return on(0)
}

// nextMoment moves the cursor to the next entry of the timeline, or back.
func (r *Root) nextMoment(forward bool) tea.Cmd {
	rows, cursor := r.common.Rows, r.common.Cursor
	at, step := rows.From(cursor)-1, -1
	if forward {
		at, step = rows.From(cursor.Add(1)), 1
	}
	for at >= 0 && at < rows.Len() && rows.Hidden(at) {
		at += step
	}
	if at < 0 || at >= rows.Len() {
		return screen.Say("no event that way")
	}
	if !forward { // of several at one instant the first is told
		for i := at - 1; i >= 0 && rows.At(i).Equal(rows.At(at)); i-- {
			if !rows.Hidden(i) {
				at = i
			}
		}
	}
	m := rows.Moment(at)
	return tea.Batch(r.moveCursor(m.At), screen.Say(m.Text))
}
