package file

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/redact"
)

// batch is one transaction.
type batch struct {
	tx    *sql.Tx
	known *known
	stmts map[string]*sql.Stmt
}

func (b *batch) exec(query string, args ...any) error {
	stmt, err := b.prepare(query)
	if err != nil {
		return err
	}
	_, err = stmt.Exec(args...)
	return err
}

func (b *batch) prepare(query string) (*sql.Stmt, error) {
	if s := b.stmts[query]; s != nil {
		return s, nil
	}
	s, err := b.tx.Prepare(query) // closed with the transaction
	if err == nil {
		b.stmts[query] = s
	}
	return s, err
}

func (b *batch) fact(f incident.Fact) error {
	switch f := f.(type) {
	case incident.Bucket:
		return b.bucket(f)
	case *incident.Bucket:
		return b.bucket(*f)
	case incident.Latency:
		return b.latency(f)
	case *incident.Latency:
		return b.latency(*f)
	case incident.Episode:
		return b.episode(f)
	case *incident.Episode:
		return b.episode(*f)
	case incident.Series:
		return b.points(f)
	case *incident.Series:
		return b.points(*f)
	case incident.Exemplar:
		return b.exemplar(f)
	case *incident.Exemplar:
		return b.exemplar(*f)
	case incident.Change:
		return b.change(f)
	case *incident.Change:
		return b.change(*f)
	case incident.Upstream:
		return b.upstream(f)
	case *incident.Upstream:
		return b.upstream(*f)
	case incident.Histogram:
		return b.histogram(f)
	case *incident.Histogram:
		return b.histogram(*f)
	case incident.LogFile:
		return b.logFile(f)
	case *incident.LogFile:
		return b.logFile(*f)
	}
	return fmt.Errorf("a fact of unknown shape %T", f)
}

func (b *batch) source(s incident.SourceStatus) error {
	var ahead, within any
	if s.Clock.Measured() {
		ahead, within = int64(s.Clock.Ahead), int64(s.Clock.Within)
	}
	return b.exec(`INSERT INTO source (name, grp, state, last_ns, detail, since_ns, clock_ns, clock_err_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET state = excluded.state, last_ns = coalesce(excluded.last_ns, last_ns), detail = excluded.detail,
			since_ns = excluded.since_ns, clock_ns = coalesce(excluded.clock_ns, clock_ns), clock_err_ns = coalesce(excluded.clock_err_ns, clock_err_ns)`,
		redact.MaskSecrets(s.Name), s.Group, s.State.String(), nanos(s.LastAt), redact.MaskSecrets(s.Detail), nanos(s.Since), ahead, within)
}

func (b *batch) bucket(x incident.Bucket) error {
	endpoint, origin, err := b.places(x.Endpoint, x.Origin)
	if err != nil {
		return err
	}
	// The same bytes of a file count once; facts without a file add up.
	return b.exec(`INSERT INTO bucket VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET started = started + excluded.started, ended = ended + excluded.ended WHERE byte_to <= byte_from`,
		x.At.UnixNano(), int64(x.Width), endpoint, x.Status, x.Outcome.String(), origin, x.Origin.From, x.Origin.To, x.Started, x.Ended)
}

func (b *batch) latency(x incident.Latency) error {
	if x.Sketch == nil {
		return nil
	}
	endpoint, origin, err := b.places(x.Endpoint, x.Origin)
	if err != nil {
		return err
	}
	key := []any{x.At.UnixNano(), int64(x.Width), endpoint, x.Outcome.String(), origin, x.Origin.From, x.Origin.To}
	if x.Origin.To <= x.Origin.From {
		merged, err := b.merged(x.Sketch, key)
		if err != nil {
			return err
		}
		x.Sketch = merged
	}
	raw, err := x.Sketch.MarshalBinary()
	if err != nil {
		return fmt.Errorf("latency of %s: %w", x.Endpoint, err)
	}
	return b.exec(`INSERT INTO latency VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET sketch = excluded.sketch WHERE byte_to <= byte_from`, append(key, raw)...)
}

