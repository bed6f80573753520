package export

import (
	"time"

	"tripcurve/internal/incident"
)

// RoleWord is a role as exports write it.
func RoleWord(r incident.Role) string {
	return pick([]string{"trigger", "first_failure", "amplifier", "symptom"}, int(r))
}

// ConfidenceWord is one of the three words in which findings are graded.
func ConfidenceWord(c incident.Confidence) string {
	return pick([]string{"No clear cause", "Possible", "Likely"}, int(c))
}

// KindWord is the kind of a timeline entry as exports write it.
func KindWord(k incident.MomentKind) string {
	return pick([]string{"trigger", "symptom", "detection", "action", "decision", "communication", "recovery", "note"}, int(k))
}

func pick(words []string, i int) string {
	if i < 0 || i >= len(words) {
		return "unknown"
	}
	return words[i]
}

// Instant is t for JSON: RFC 3339 in UTC with as many digits as it has, nil for
// the zero time.
func Instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339Nano)
	return &s
}

// Seconds is d for JSON, exact to the nanosecond as far as a float64 is.
func Seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }
