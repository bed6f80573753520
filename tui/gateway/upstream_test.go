package gateway

import (
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// asked is the incident with what its gateway's log says of upstreams: one of two pods
// hangs.
func asked() screen.EvidenceMsg {
	msg := tuitest.Incident()
	ev := incident.NewEvidence()
	ev.Add(msg.View.Facts()...)
	for _, s := range msg.View.Sources {
		ev.SetSource(s)
	}
	o := incident.Origin{Group: "gateway", Name: "gw", File: "access.log"}
	for at := tuitest.At("14:18:00"); at.Before(tuitest.At("14:52:00")); at = at.Add(10 * time.Second) {
		for _, name := range []string{"10.0.3.15:8080", "10.0.3.16:8080", incident.NoUpstream, "\x1b[31mpod"} {
			u := incident.Upstream{At: at, Width: 10 * time.Second, Name: name, Status: 200, Started: 20, Ended: 20, Origin: o}
			took := 12 * time.Millisecond
			if name == "10.0.3.15:8080" && at.After(tuitest.At("14:23:00")) && at.Before(tuitest.At("14:46:00")) {
				u.Status, u.Outcome, took = 504, incident.UpstreamTimeout, 30*time.Second
			}
			s := sketch.New()
			s.AddN(took, u.Ended)
			if name != incident.NoUpstream {
				u.Sketch = s
			}
			u.Origin.From = at.UnixMilli()
			u.Origin.To = u.Origin.From + 1
			ev.Add(u)
		}
	}
	for i, x := range msg.View.Exemplars() {
		if i == 0 {
			x.Upstream = "10.0.3.15:8080"
			x.Start = x.Start.Add(-time.Millisecond)
			ev.Add(x)
		}
	}
	msg.View = ev.Snapshot()
	return msg
}

func TestByUpstream(t *testing.T) {
	s := New(Options{})
	tuitest.Loaded(s, 80, 21)
	tuitest.Send(s, asked(), screen.ActionMsg{Name: "group", Args: "upstream"})
	g := tuitest.Draw(s, 80, 21)
	tuitest.Golden(t, "upstream", g)
	if text := strings.Join(g.Lines(), ""); strings.Contains(text, "\x1b") {
		t.Error("an escape sequence of an upstream's name is on the screen")
	}
	if got, want := s.table.rows[0].plain(), "10.0.3.15:8080: 2,800 requests, 2,740 failed (97.9 %), p50 30,000 ms, p99 30,000 ms, first failed ~14:23:10"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	title, parts := s.Behind()
	if !strings.Contains(title, "10.0.3.15:8080") || !strings.Contains(parts[0].Text, "added up from 140 counts of ten seconds") {
		t.Errorf("behind it: %s %+v", title, parts)
	}
	act(s, "lines")
	if len(s.lines.at) != 1 {
		t.Errorf("%d lines of the upstream were kept, want 1", len(s.lines.at))
	}
	act(s, "back", "view")
	if s.table.heat[upstreamRow("10.0.3.15:8080")] == nil || s.table.heat[upstreamRow(incident.NoUpstream)] != nil {
		t.Error("heat maps are not of those upstreams whose durations are known")
	}
	if got := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n"); !strings.Contains(got, "how long requests took 10.0.3.15:8080") {
		t.Errorf("heat map:\n%s", got)
	}
}

func TestNoUpstreamsIsSaid(t *testing.T) {
	s := tuitest.Send(tuitest.Loaded(New(Options{}), 80, 21), screen.ActionMsg{Name: "group", Args: "upstream"})
	if got := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n"); !strings.Contains(got, "these logs name no upstreams") {
		t.Errorf("a log without upstreams:\n%s", got)
	}
}
