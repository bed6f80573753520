package grpc

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// measured is the incident with latency histograms, which know nothing during the
// hang, and a tracer's p99 in Datadog.
func measured() screen.EvidenceMsg {
	ev := incident.NewEvidence()
	msg := tuitest.Incident()
	for _, s := range msg.View.AllSeries() {
		ev.Add(*s)
	}
	for _, b := range msg.View.Buckets() {
		ev.Add(b)
	}
	for _, src := range msg.View.Sources {
		ev.SetSource(src)
	}
	origin := incident.Origin{Group: "grpc", Name: "grpc"}
	for _, q := range []struct {
		q, bound string
		healthy  float64
	}{{"0.5", "lo", 0.005}, {"0.5", "hi", 0.01}, {"0.99", "lo", 0.025}, {"0.99", "hi", 0.05}} {
		s := incident.Series{
			Name: "grpc_client_handling_seconds", Unit: "s", Origin: origin, Caveat: "recorded when a call ends",
			Labels: map[string]string{"grpc_service": "inventory.Inventory", "grpc_method": "Reserve", quantileLabel: q.q, boundLabel: q.bound},
		}
		for at := tuitest.At("14:18:00"); at.Before(tuitest.At("14:51:00")); at = at.Add(5 * time.Second) {
			v := q.healthy
			switch {
			case at.After(tuitest.At("14:23:01")) && at.Before(tuitest.At("14:46:20")):
				v = math.NaN()
			case at.Equal(tuitest.At("14:46:20")):
				if v = 10; q.bound == "hi" {
					v = math.NaN()
				}
			}
			s.Points = append(s.Points, incident.Point{At: at, V: v})
		}
		ev.Add(s)
	}
	for at := tuitest.At("14:18:00"); at.Before(tuitest.At("14:51:00")); at = at.Add(5 * time.Second) {
		h := incident.Histogram{
			Name: "grpc_client_handling_seconds", At: at, Origin: origin,
			Labels: map[string]string{"grpc_service": "inventory.Inventory", "grpc_method": "Reserve"},
		}
		switch {
		case at.Equal(tuitest.At("14:46:20")):
			h.Bins = []incident.Bin{{Lo: 10, Hi: math.Inf(1), N: 99}}
		case at.Before(tuitest.At("14:23:02")) || at.After(tuitest.At("14:46:20")):
			h.Bins = []incident.Bin{{Lo: 0.005, Hi: 0.01, N: 40}, {Lo: 0.01, Hi: 0.025, N: 9}, {Lo: 0.025, Hi: 0.05, N: 1}}
		}
		ev.Add(h)
	}
	dd := incident.Series{Name: "grpc.client.duration", Unit: "ms", Labels: map[string]string{"stat": "p99", "method": "inventory.reserve"}, Origin: incident.Origin{Group: "datadog", Name: "datadog"}}
	for at := tuitest.At("14:18:00"); at.Before(tuitest.At("14:51:00")); at = at.Add(10 * time.Second) {
		dd.Points = append(dd.Points, incident.Point{At: at, V: 30000})
	}
	ev.Add(dd)
	msg.View = ev.Snapshot()
	return msg
}

func loaded(t *testing.T, msg screen.EvidenceMsg, w, h int) *Screen {
	t.Helper()
	s, ok := tuitest.Send(New(), screen.SizeMsg{W: w, H: h - 3}, msg,
		screen.RangeMsg{Window: tuitest.Range}, screen.CursorMsg{At: tuitest.Cursor}).(*Screen)
	if !ok {
		t.Fatal("the screen became another one")
	}
	return s
}

func TestGolden(t *testing.T) {
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]
		tuitest.Golden(t, fmt.Sprintf("grpc_%dx%d", w, h), tuitest.Draw(loaded(t, measured(), w, h), w, h-3))
	}
	s := loaded(t, tuitest.Incident(), 80, 24)
	tuitest.Golden(t, "no_histogram_80x24", tuitest.Draw(s, 80, 21))
	tuitest.Send(s, screen.GlyphsMsg{Level: glyph.ASCII})
	tuitest.Golden(t, "ascii_80x24", tuitest.Draw(s, 80, 21))
}

func TestSentences(t *testing.T) {
	s := loaded(t, measured(), 80, 24)
	for _, tt := range []struct {
		at   string
		want []string
	}{
		{"14:20:00", []string{"0 calls in flight", "p50 5ms to 10ms, p99 25ms to 50ms"}},
		{"14:30:00", []string{
			"no completed call since 14:23:00Z: latency metrics cannot see a hang", "99 in flight, no more and no fewer",
			"deadline: none", "no call ended in this interval, so there is no p99", "grpc.client.duration p99 {method:inventory.reserve} (datadog): 30,000 ms",
		}},
		{"14:46:21", []string{"p99 >= 10s: the histogram ends there"}},
		{"15:30:00", []string{"NO DATA at 15:30:00Z", "latency: NO DATA"}},
	} {
		t.Run(tt.at, func(t *testing.T) {
			tuitest.Send(s, screen.CursorMsg{At: tuitest.At(tt.at)})
			said := s.said(s.selected())
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said:\n%s", want, said)
				}
			}
		})
	}
}

