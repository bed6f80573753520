package export

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Lookup resolves a piece of evidence by its id; (*incident.View).Get is one.
type Lookup func(incident.ID) (incident.Fact, bool)

// Source says where a fact was read: "access.log, byte 8123990", "pg".
func Source(o incident.Origin) string {
	name := o.Name
	if name == "" {
		name = o.Group
	}
	if name == "" {
		name = "unknown source"
	}
	if o.To > o.From {
		return redact.Line(name) + ", byte " + strconv.FormatInt(o.From, 10)
	}
	return redact.Line(name)
}

// Sources names the places where the facts of ids were read, each once, in the
// order of ids and no more than three; what could not be resolved is counted.
func Sources(ids []incident.ID, get Lookup) string {
	const most = 3
	var names []string
	seen := map[string]bool{}
	for _, id := range ids {
		if get == nil {
			break
		}
		f, ok := get(id)
		if !ok {
			continue
		}
		if s := Source(f.Source()); !seen[s] {
			seen[s] = true
			names = append(names, s)
		}
	}
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(names, "; ")
}

// Describe says in one line what a fact is, safe to show.
func Describe(f incident.Fact) string {
	switch f := f.(type) {
	case incident.Bucket:
		return redact.Line(fmt.Sprintf("%s %s %s %s: %d started, %d ended in %s",
			clock(f.At), f.Endpoint, status(f.Status), f.Outcome, f.Started, f.Ended, f.Width))
	case incident.Latency:
		return redact.Line(fmt.Sprintf("%s %s %s: %d requests that ended in %s, p50 %s, p99 %s",
			clock(f.At), f.Endpoint, f.Outcome, f.Sketch.Count(), f.Width, Quantile(f.Sketch.Quantile(0.5)), Quantile(f.Sketch.Quantile(0.99))))
	case incident.Upstream:
		return redact.Line(fmt.Sprintf("%s upstream %s %s %s: %d started, %d ended in %s",
			clock(f.At), f.Name, status(f.Status), f.Outcome, f.Started, f.Ended, f.Width))
	case incident.Episode:
		return episode(f)
	case incident.Series:
		return series(f)
	case *incident.Series:
		return series(*f)
	case incident.Exemplar:
		if f.Kind == incident.Unparsed {
			return redact.Line("line not understood (" + f.Note + "): " + f.Raw)
		}
		return redact.Line(fmt.Sprintf("%s %s %s %s, took %s", clock(f.Start), f.Endpoint, status(f.Status), f.Outcome, f.Took))
	case incident.Histogram:
		return redact.Line(fmt.Sprintf("%s %s: %s ended", clock(f.At), f.Name, Plural(int(f.Count()), "call")))
	case incident.Change:
		return redact.Flat(fmt.Sprintf("%s %s of %s: %s", clock(f.At), f.Kind, f.System, f.Text))
	case incident.LogFile:
		return redact.Line("read from " + f.Path)
	}
	return "unknown kind of evidence"
}

// Quote is the text of a fact as it was collected, made safe for several lines;
// empty when it has none.
func Quote(f incident.Fact) string {
	switch f := f.(type) {
	case incident.Episode:
		return redact.Lines(f.Session.Query)
	case incident.Exemplar:
		return redact.Lines(f.Raw)
	case incident.Change:
		return redact.Lines(f.Text)
	}
	return ""
}

func episode(e incident.Episode) string {
	span := clock(e.From) + " to " + clock(e.To)
	if e.Open {
		span = clock(e.From) + ", still so at " + clock(e.To)
	}
	switch e.Kind {
	case incident.LockWait:
		var by []string
		for _, b := range e.Blockers {
			s := fmt.Sprintf("%d holds %s", b.PID, b.Mode)
			switch {
			case !b.Hard && b.Mode == 0:
				s = fmt.Sprintf("%d is ahead in the queue", b.PID)
			case !b.Hard:
				s = fmt.Sprintf("%d is ahead in the queue for %s", b.PID, b.Mode)
			case b.Mode == 0:
				s = fmt.Sprintf("%d blocks it", b.PID)
			}
			by = append(by, s)
		}
		s := fmt.Sprintf("pid %d waited for %s on %s, %s", e.Session.PID, e.Wanted, e.Relation, span)
		if len(by) > 0 {
			s += " (" + strings.Join(by, ", ") + ")"
		}
		return redact.Line(s)
	case incident.SessionState:
		s := fmt.Sprintf("pid %d", e.Session.PID)
		if e.Session.State != "" {
			s += " " + e.Session.State + ","
		}
		switch {
		case e.Held != 0:
			s += fmt.Sprintf(" holds %s on %s,", e.Held, e.Relation)
		case e.Session.State == "": // a server's log names those who hold a lock, and not always which
			s += " holds a lock on " + e.Relation + ","
		}
		return redact.Line(s + " " + span)
	case incident.PoolFull:
		return redact.Line(fmt.Sprintf("%s full (%s), %s", e.Text, strconv.FormatFloat(e.Value, 'f', -1, 64), span))
	default: // incident.Gap
		return redact.Line("no data, " + span + ": " + e.Text)
	}
}

func series(s incident.Series) string {
	what := fmt.Sprintf("%s %s, %d samples", s.Kind, s.Name, len(s.Points))
	if m := s.Labels["method"]; m != "" {
		what += " of " + m
	}
	if n := len(s.Points); n > 0 {
		last := "no value"
		if v := s.Points[n-1].V; !math.IsNaN(v) {
			last = strconv.FormatFloat(v, 'g', -1, 64)
		}
		what += fmt.Sprintf(", %s to %s, last %s", clock(s.Points[0].At), clock(s.Points[n-1].At), last)
	}
	if s.Caveat != "" {
		what += " (" + s.Caveat + ")"
	}
	return redact.Line(what)
}

// Quantile is an interval as text: ">= 10s" when it is open above, one value
// when its ends agree to three digits. An empty distribution has none.
func Quantile(q incident.Quantile) string {
	if q == (incident.Quantile{}) {
		return "no data"
	}
	switch {
	case q == incident.Instantly:
		return "0s"
	case q.Capped:
		return ">= " + short(q.Lo)
	}
	if lo, hi := short(q.Lo), short(q.Hi); lo != hi {
		return lo + " to " + hi
	}
	return short(q.Lo)
}

// short is d to about three digits.
func short(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// clock is the time of day in UTC, with milliseconds where there are any.
func clock(t time.Time) string {
	if t.IsZero() {
		return "time unknown"
	}
	if t.Truncate(time.Second).Equal(t) {
		return t.UTC().Format("15:04:05Z")
	}
	return t.UTC().Format("15:04:05.000Z")
}

func status(code int) string {
	if code == 0 {
		return "no status"
	}
	return strconv.Itoa(code)
}
