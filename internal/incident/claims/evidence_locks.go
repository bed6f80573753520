package claims

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/pglock"
	"tripcurve/internal/redact"
)

// setting is a server's setting at its last reading.
func (a *asked) setting(name string) (float64, incident.ID, bool) {
	for _, s := range a.v.AllSeries() {
		if s.Name != incident.SettingSeries || s.Labels["name"] != name {
			continue
		}
		for _, p := range slices.Backward(s.Points) {
			if !math.IsNaN(p.V) {
				return p.V, s.ID(), true
			}
		}
	}
	return 0, "", false
}

// askConnections: is there room for so many sessions?
func askConnections(a *asked) (answer, bool) {
	o := a.claim.Operands
	waiting, ok := o.Number("waiting")
	if !ok {
		return answer{}, false
	}
	most, id, ok := a.setting("max_connections")
	if !ok {
		return answer{}, false
	}
	reserved, id2, ok := a.setting("superuser_reserved_connections")
	if !ok {
		reserved = defaultReserved
	}
	if more, _, ok := a.setting("reserved_connections"); ok { // PostgreSQL 16 and later
		reserved += more
	}
	holders, _ := o.Number("holders")
	sessions, room := waiting+holders, most-reserved
	got := answer{verdict: Consistent, support: ids(id, id2)}
	sign := "<="
	if sessions > room {
		got.verdict, sign = Inconsistent, ">"
	}
	got.text = fmt.Sprintf("max_connections is %s and %s are reserved: %s %s %s", plain(most), plain(reserved), plain(sessions), sign, plain(room))
	if stated, ok := o.Number("max_connections"); ok && stated != most {
		got.verdict = Inconsistent
		got.text += fmt.Sprintf("; %s are stated", plain(stated))
	}
	return got, true
}

// askHolder: did that backend hold the lock?
func askHolder(a *asked) (answer, bool) {
	pid, ok := a.claim.Operands.Number("pid")
	if !ok {
		return answer{}, false
	}
	w, bounded := a.window()
	var own, other *incident.Episode
	waits := 0
	var first incident.ID
	a.v.EachEpisode(func(e *incident.Episode) {
		if bounded && (!e.From.Before(w.To) || !e.To.After(w.From)) {
			return
		}
		switch e.Kind {
		case incident.SessionState:
			if e.Held == pglock.None {
				return
			}
			if c := *e; float64(e.Session.PID) == pid {
				own = &c
			} else if other == nil {
				other = &c
			}
		case incident.LockWait:
			if slices.ContainsFunc(e.Blockers, func(b incident.Blocker) bool { return b.Hard && float64(b.PID) == pid }) {
				if waits++; first == "" {
					first = e.ID()
				}
			}
		case incident.PoolFull, incident.Gap:
		}
	})
	switch {
	case own != nil && waits > 0:
		return answer{
			Consistent, fmt.Sprintf("backend %s held %s on %s from %s to %s, %d waits stood behind it, statement: %s", plain(pid), own.Held, redact.Line(own.Relation),
				a.clock(own.From), a.clock(own.To), waits, brief(own.Session.Query)), ids(own.ID(), first),
		}, true
	case other != nil:
		return answer{Inconsistent, fmt.Sprintf("the locks were held by backend %d", other.Session.PID), ids(other.ID())}, true
	}
	return answer{}, false
}

// brief is a statement in one short line.
func brief(query string) string {
	const most = 80
	line := []rune(redact.Flat(redact.MaskSecrets(query)))
	if len(line) > most {
		line = append(line[:most], '…')
	}
	return string(line)
}

// askWaiters: were so many waiters seen, and when?
func askWaiters(a *asked) (answer, bool) {
	if _, ok := a.claim.Operands.Span("possible"); !ok {
		return answer{}, false
	}
	want := 0.0
	for _, c := range a.linked() {
		for _, key := range []string{"waiting", "capacity"} {
			if n, ok := c.Operands.Number(key); ok && want == 0 {
				want = n
			}
		}
	}
	w, ok := a.window()
	if !ok || want == 0 || w.Length() > 24*time.Hour || !a.v.Sees("postgres") {
		return answer{}, false
	}
	counts := a.v.LockWaiters(w, time.Second)
	from, to, most, looked := -1, -1, 0.0, 0
	for i, n := range counts {
		if n != n {
			continue
		}
		looked++
		most = max(most, n)
		if n >= want {
			if from < 0 {
				from = i
			}
			to = i + 1
		}
	}
	if looked == 0 {
		return answer{}, false
	}
	if from < 0 {
		return answer{Inconsistent, fmt.Sprintf("at most %s sessions waited at one instant", plain(most)), nil}, true
	}
	second := func(i int) time.Time { return w.From.Add(time.Duration(i) * time.Second) }
	got := answer{Consistent, fmt.Sprintf("%s sessions were seen waiting from %s to %s", plain(want), a.clock(second(from)), a.clock(second(to))), a.waits(w)}
	if q := a.claim.Operands.Text("quantifier"); (q == "all" || q == "throughout") && to-from < len(counts) {
		got.verdict = Inconsistent
	}
	return got, true
}

// waits are the ids of the first and the last wait of a window.
func (a *asked) waits(w incident.Window) []incident.ID {
	var first, last incident.ID
	a.v.EachEpisode(func(e *incident.Episode) {
		if e.Kind == incident.LockWait && e.From.Before(w.To) && e.To.After(w.From) {
			if last = e.ID(); first == "" {
				first = last
			}
		}
	})
	if first == last {
		return ids(first)
	}
	return ids(first, last)
}
