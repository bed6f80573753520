package bundled

import (
	"fmt"
	"time"

	"tripcurve/internal/incident"
)

// Written are the phases of the bundled incident and of its remediation, in our
// words: the postmortem counts five and says that the fourth is in progress. Their
// days are assumed but for the night's own, and so is said of each.
func Written() []incident.Written {
	night := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	clock := func(h, m, s int) time.Time {
		return night.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second)
	}
	const day = 24 * time.Hour
	phases := []incident.Entry{
		{
			Start: clock(14, 23, 1), End: clock(14, 46, 18), Precision: time.Second, Progress: incident.Done, System: "order pipeline",
			Text: "a migration locks stock_reservations, calls without a deadline hang, and checkout fails",
		},
		{
			Start: clock(14, 46, 18), Precision: time.Second, Progress: incident.Done, System: "order",
			Text: "the order service is restarted, and checkout succeeds again",
		},
		{
			Start: night.Add(day), End: night.Add(8 * day), Precision: day, Progress: incident.Done, Track: incident.RemediationTrack, System: "order",
			Text: "the missing deadlines are found, and every call between services gets one",
		},
		{
			Start: night.Add(11 * day), Open: true, Precision: day, Progress: incident.InProgress, Track: incident.RemediationTrack, System: "order pipeline",
			Text: "circuit breakers at every service boundary",
		},
		{
			Start: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC), Precision: day,
			Progress: incident.Planned, Track: incident.RemediationTrack, System: "order",
			Text: "checkout accepts orders at once and reserves and charges through a queue",
		},
	}
	var list []incident.Written
	for i, e := range phases {
		e.ID = incident.EntryID("bundled", fmt.Sprintf("phase %d", i+1))
		e.Text = fmt.Sprintf("phase %d: %s", i+1, e.Text)
		e.Kind, e.Lane, e.Confidence, e.Pinned = incident.KPhase, "phases", "assumed", true
		e.Source = incident.EntrySource{Name: "postmortem", Ref: "in our words"}
		list = append(list, incident.WriteEntry(e))
	}
	return list
}