// What is not known is never drawn or written as zero.
func TestNoDataIsNotZero(t *testing.T) {
	s := loaded(t, tuitest.Incident(), 80, 24)
	tuitest.Send(s, screen.CursorMsg{At: tuitest.At("15:30:00")})
	frame := strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n")
	if !strings.Contains(frame, "no data") || !strings.Contains(frame, "NO DATA at 15:30:00Z") {
		t.Errorf("no data is not said:\n%s", frame)
	}
	empty := loaded(t, screen.EvidenceMsg{View: incident.NewEvidence().Snapshot()}, 80, 24)
	frame = strings.Join(tuitest.Draw(empty, 80, 21).Lines(), "\n")
	if !strings.Contains(frame, "NO DATA: no source counts gRPC calls") {
		t.Errorf("without a source:\n%s", frame)
	}
	for _, name := range []string{"axis", "try-deadline", "copy", "yank", "yank-markdown"} {
		_, cmd := empty.Update(screen.ActionMsg{Name: name})
		if said := fmt.Sprint(tuitest.Answers(cmd)); !strings.Contains(said, "no call is selected") {
			t.Errorf("%s without a call says %s", name, said)
		}
	}
	tuitest.Draw(New(), 80, 21)
}

func TestTuneGetsTheEdge(t *testing.T) {
	s := loaded(t, tuitest.Incident(), 80, 24)
	_, cmd := s.Update(screen.ActionMsg{Name: "try-deadline"})
	got := tuitest.Answers(cmd)
	if len(got) != 1 {
		t.Fatalf("%v", got)
	}
	if m, ok := got[0].(screen.ShowMsg); !ok || m.Screen != "Tune" || m.Subject.Edge != "grpc.inventory" {
		t.Errorf("%+v", got[0])
	}
}

// TestAxis: v draws a heat map, then the p99 over a linear axis, and the quantiles again.
func TestAxis(t *testing.T) {
	s := screen.Screen(loaded(t, measured(), 120, 36))
	for _, c := range []struct{ axis, want, not string }{
		{"", "how long calls took; darker: more", "log axis"},
		{"", "p99 of calls that ended; a gap: none did", "log axis"},
		{"", "log axis; ^ capped", "darker"},
		{"linear", "p99 of calls that ended", "log axis"},
		{"heat", "^ any longer", "log axis"},
	} {
		s = tuitest.Send(s, screen.ActionMsg{Name: "axis", Args: c.axis})
		if got := strings.Join(tuitest.Draw(s, 120, 33).Lines(), "\n"); !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("after %q, want %q:\n%s", c.axis, c.want, got)
		}
	}
	tuitest.Golden(t, "heat_120x36", tuitest.Draw(s, 120, 33))
	_, cmd := s.Update(screen.ActionMsg{Name: "axis", Args: "cubic"})
	if got := tuitest.Answers(cmd); len(got) != 1 || !strings.Contains(fmt.Sprint(got[0]), "not one of quantiles, heat, linear") {
		t.Errorf("an axis that is none: %v", got)
	}
}

// TestFilterKeepsTheSelectedCall: D must not try a deadline on another edge than the one
// that was looked at.
func TestFilterKeepsTheSelectedCall(t *testing.T) {
	msg := tuitest.Incident()
	ev := incident.NewEvidence()
	for _, have := range msg.View.AllSeries() { // Reserve, and Cancel, which hangs less
		ev.Add(*have)
		cancel := *have
		cancel.Labels = maps.Clone(have.Labels)
		cancel.Labels["grpc_method"], cancel.Points = "Cancel", slices.Clone(have.Points)
		for i := range cancel.Points {
			cancel.Points[i].V /= 2
		}
		ev.Add(cancel)
	}
	msg.View = ev.Snapshot()
	s := loaded(t, msg, 80, 24)
	first := s.selected().Name()
	filter := func(text string) {
		f, err := screen.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		tuitest.Send(s, screen.FilterMsg{Filter: f})
	}
	filter(first)
	filter("")
	if got := s.selected().Name(); got != first {
		t.Errorf("%s after a filter that kept %s", got, first)
	}
	filter("!" + first)
	other := s.selected().Name()
	filter("")
	if got := s.selected().Name(); got != other || other == first {
		t.Errorf("%s after a filter that led to %s", got, other)
	}
}

// TestNoHeatIsSaid: where there is no histogram there is no heat map, and why.
func TestNoHeatIsSaid(t *testing.T) {
	onlyQuantiles := measured()
	ev := incident.NewEvidence()
	for _, f := range onlyQuantiles.View.Facts() {
		if _, is := f.(incident.Histogram); !is {
			ev.Add(f)
		}
	}
	onlyQuantiles.View = ev.Snapshot()
	for _, c := range []struct {
		msg  screen.EvidenceMsg
		want string
	}{
		{onlyQuantiles, "of these calls only quantiles are known here"},
		{tuitest.Incident(), "this source tells nothing of how long calls took"},
	} {
		s := screen.Screen(loaded(t, c.msg, 120, 36))
		_, cmd := s.Update(screen.ActionMsg{Name: "axis", Args: "heat"})
		if got := tuitest.Answers(cmd); len(got) != 1 || !strings.Contains(fmt.Sprint(got[0]), c.want) {
			t.Errorf("a heat map was asked for: %v, want %q", got, c.want) // there may be no room for it below
		}
		if got := strings.Join(tuitest.Draw(s, 120, 33).Lines(), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("want %q:\n%s", c.want, got)
		}
	}
}
