package timeline

import (
	"time"

	"tripcurve/internal/export"
)

// stamp writes an instant no more exactly than it is known, in a zone, with its date
// when dated: 14:23:01Z, 2026-01-15 15:23+01:00.
func stamp(t time.Time, precision time.Duration, zone *time.Location, dated bool) string {
	t = t.In(zone)
	if precision >= 24*time.Hour {
		return t.Format(time.DateOnly)
	}
	layout := "15:04:05"
	switch whole := t.Truncate(time.Second).Equal(t); {
	case precision >= time.Minute:
		layout = "15:04"
	case precision >= time.Second || whole:
	case precision >= time.Millisecond || t.Truncate(time.Millisecond).Equal(t):
		layout = "15:04:05.000"
	case precision >= time.Microsecond || t.Truncate(time.Microsecond).Equal(t):
		layout = "15:04:05.000000"
	default:
		layout = "15:04:05.000000000"
	}
	if dated {
		layout = "2006-01-02 " + layout
	}
	return t.Format(layout + "Z07:00")
}

// lasted is how long an interval is or has been; empty for a point. Of days no
// minutes are said.
func (r Row) lasted() string {
	switch {
	case r.Open:
		return "goes on"
	case r.entry.End.IsZero():
		return ""
	case r.entry.Precision >= 24*time.Hour:
		return export.Plural(int(r.entry.End.Sub(r.entry.Start)/(24*time.Hour))+1, "day") // the last one too
	}
	return length(r.entry.End.Sub(r.entry.Start))
}

// until is an interval's end as stamp writes it: "open" while it goes on, empty for a
// point.
func (r Row) until(zone *time.Location, dated bool) string {
	switch {
	case r.Open:
		return "open"
	case r.entry.End.IsZero():
		return ""
	}
	return stamp(r.entry.End, r.entry.Precision, zone, dated)
}

// severalDays says that rows lie on more than one day in UTC or in the second zone, so
// that a time of day is not enough.
func (d Document) severalDays(rows []Row) bool {
	zones := []*time.Location{time.UTC}
	if d.zone != nil {
		zones = append(zones, d.zone)
	}
	for _, zone := range zones {
		day := ""
		for _, r := range rows {
			for _, t := range []time.Time{r.entry.Start, r.entry.End} {
				if t.IsZero() {
					continue
				}
				if at := t.In(zone).Format(time.DateOnly); day == "" {
					day = at
				} else if at != day {
					return true
				}
			}
		}
		if d.Impact != nil && len(rows) > 0 && (d.Impact.from.In(zone).Format(time.DateOnly) != day || d.Impact.to.In(zone).Format(time.DateOnly) != day) {
			return rows[0].entry.Track == 0
		}
	}
	return false
}

// impactEnd is the end of the impact, with its date when that is another one.
func (d Document) impactEnd() string {
	layout := "15:04:05Z"
	if d.Impact.to.UTC().Format(time.DateOnly) != d.Impact.from.UTC().Format(time.DateOnly) {
		layout = "2006-01-02 " + layout
	}
	return d.Impact.to.UTC().Format(layout)
}
