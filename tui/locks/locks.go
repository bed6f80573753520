// Package locks shows who waits for whom in Postgres at the time cursor, as a
// tree whose equal waiters are folded into one line.
package locks

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/export/locktree"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
	"tripcurve/tui/chart"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Screen is the lock tree.
type Screen struct {
	screen.Common
	sql    string // what a sample asks
	list   screen.List
	sort   order
	open   map[string]bool // what the user folded (false) or unfolded (true)
	advice bool

	tree    tree
	waiting chart.Cache
	series  waiters
}

// order is how siblings are sorted.
type order uint8

const (
	byWaiters order = iota
	byWait
	byPID
)

var orders = [...]string{"waiters", "wait", "pid"}

// New is the screen before any data. sql is what one sample asks of the server, shown
// to who wants to know; it may be empty.
func New(sql string) *Screen { return &Screen{sql: sql, open: map[string]bool{}} }

func (s *Screen) Title() string { return "Locks" }

// Actions are what the tree can do.
func (s *Screen) Actions() []screen.Action {
	return append([]screen.Action{
		{Name: "fold", Keys: []string{"enter"}, Help: "fold or unfold the selected line", Hint: "fold"},
		{Name: "previous-sample", Keys: []string{"<"}, Help: "the sample before", Hint: "earlier"},
		{Name: "next-sample", Keys: []string{">"}, Help: "the next sample", Hint: "later"},
		{Name: "worst", Keys: []string{"w"}, Help: "the instant with the most waiting sessions", Hint: "worst"},
		{Name: "sort", Keys: []string{"s"}, Arg: "ORDER", Values: orders[:], Help: "sort by waiters, wait or pid", Hint: "sort"},
		{Name: "advice", Keys: []string{"p"}, Help: "how to prevent it, with the safe statement", Hint: "advice"},
	}, append(screen.Moves(), screen.TimeMoves()...)...)
}

// Update takes in shared messages and moves in the tree.
func (s *Screen) Update(msg tea.Msg) (screen.Screen, tea.Cmd) {
	switch msg := msg.(type) {
	case screen.ActionMsg:
		return s, s.act(msg)
	case tea.MouseClickMsg:
		if _, again := s.list.Click(msg, len(s.tree.rows)); again {
			return s, s.act(screen.ActionMsg{Name: "fold"})
		}
	case screen.FocusMsg:
		s.focus(msg.Subject.PID)
	default:
		s.Apply(msg)
	}
	return s, nil
}

func (s *Screen) act(msg screen.ActionMsg) tea.Cmd {
	if s.View == nil {
		return nil
	}
	rows := s.gather().rows
	if s.list.Move(msg.Name, len(rows), max(1, s.H/2)) {
		return nil
	}
	if cmd, ok := s.MoveTime(msg.Name); ok {
		return cmd
	}
	switch msg.Name {
	case "fold":
		if s.list.At < len(rows) {
			r := rows[s.list.At]
			s.open[r.key] = !r.open
			s.tree.stale = true
		}
	case "previous-sample":
		return s.step(false)
	case "next-sample":
		return s.step(true)
	case "worst":
		return s.worst()
	case "sort":
		return s.resort(msg.Args)
	case "advice":
		s.advice = !s.advice
	case "yank":
		if s.list.At < len(rows) && rows[s.list.At].node.Query != "" {
			return screen.Copy(redact.Lines(rows[s.list.At].node.Query), "the statement")
		}
		return screen.Copy("", "")
	case "yank-markdown":
		return screen.Copy("```\n"+s.plain()+"```\n", "the lock tree")
	}
	return nil
}

// Remember is how the tree is sorted.
func (s *Screen) Remember() map[string]string { return map[string]string{"sort": orders[s.sort]} }

// Recall sorts as Remember said.
func (s *Screen) Recall(choices map[string]string) tea.Cmd {
	if o := choices["sort"]; slices.Contains(orders[:], o) {
		return s.resort(o)
	}
	return nil
}

func (s *Screen) resort(name string) tea.Cmd {
	s.tree.stale = true
	if name == "" {
		s.sort = (s.sort + 1) % order(len(orders))
		return nil
	}
	for i, o := range orders {
		if o == name {
			s.sort = order(i)
			return nil
		}
	}
	return screen.Say("sort by " + strings.Join(orders[:], ", ") + ", not " + name)
}

// step goes to the sample after or before the one shown, so that a tree that
// has gone can still be read.
func (s *Screen) step(forward bool) tea.Cmd {
	times := s.View.SampleTimes(incident.Window{From: s.View.Window.From, To: s.View.Window.To.Add(1)})
	i := after(times, s.Cursor)
	if forward && i < len(times) {
		return screen.MoveCursor(times[i])
	}
	if i--; !forward && i >= 0 && times[i].Equal(s.Cursor) {
		i--
	}
	if !forward && i >= 0 {
		return screen.MoveCursor(times[i])
	}
	return screen.Say("no sample that way")
}

// after is the index of the first time after t.
func after(times []time.Time, t time.Time) int {
	lo, hi := 0, len(times)
	for lo < hi {
		if m := (lo + hi) / 2; times[m].After(t) {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo
}

func (s *Screen) worst() tea.Cmd {
	w := s.gatherWaiters()
	at, most := -1, 0.0
	for i, v := range w.values {
		if v > most {
			at, most = i, v
		}
	}
	if at < 0 {
		return screen.Say("nobody waited for a lock in what is shown")
	}
	return screen.MoveCursor(s.Range.From.Add(time.Duration(at+1)*w.step - 1).Truncate(time.Second))
}

// focus selects a session, once its tree is there.
func (s *Screen) focus(pid int) {
	if s.View == nil || pid == 0 {
		return
	}
	for i, r := range s.gather().rows {
		if r.node.PID == pid && r.folded == 0 {
			s.list.Select(i)
			return
		}
	}
}

// plain is the tree as text, for a ticket: whole, whatever is folded or filtered
// here, and as the command now prints it.
func (s *Screen) plain() string {
	t := s.gather()
	why, tree := s.blind(), s.View.LockTree(t.at)
	if why == "" && len(tree.Roots) == 0 {
		why = "nobody waits for a lock at this instant"
	}
	if why != "" {
		return "locks at " + text.Clock(t.at) + ": " + why + "\n"
	}
	return locktree.Text(tree, s.Analysis, locktree.Options{})
}
