package cause

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// always is all of time that evidence can be of.
var always = incident.Window{From: time.Unix(0, 0), To: time.Unix(1<<40, 0)}

// sampledSeries says that a series has a sample.
func (s *scene) sampledSeries() bool {
	for _, x := range s.v.AllSeries() {
		if len(x.Points) > 0 {
			return true
		}
	}
	return false
}

// nothingSeen is the sentence without evidence: what each source does, and in
// the proof why. It is empty while a source may still give some.
func (s *scene) nothingSeen() (string, []string) {
	var why []string
	some := false
	for _, x := range s.v.Sources {
		switch x.State {
		case incident.SourceAbsent:
			continue
		case incident.SourceOK:
			return "", nil
		default:
			some = true
		}
		if x.Detail != "" {
			why = append(why, x.Name+": "+oneLine(x.Detail))
		}
	}
	if !some {
		return "", nil
	}
	return "Nothing was seen: " + s.states(), why
}

// allDown says that no source is reached any more.
func (s *scene) allDown() bool {
	some := false
	for _, x := range s.v.Sources {
		switch x.State {
		case incident.SourceDown:
			some = true
		case incident.SourceAbsent:
		default:
			return false
		}
	}
	return some
}

// states are the states of all sources, in words.
func (s *scene) states() string {
	var list []string
	for _, x := range s.v.Sources {
		if x.State != incident.SourceAbsent {
			list = append(list, x.Name+" "+s.state(x))
		}
	}
	return strings.Join(list, ", ")
}

// state is how a source does: "down since 14:05:00Z".
func (s *scene) state(x incident.SourceStatus) string {
	text := x.State.String()
	if x.State == incident.SourceDone || x.State == incident.SourceStarting {
		return text
	}
	since := x.LastAt
	for _, g := range s.v.Gaps(x.Group) {
		if g.Open && g.Origin.Name == x.Name {
			since = g.From
		}
	}
	if since.IsZero() {
		return text + " (never reached)"
	}
	return text + " since " + clock(since)
}

// why says why a group of sources gave nothing: those that there are, and how
// they do, or none.
func (s *scene) why(group, none string) string {
	var list []string
	for _, x := range s.v.Sources {
		if x.Group == group && x.State != incident.SourceAbsent {
			list = append(list, x.Name+" is "+s.state(x))
		}
	}
	if len(list) == 0 && group == "postgres" {
		return either(s.silentLogs(), none)
	}
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

// young is the age below which a wait for a lock may end by itself at any time.
const young = 5 * time.Second

// waitedForUnknown counts the sessions that waited in the window for holders that no
// source names: a server's log has none when log_error_verbosity is terse.
func (s *scene) waitedForUnknown() int {
	pids := map[int]bool{}
	s.v.EachEpisode(func(e *incident.Episode) {
		if e.Kind == incident.LockWait && len(e.Blockers) == 0 && len(e.Was) == 0 && e.From.Before(s.v.Window.To) && !e.To.Before(s.v.Window.From) {
			pids[e.Session.Leader()] = true
		}
	})
	return len(pids)
}

// waiting says who blocks whom at the last look, however short that is; empty
// when nobody waits, or nobody has looked lately.
func (s *scene) waiting() string {
	at := s.v.Window.To
	if looks := s.v.SampleTimes(always); len(looks) > 0 {
		at = incident.LaterOf(at, looks[len(looks)-1])
	}
	tree := s.v.LockTree(at)
	if tree.Waiting == 0 {
		return ""
	}
	var oldest time.Duration
	var walk func(list []*incident.LockNode)
	walk = func(list []*incident.LockNode) {
		for _, n := range list {
			oldest = max(oldest, tree.At.Sub(n.Since))
			walk(n.Children)
		}
	}
	for _, r := range tree.Roots {
		walk(r.Children)
	}
	if len(tree.Roots) == 0 && len(tree.Cycles) == 0 {
		return fmt.Sprintf("%s for locks, and no source says for whom", things(tree.Waiting, "session waits", "sessions wait"))
	}
	if len(tree.Roots) == 0 {
		var cycles []string
		for _, pids := range tree.Cycles {
			cycles = append(cycles, strings.Trim(fmt.Sprint(pids), "[]"))
		}
		return fmt.Sprintf("%s for locks in a cycle: %s", things(tree.Waiting, "session waits", "sessions wait"), strings.Join(cycles, ", and "))
	}
	r := tree.Roots[0]
	h := holder{session: r.Session, held: r.Held, relation: r.Relation, lockType: r.LockType}
	blocked := things(tree.Waiting, "session", "sessions")
	if len(tree.Roots) > 1 {
		blocked = count(r.Blocks) + " of " + things(tree.Waiting, "session that waits", "sessions that wait")
	}
	text := fmt.Sprintf("%s blocks %s with %s on %s, the longest for %s", who(r.PID, r.User, r.Application), blocked, h.mode(), h.on(), whole(oldest))
	if oldest < young {
		text += ": young waits"
	}
	return text
}