// merged is the sketch together with the one in the file, if any.
func (b *batch) merged(s incident.Sketch, key []any) (incident.Sketch, error) {
	stmt, err := b.prepare(`SELECT sketch FROM latency WHERE at_ns = ? AND width_ns = ? AND endpoint = ? AND outcome = ?
		AND origin = ? AND byte_from = ? AND byte_to = ?`)
	if err != nil {
		return nil, err
	}
	var raw []byte
	if err := stmt.QueryRow(key...).Scan(&raw); errors.Is(err, sql.ErrNoRows) {
		return s, nil
	} else if err != nil {
		return nil, err
	}
	have, err := new(sketch.Reader).Read(raw)
	if err != nil {
		return nil, err
	}
	return have.Merge(s)
}

// episode writes the whole of an episode, as far as it is known: what this
// writer saw of it before, and this.
func (b *batch) episode(x incident.Episode) error {
	x.Origin.Name = redact.MaskSecrets(x.Origin.Name)
	x.Text = redact.MaskSecrets(x.Text)
	x.Session.Query = redact.MaskSecrets(x.Session.Query)
	x.Session.Application = redact.MaskSecrets(x.Session.Application)
	x.Session.User = redact.MaskSecrets(x.Session.User)
	x.Session.Client = redact.MaskSecrets(x.Session.Client)
	x.Session.Database = redact.MaskSecrets(x.Session.Database)
	x.Relation = redact.MaskSecrets(x.Relation)
	if x.Kind == incident.LockWait || x.Kind == incident.SessionState {
		if err := b.exec(`INSERT OR IGNORE INTO lock_sample VALUES (?)`, x.To.UnixNano()); err != nil {
			return err
		}
	}
	id := x.ID()
	if have, ok := b.known.open[id]; ok {
		x = have.Continue(x)
	} else if have, ok, err := b.stored(id); err != nil {
		return err
	} else if ok {
		x = have.Continue(x)
	}
	if x.Open {
		b.known.open[id] = x
	} else {
		delete(b.known.open, id)
	}
	origin, err := b.origin(x.Origin)
	if err != nil {
		return err
	}
	s := x.Session
	return b.exec(`INSERT OR REPLACE INTO episode VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		string(id), x.Kind.String(), nanos(x.From), nanos(x.To), x.Open, int64(x.FromErr), int64(x.ToErr),
		x.Wanted.Catalog(), x.Held.Catalog(), x.LockType, x.Relation, encode(x.Blockers), encode(x.Was), x.Text, x.Value,
		s.PID, s.LeaderPID, s.User, s.Database, s.Application, s.Client, s.BackendType, s.State, s.WaitEventType, s.WaitName,
		nanos(s.BackendStart), nanos(s.XactStart), nanos(s.QueryStart), s.Query, origin, x.Origin.From, x.Origin.To)
}

func (b *batch) stored(id incident.ID) (incident.Episode, bool, error) {
	stmt, err := b.prepare(selectEpisodes + ` WHERE episode.id = ?`)
	if err != nil {
		return incident.Episode{}, false, err
	}
	e, err := scanEpisode(stmt.QueryRow(string(id)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return e, false, nil
	}
	return e, err == nil, err
}

func (b *batch) points(x incident.Series) error {
	x.Caveat = redact.MaskSecrets(x.Caveat)
	x.Origin.Name = redact.MaskSecrets(x.Origin.Name)
	key := x.ID()
	id, err := b.series(x)
	if err != nil {
		return err
	}
	if x.Caveat != "" && b.known.caveats[key] != x.Caveat {
		// As Evidence does: what says more stays.
		err := b.exec(`UPDATE series SET caveat = ?1 WHERE id = ?2 AND substr(caveat, 1, length(?1)) <> ?1`, x.Caveat, id)
		if err != nil {
			return err
		}
		b.known.caveats[key] = x.Caveat
	}
	for _, p := range x.Points {
		v := sql.NullFloat64{Float64: p.V, Valid: !math.IsNaN(p.V)}
		err := b.exec(`INSERT INTO point VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET v = excluded.v WHERE v IS NULL`, id, p.At.UnixNano(), v)
		if err != nil {
			return err
		}
	}
	return nil
}

// series is the row of a series.
func (b *batch) series(x incident.Series) (int64, error) {
	key := x.ID()
	if id, ok := b.known.series[key]; ok {
		return id, nil
	}
	origin, err := b.origin(x.Origin)
	if err != nil {
		return 0, err
	}
	id, err := b.rowid(`INSERT INTO series (key, name, labels, unit, kind, caveat, start_ns, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET unit = iif(unit = '', excluded.unit, unit) RETURNING id`,
		string(key), x.Name, encode(x.Labels), x.Unit, x.Kind.String(), x.Caveat, nanos(x.StartAt), origin)
	if err == nil {
		b.known.series[key] = id
	}
	return id, err
}

func (b *batch) exemplar(x incident.Exemplar) error {
	x.Origin.Name = redact.MaskSecrets(x.Origin.Name)
	endpoint, origin, err := b.places(x.Endpoint, x.Origin)
	if err != nil {
		return err
	}
	// One first and one last failing request is kept; of the others the id is the line's.
	return b.exec(`INSERT INTO exemplar VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET start_ns = excluded.start_ns, end_ns = excluded.end_ns, status = excluded.status,
			outcome = excluded.outcome, took_ns = excluded.took_ns, raw = excluded.raw, note = excluded.note,
			byte_from = excluded.byte_from, byte_to = excluded.byte_to, upstream = excluded.upstream
		WHERE kind = 'first_failing' AND excluded.start_ns < start_ns OR kind = 'last_failing' AND excluded.end_ns > end_ns`,
		string(x.ID()), x.Kind.String(), nanos(x.Start), nanos(x.End), endpoint, x.Status, x.Outcome.String(),
		int64(x.Took), redact.MaskSecrets(x.Raw), redact.MaskSecrets(x.Note), origin, x.Origin.From, x.Origin.To, redact.MaskSecrets(x.Upstream))
}

func (b *batch) change(x incident.Change) error {
	x.System = redact.MaskSecrets(x.System) // which is in its id
	x.Origin.Name = redact.MaskSecrets(x.Origin.Name)
	origin, err := b.origin(x.Origin)
	if err != nil {
		return err
	}
	return b.exec(`INSERT OR IGNORE INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		string(x.ID()), nanos(x.At), x.Kind.String(), x.System, redact.MaskSecrets(x.Text), origin, x.Origin.From, x.Origin.To)
}

func (b *batch) places(e incident.Endpoint, o incident.Origin) (endpoint, origin int64, err error) {
	if origin, err = b.origin(o); err != nil {
		return 0, 0, err
	}
	e.Route = redact.MaskSecrets(e.Route)
	if id, ok := b.known.endpoints[e]; ok {
		return id, origin, nil
	}
	// The update changes nothing; it makes RETURNING answer for a row that is there.
	endpoint, err = b.rowid(`INSERT INTO endpoint (method, route) VALUES (?, ?) ON CONFLICT DO UPDATE SET method = method RETURNING id`, e.Method, e.Route)
	if err == nil {
		b.known.endpoints[e] = endpoint
	}
	return endpoint, origin, err
}

func (b *batch) origin(o incident.Origin) (int64, error) {
	o.From, o.To = 0, 0
	o.Name = redact.MaskSecrets(o.Name)
	if id, ok := b.known.origins[o]; ok {
		return id, nil
	}
	id, err := b.rowid(`INSERT INTO origin (grp, name, file) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET grp = grp RETURNING id`, o.Group, o.Name, o.File)
	if err == nil {
		b.known.origins[o] = id
	}
	return id, err
}

func (b *batch) rowid(query string, args ...any) (id int64, err error) {
	stmt, err := b.prepare(query)
	if err != nil {
		return 0, err
	}
	return id, stmt.QueryRow(args...).Scan(&id)
}

// nanos is an instant as it is stored.
func nanos(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixNano(), Valid: !t.IsZero()}
}

// encode is a list or a map as JSON; they hold nothing that cannot be encoded.
func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(raw)
}
