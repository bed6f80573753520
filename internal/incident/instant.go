package incident

import (
	"fmt"
	"time"
)

// ParseInstant reads an instant as people write it of an incident: RFC 3339, or a
// time of day in UTC, such as 14:23Z or 14:23:01.5Z: the last such one that is not
// after last.
func ParseInstant(s string, last time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{"15:04Z", "15:04:05Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			y, m, d := last.UTC().Date()
			t = time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
			if t.After(last) {
				t = t.AddDate(0, 0, -1)
			}
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no instant; expected RFC 3339, such as 2026-01-15T14:23:01Z, or a time of day in UTC, such as 14:23Z", s)
}

// Around is an instant such that a time of day is that of the incident, the day of it or
// the night after: the last such one that is not later.
func Around(v *View, a Analysis) time.Time {
	w := a.Impact
	if w.Length() == 0 {
		w = v.Window
	}
	return w.From.Add(w.Length() / 2).Add(12 * time.Hour)
}

// LaterOf is the later of two instants.
func LaterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// EarlierOf is the earlier of two instants.
func EarlierOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
