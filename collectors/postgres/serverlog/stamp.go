package serverlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// zones are the abbreviations that mean one offset wherever a tz database prints
// them, in hours. CST, IST, BST and their like do not: they need --log-timezone.
var zones = map[string]int{
	"UTC": 0, "GMT": 0, "Z": 0, "UCT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
	"JST": 9, "KST": 9, "EDT": -4, "CDT": -5, "MDT": -6, "MST": -7, "PDT": -7, "AKDT": -8, "AKST": -9, "HST": -10,
}

// The years that a stamp may have: others are garbage, not logs.
const minYear, maxYear = 1996, 2199

// readStamp reads "2026-01-15 14:23:01.401 UTC", with or without the fraction.
// loc is the server's log_timezone; nil takes it from the abbreviation.
func readStamp(s string, loc *time.Location) (time.Time, error) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return time.Time{}, fmt.Errorf("time %q: no time zone, expected such as 2026-01-15 14:23:01.401 UTC", clip(s, 40))
	}
	clock, zone := s[:i], s[i+1:]
	const layout = "2006-01-02 15:04:05" // takes a fraction as well
	at, err := time.Parse(layout, clock)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: expected such as 2026-01-15 14:23:01.401 UTC", clip(s, 40))
	}
	if y := at.Year(); y < minYear || y > maxYear {
		return time.Time{}, fmt.Errorf("time %q: year %d", clip(s, 40), y)
	}
	offset, known := zoneOffset(zone)
	switch {
	case zone == "UTC" || zone == "GMT":
		return at, nil
	case loc != nil:
		return inZone(at, clock, zone, loc), nil
	case known:
		return at.Add(-offset), nil
	}
	return time.Time{}, &zoneError{zone}
}

// zoneError is an abbreviation that several places use.
type zoneError struct{ zone string }

func (e *zoneError) Error() string {
	return fmt.Sprintf("time zone %q is used by several places: say which it is with --log-timezone, such as Europe/London", clip(e.zone, 10))
}

// inZone reads a clock of loc; in the hour that comes twice the abbreviation
// decides.
func inZone(at time.Time, clock, zone string, loc *time.Location) time.Time {
	if t, err := time.ParseInLocation("2006-01-02 15:04:05 MST", clock+" "+zone, loc); err == nil && t.Location() == loc {
		return t.UTC()
	}
	y, m, d := at.Date()
	return time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), loc).UTC()
}

func zoneOffset(zone string) (time.Duration, bool) {
	if h, ok := zones[zone]; ok {
		return time.Duration(h) * time.Hour, true
	}
	if len(zone) < 2 || zone[0] != '+' && zone[0] != '-' {
		return 0, false
	}
	digits := strings.ReplaceAll(zone[1:], ":", "")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) > 4 {
		return 0, false
	}
	hours, minutes := n, uint64(0)
	if len(digits) > 2 {
		hours, minutes = n/100, n%100
	}
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if d > 15*time.Hour || minutes > 59 {
		return 0, false
	}
	if zone[0] == '-' {
		d = -d
	}
	return d, true
}

// readEpoch reads what %n prints: 1768487011.401, seconds since 1970.
func readEpoch(s string) (time.Time, error) {
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || len(frac) > 9 {
		return time.Time{}, fmt.Errorf("time %q: expected seconds since 1970", clip(s, 40))
	}
	nanos, err := strconv.ParseUint("0"+frac+strings.Repeat("0", 9-len(frac)), 10, 32)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: expected seconds since 1970", clip(s, 40))
	}
	t := time.Unix(n, int64(nanos)).UTC()
	if y := t.Year(); y < minYear || y > maxYear {
		return time.Time{}, fmt.Errorf("time %q: year %d", clip(s, 40), y)
	}
	return t, nil
}
