package locks

import (
	"strconv"

	"tripcurve/internal/incident"
	"tripcurve/tui/behind"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Behind is what was seen of the selected session at the sample shown, and of folded
// ones of that which waits longest.
func (s *Screen) Behind() (title string, parts []screen.Part) {
	t := s.gather()
	if s.list.At >= len(t.rows) {
		return "", nil
	}
	pid := t.rows[s.list.At].node.PID
	var asked, logged, own bool // facts by the server's answers, by its log; those of the session by answers
	s.View.EachEpisode(func(e *incident.Episode) {
		if e.Session.PID == 0 {
			return
		}
		read := e.Origin.File != ""
		asked, logged = asked || !read, logged || read
		if e.Session.PID == pid && e.Active(t.at) {
			own = own || !read
			parts = append(parts, behind.Fact(*e))
		}
	})
	asked = asked || !logged
	if len(parts) > 0 {
		asked = own
	}
	how := screen.Part{
		Head: "pg_stat_activity and pg_locks as they were at " + text.Clock(t.at),
		Text: "Read in one statement, with pg_blocking_pids for those that waited; `<` and `>` step through the samples. What lasted over several is one fact.",
	}
	if !asked {
		how = screen.Part{
			Head: "lock waits by the server's log, as they were at " + text.Clock(t.at),
			Text: "The server logs a wait when it has lasted deadlock_timeout, with who held the lock, and logs its end; `<` and `>` step through these instants. Nobody asked pg_locks.",
		}
	}
	parts = append([]screen.Part{how}, parts...)
	if s.sql != "" && asked {
		parts = append(parts, screen.Part{Head: "what one sample asks; read-only, and bound by a timeout", Quote: s.sql})
	}
	return "pid " + strconv.Itoa(pid), parts
}

var _ screen.Sourcer = (*Screen)(nil)
