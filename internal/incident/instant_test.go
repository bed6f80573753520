package incident

import (
	"testing"
	"time"
)

func TestParseInstant(t *testing.T) {
	last := time.Date(2026, 1, 15, 14, 52, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"2026-01-15T14:23:01Z":         "2026-01-15T14:23:01Z",
		"2026-01-15T15:23:01.25+01:00": "2026-01-15T14:23:01.25Z",
		"14:23Z":                       "2026-01-15T14:23:00Z",
		"14:23:01Z":                    "2026-01-15T14:23:01Z",
		"14:23:01.5Z":                  "2026-01-15T14:23:01.5Z",
		"14:52Z":                       "2026-01-15T14:52:00Z",
		"14:52:01Z":                    "2026-01-14T14:52:01Z",
		"14:23":                        "", "25:00Z": "", "": "", "now": "", "14:23z": "",
	} {
		got, err := ParseInstant(s, last)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is read as %s", s, got)
		case want != "" && (err != nil || got.Format(time.RFC3339Nano) != want):
			t.Errorf("%q is read as %s, %v; want %s", s, got, err, want)
		}
	}
}
