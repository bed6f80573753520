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
	parts = []screen.Part{{
		Head: "pg_stat_activity and pg_locks as they were at " + text.Clock(t.at),
		Text: "Read in one statement, with pg_blocking_pids for those that waited; `<` and `>` step through the samples. What lasted over several is one fact.",
	}}
	s.View.EachEpisode(func(e *incident.Episode) {
		if e.Session.PID == pid && e.Active(t.at) {
			parts = append(parts, behind.Fact(*e))
		}
	})
	if s.sql != "" {
		parts = append(parts, screen.Part{Head: "what one sample asks; read-only, and bound by a timeout", Quote: s.sql})
	}
	return "pid " + strconv.Itoa(pid), parts
}

var _ screen.Sourcer = (*Screen)(nil)
