package tui

import (
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/tui/screen"
	"tripcurve/tui/session"
)

func command(r *Root, line string) {
	keys(r, ":")
	typed(r, line)
	keys(r, "enter")
}

// Times are shown in the zone that was asked for, on every screen, which says so in its
// first line; what is copied stays UTC.
func TestZone(t *testing.T) {
	r := opened(200, 50)
	at := r.common.Cursor
	command(r, "tz Asia/Kolkata")
	if foot := lines(r)[49]; !strings.Contains(foot, "times are shown in Asia/Kolkata (IST); what has a Z is UTC") {
		t.Fatalf("the last line: %q", foot)
	}
	for key, want := range map[string]string{"1": "19:53:01", "2": "at 19:55:21", "3": "19:53:01", "4": "19:55:21", "5": "2026-01-15 19:49 to 20:20", "6": "19:50"} {
		keys(r, key)
		all := lines(r)
		if !strings.Contains(all[0], "19:55:21 IST") {
			t.Errorf("screen %s: the first line is %q", key, all[0])
		}
		if body := strings.Join(all[2:49], "\n"); !strings.Contains(body, want) || strings.Contains(body, "14:25:21Z") {
			t.Errorf("screen %s lacks %q, or has the cursor in UTC:\n%s", key, want, body)
		}
	}
	keys(r, "4")
	if body := strings.Join(lines(r), "\n"); !strings.Contains(body, "\n IST ") && !strings.Contains(body, "IST ╵") {
		t.Errorf("no axis says which zone its times are of:\n%s", body)
	}
	command(r, "goto 19:53:01")
	if want := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC); !r.common.Cursor.Equal(want) {
		t.Errorf("goto went to %s", r.common.Cursor)
	}
	command(r, "goto 14:25:21Z")
	if !r.common.Cursor.Equal(at) {
		t.Errorf("goto in UTC went to %s", r.common.Cursor)
	}
	keys(r, "z")
	if r.common.Zone != nil {
		t.Error("z does not take the zone back")
	}
	command(r, "tz Middle/Earth")
	if foot := lines(r)[49]; !strings.Contains(foot, `tz "Middle/Earth": expected utc, local, or the name of a zone`) || r.common.Zone != nil {
		t.Errorf("of a zone that is none: %q", foot)
	}
	command(r, "tz local")
	if r.common.Zone != time.Local {
		t.Error("local is not this machine's")
	}
	command(r, "tz utc")
	command(r, "tz")
	if foot := lines(r)[49]; !strings.Contains(foot, "times are shown in UTC") {
		t.Errorf("the last line: %q", foot)
	}
}

// What is copied says UTC, whatever is shown.
func TestCopiesStayUTC(t *testing.T) {
	for _, key := range []string{"1", "3", "4", "5"} {
		r := opened(120, 36)
		keys(r, key, "G", "k")
		before := copied(r)
		command(r, "tz Asia/Kolkata")
		if after := copied(r); before == "" || after != before {
			t.Errorf("screen %s: %q was copied, and in another zone %q", key, before, after)
		}
	}
}

// copied is what y puts on the clipboard on the screen looked at.
func copied(r *Root) string {
	_, cmd := r.screens[r.at].Update(screen.ActionMsg{Name: "yank"})
	if cmd == nil {
		return ""
	}
	msg, _ := cmd().(screen.CopyMsg)
	return msg.Text
}

// The zone comes back with the session; one that this machine does not know is UTC.
func TestZoneIsRemembered(t *testing.T) {
	path := session.Path(t.TempDir(), "INC-2847", "")
	r := sitting(path)
	command(r, "tz Europe/Berlin")
	send(r, saveMsg{})
	r = sitting(path)
	if got := nameOf(r.common.Zone); got != "Europe/Berlin" || len(r.past) != 0 {
		t.Errorf("came back in %q, with %d things to undo", got, len(r.past))
	}
	keys(r, "ctrl+r")
	if r.common.Zone != nil {
		t.Error("a reset keeps the zone")
	}
	send(r, saveMsg{})
	if got := sitting(path).common.Zone; got != nil {
		t.Errorf("came back in %s after a reset", got)
	}
	odd := session.Open(path)
	odd.State.Zone = "../../etc/passwd"
	odd.Put(odd.State)
	if err := odd.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := sitting(path).common.Zone; got != nil {
		t.Errorf("a zone that is none came back as %s", got)
	}
}

// A clock time is of the day that the evidence has: a night goes over midnight.
func TestGoToOverMidnight(t *testing.T) {
	r := opened(80, 24)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 1, day, hour, minute, 0, 0, time.UTC) }
	r.common.View = &incident.View{Window: incident.Window{From: at(15, 23, 0), To: at(16, 2, 0)}}
	for _, c := range []struct {
		from time.Time
		arg  string
		want time.Time
	}{
		{at(15, 23, 30), "00:30", at(16, 0, 30)},
		{at(16, 1, 0), "23:10", at(15, 23, 10)},
		{at(16, 1, 0), "01:30Z", at(16, 1, 30)},
		{at(16, 1, 0), "12:00", at(16, 2, 0)}, // there is no such time
		{at(16, 1, 0), "2026-01-15T23:20:00Z", at(15, 23, 20)},
	} {
		r.common.Cursor = c.from
		if command(r, "goto "+c.arg); !r.common.Cursor.Equal(c.want) {
			t.Errorf("goto %s from %s went to %s, want %s", c.arg, c.from, r.common.Cursor, c.want)
		}
	}
}
