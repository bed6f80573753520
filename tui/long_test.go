package tui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// longTimeline is the incident with 100,000 entries that people wrote over a day.
func longTimeline() screen.EvidenceMsg {
	ev := incident.NewEvidence()
	small := tuitest.Incident()
	ev.Add(small.View.Facts()...)
	written := make([]incident.Written, 100_000)
	from := tuitest.At("14:52:00").Add(-24 * time.Hour)
	for i := range written {
		written[i] = incident.WriteEntry(incident.Entry{
			ID: fmt.Sprintf("row-%06d", i), Start: from.Add(time.Duration(i) * 864 * time.Millisecond), Precision: time.Second,
			Kind: incident.KObservation, Text: fmt.Sprintf("observation %d", i), Lane: "people", Confidence: "stated",
		})
	}
	ev.SetWritten(incident.PackWritten(slices.Values(written)))
	v := ev.Snapshot()
	msg := screen.EvidenceMsg{Name: small.Name, View: v, Analysis: cause.Analyze(v, cause.Options{})}
	msg.Rows = incident.NewRows(v, msg.Analysis)
	return msg
}

// BenchmarkLongTimeline moves the cursor in a timeline of 100,000 rows and draws the
// screen: it costs what one of ten rows costs.
func BenchmarkLongTimeline(b *testing.B) {
	r := newRoot(Options{Name: "INC-2847"})
	r.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
	r.Update(longTimeline())
	r.Update(tea.KeyPressMsg{Code: '5', Text: "5"})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := tea.KeyPressMsg{Code: 'j', Text: "j"}
		if i/5%2 == 1 {
			key = tea.KeyPressMsg{Code: 'k', Text: "k"}
		}
		for _, cmd := r.Update(key); cmd != nil; { // moving in the list moves the time cursor
			_, cmd = r.Update(cmd())
		}
		r.View()
	}
}
