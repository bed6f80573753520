package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// zoneMsg is a zone that somebody asked for, once it is known.
type zoneMsg struct {
	zone     *time.Location
	restored bool // with the session, so that there is nothing to undo or to say
}

// zones are the names that the command line offers; it takes any other, too.
func zones() []string {
	return []string{"utc", "local", "Europe/Berlin", "America/New_York", "Asia/Kolkata"}
}

// findZone looks a zone up, away from the event loop: its rules are read from a file.
func findZone(name string) tea.Cmd {
	return func() tea.Msg {
		zone, err := zoneNamed(name)
		if err != nil {
			return screen.FailedMsg{Err: err}
		}
		return zoneMsg{zone: zone}
	}
}

// zoneNamed is utc, which is nil, local, or a zone by its IANA name.
func zoneNamed(name string) (*time.Location, error) {
	switch strings.ToLower(name) {
	case "", "utc", "z":
		return nil, nil
	case "local":
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("tz %q: expected utc, local, or the name of a zone that this machine knows, such as Europe/Berlin", redact.Line(name))
	}
	return zone, nil
}

// nameOf is what zoneNamed takes for a zone; empty for UTC.
func nameOf(zone *time.Location) string {
	if zone == nil {
		return ""
	}
	return zone.String()
}

// tz shows times in another zone, or says in which they are.
func (r *Root) tz(name string) tea.Cmd {
	if name == "" {
		return screen.Say("times are shown in " + r.zoneText())
	}
	return findZone(name)
}

// restoreZone looks up the zone of a session; one that is not known any more stays UTC.
func restoreZone(name string) tea.Cmd {
	return func() tea.Msg {
		zone, err := zoneNamed(name)
		if err != nil {
			return nil
		}
		return zoneMsg{zone: zone, restored: true}
	}
}

// asked takes in a zone that was asked for; it can be undone.
func (r *Root) asked(msg zoneMsg) tea.Cmd {
	if msg.restored {
		return r.setZone(msg.zone)
	}
	r.remember()
	return tea.Batch(r.setZone(msg.zone), r.keepSoon(), r.tz(""))
}

func (r *Root) setZone(zone *time.Location) tea.Cmd {
	r.common.Zone = zone
	return r.tellAll(screen.ZoneMsg{Zone: zone})
}

// zoneText names the zone, and what exports do.
func (r *Root) zoneText() string {
	if r.common.Zone == nil {
		return "UTC"
	}
	name := nameOf(r.common.Zone)
	if short := text.ZoneName(r.common.Cursor, r.common.Zone); short != name {
		name += " (" + short + ")"
	}
	return name + "; what has a Z is UTC, and so is all that is copied or exported"
}
