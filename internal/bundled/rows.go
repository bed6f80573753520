package bundled

import (
	"time"

	"tripcurve/collectors/postgres"
	"tripcurve/internal/incident"
	"tripcurve/sim"
)

// pgVersion is what the simulated server says it is.
const pgVersion = 150018

// sample turns the simulated sessions into what the Postgres collector's query
// would have returned.
func sample(at time.Time, sessions []sim.PGSession) postgres.Sample {
	s := postgres.Sample{At: at, Every: time.Second, ServerVersion: pgVersion, Rows: make([]postgres.Row, 0, len(sessions))}
	for i := range sessions {
		s.Rows = append(s.Rows, row(&sessions[i]))
	}
	return s
}

func row(p *sim.PGSession) postgres.Row {
	r := postgres.Row{
		Session: incident.Session{
			PID: p.PID, User: p.User, Database: p.Database, Application: p.Application,
			BackendType: p.BackendType, State: p.State, WaitEventType: p.WaitEventType, WaitName: p.WaitEvent,
			BackendStart: p.BackendStart, XactStart: p.XactStart, QueryStart: p.QueryStart, Query: p.Query,
		},
		StateChange: p.StateChange,
	}
	for _, l := range p.Held {
		r.Held = append(r.Held, postgres.Lock{LockType: "relation", Relation: l.Relation, Mode: l.Mode})
	}
	if p.Relation != "" {
		w := &postgres.Wait{Lock: postgres.Lock{LockType: "relation", Relation: p.Relation, Mode: p.Wanted}, Since: p.WaitStart}
		for _, b := range p.Blockers {
			w.Blockers = append(w.Blockers, b.PID)
		}
		r.Wait = w
	}
	return r
}
