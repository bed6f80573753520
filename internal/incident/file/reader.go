package file

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/pglock"
)

// Meta is what a file says of itself, and what people added to it.
type Meta struct {
	Schema     int
	Name       string // "INC-2847"
	Created    time.Time
	Written    *incident.Writings // what people wrote of the timeline, by id
	Thresholds []ThresholdSet     // the newest last
}

// Reader reads an incident file, also one that is being written.
type Reader struct {
	path string
	db   *sql.DB

	// What people wrote, as it was read last, and the last action of the audit then:
	// without another it is the same, and it may be most of the file.
	written *incident.Writings
	audited sql.NullInt64 // not valid before anything was read
}

// Load reads a whole file.
func Load(path string) (*incident.Evidence, Meta, error) {
	r, err := Open(path)
	if err != nil {
		return nil, Meta{}, err
	}
	defer r.Close()
	return r.Load()
}

// Open opens a file for reading. One of an older schema is read as it is, and stays so.
func Open(path string) (*Reader, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	db, err := connectReader(path)
	if err != nil {
		return nil, err
	}
	err = probe(db)
	if c := code(err); c == sqlite3.SQLITE_CANTOPEN || c == sqlite3.SQLITE_READONLY {
		// A folder that may not be written to: the log's index has no place. Without a log none is needed.
		if _, missing := os.Stat(path + "-wal"); errors.Is(missing, os.ErrNotExist) {
			db.Close()
			if db, err = connectReader(path, "immutable", "1"); err == nil {
				err = probe(db)
			}
		}
	}
	if err != nil {
		db.Close()
		return nil, explain(path, "open", err)
	}
	if err := overlay(db); err != nil {
		db.Close()
		return nil, explain(path, "open", err)
	}
	return &Reader{path: path, db: db}, nil
}

// connectReader opens a file for reading, with a cache of 256 kB: each page is read once, in
// order. SQLite's memory is not given back when it is closed, and by default it takes 2 MB.
func connectReader(path string, params ...string) (*sql.DB, error) {
	return connect(path, append(params, "mode", "ro", "_pragma", "cache_size(-256)")...)
}

func probe(db *sql.DB) error {
	var n int
	return db.QueryRow(`SELECT count(*) FROM meta`).Scan(&n)
}

// Close releases the file.
func (r *Reader) Close() error { return r.db.Close() }

// Version is a number that differs from the last answer when somebody has committed
// something since.
func (r *Reader) Version() (v int64, err error) {
	err = r.db.QueryRow(`PRAGMA data_version`).Scan(&v)
	return v, explained(r.path, "look for news", err)
}

// Load reads all that is committed at this instant.
func (r *Reader) Load() (*incident.Evidence, Meta, error) {
	tx, err := r.db.Begin()
	if err != nil {
		return nil, Meta{}, explain(r.path, "read", err)
	}
	defer tx.Rollback() // nothing was written
	l := loader{tx: tx, ev: incident.NewEvidence(), meta: Meta{Schema: Schema}}
	for _, part := range []struct {
		name string
		read func() error
	}{
		{"meta", l.readMeta},
		{"origins", l.readOrigins},
		{"endpoints", l.readEndpoints},
		{"sources", l.readSources},
		{"buckets", l.readBuckets},
		{"latencies", l.readLatencies},
		{"upstreams", l.readUpstreams},
		{"episodes", l.readEpisodes},
		{"lock samples", l.readSamples},
		{"series", l.readSeries},
		{"histograms", l.readHistograms},
		{"exemplars", l.readExemplars},
		{"changes", l.readChanges},
		{"log files", l.readLogFiles},
		{"timeline entries", func() error { return r.readWritten(&l) }},
		{"threshold sets", l.readThresholds},
	} {
		if err := part.read(); err != nil {
			return nil, Meta{}, explain(r.path, "read "+part.name, err)
		}
	}
	l.ev.SetWritten(l.meta.Written)
	return l.ev, l.meta, nil
}

type loader struct {
	tx        *sql.Tx
	ev        *incident.Evidence
	meta      Meta
	origins   map[int64]incident.Origin
	endpoints map[int64]incident.Endpoint
	sketches  sketch.Reader
}

// scan is sql.Row.Scan and sql.Rows.Scan.
type scan func(...any) error

func (l *loader) each(query string, row func(scan) error) error {
	rows, err := l.tx.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 1; rows.Next(); n++ {
		if err := row(rows.Scan); err != nil {
			return err
		}
		if n%settleEvery == 0 {
			l.ev.Settle()
		}
	}
	return rows.Err()
}

// settleEvery is after how many rows evidence is packed: what is read of it is in order
// of time, and what is not packed takes eight times as much.
const settleEvery = 20_000

func (l *loader) readMeta() error {
	return l.each(`SELECT key, value FROM meta`, func(s scan) error {
		var key, value string
		if err := s(&key, &value); err != nil {
			return err
		}
		switch key {
		case "name":
			l.meta.Name = value
		case "created_ns":
			ns, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return fmt.Errorf("created_ns %q: %w", value, ErrCorrupt)
			}
			l.meta.Created = time.Unix(0, ns).UTC()
		}
		return nil
	})
}

func (l *loader) readOrigins() error {
	l.origins = map[int64]incident.Origin{}
	return l.each(`SELECT id, grp, name, file FROM origin`, func(s scan) error {
		var id int64
		var o incident.Origin
		err := s(&id, &o.Group, &o.Name, &o.File)
		l.origins[id] = o
		return err
	})
}

func (l *loader) readEndpoints() error {
	l.endpoints = map[int64]incident.Endpoint{}
	return l.each(`SELECT id, method, route FROM endpoint`, func(s scan) error {
		var id int64
		var e incident.Endpoint
		err := s(&id, &e.Method, &e.Route)
		l.endpoints[id] = e
		return err
	})
}

func (l *loader) readSources() error {
	return l.each(`SELECT name, grp, state, last_ns, detail, since_ns, clock_ns, clock_err_ns FROM source`, func(s scan) error {
		var st incident.SourceStatus
		var state string
		var last, since, ahead, within sql.NullInt64
		if err := s(&st.Name, &st.Group, &state, &last, &st.Detail, &since, &ahead, &within); err != nil {
			return err
		}
		st.Since, st.Clock = instant(since), incident.Clock{Ahead: time.Duration(ahead.Int64), Within: time.Duration(within.Int64)}
		var ok bool
		if st.State, ok = incident.ParseSourceState(state); !ok {
			return unknown("source state", state)
		}
		st.LastAt = instant(last)
		l.ev.SetSource(st)
		return nil
	})
}

func (l *loader) readBuckets() error {
	var b incident.Bucket // one for all rows, as everywhere where there are many: evidence copies it
	var at, endpoint, origin int64
	var outcome string
	columns := []any{&at, &b.Width, &endpoint, &b.Status, &outcome, &origin, &b.Origin.From, &b.Origin.To, &b.Started, &b.Ended}
	return l.each(`SELECT at_ns, width_ns, endpoint, status, outcome, origin, byte_from, byte_to, started, ended
		FROM bucket ORDER BY at_ns, byte_from`, func(s scan) error {
		if err := s(columns...); err != nil {
			return err
		}
		var ok bool
		if b.Outcome, ok = incident.ParseOutcome(outcome); !ok {
			return unknown("outcome", outcome)
		}
		b.At, b.Endpoint = time.Unix(0, at).UTC(), l.endpoints[endpoint]
		b.Origin = l.origin(origin, b.Origin)
		l.ev.Add(&b)
		return nil
	})
}

func (l *loader) readLatencies() error {
	var x incident.Latency
	var at, endpoint, origin int64
	var outcome string
	var raw sql.RawBytes
	columns := []any{&at, &x.Width, &endpoint, &outcome, &origin, &x.Origin.From, &x.Origin.To, &raw}
	return l.each(`SELECT at_ns, width_ns, endpoint, outcome, origin, byte_from, byte_to, sketch
		FROM latency ORDER BY at_ns, byte_from`, func(s scan) error {
		if err := s(columns...); err != nil {
			return err
		}
		var ok bool
		if x.Outcome, ok = incident.ParseOutcome(outcome); !ok {
			return unknown("outcome", outcome)
		}
		sk, err := l.sketches.Read(raw)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		x.Sketch = sk
		x.At, x.Endpoint = time.Unix(0, at).UTC(), l.endpoints[endpoint]
		x.Origin = l.origin(origin, x.Origin)
		l.ev.Add(&x)
		return nil
	})
}

const selectEpisodes = `SELECT kind, from_ns, to_ns, open, from_err_ns, to_err_ns, wanted, held, lock_type, relation,
	blockers, was, text, value, pid, leader_pid, user_name, database, application, client, backend_type, state,
	wait_event_type, wait_event, backend_start_ns, xact_start_ns, query_start_ns, query,
	origin.grp, origin.name, origin.file, byte_from, byte_to FROM episode JOIN origin ON origin.id = episode.origin`

func (l *loader) readEpisodes() error {
	return l.each(selectEpisodes+` ORDER BY from_ns, episode.id`, func(s scan) error {
		e, err := scanEpisode(s)
		if err != nil {
			return err
		}
		l.ev.Add(e)
		return nil
	})
}

func scanEpisode(s scan) (incident.Episode, error) {
	var e incident.Episode
	x := &e.Session
	var kind, wanted, held, blockers, was string
	var from, to, backend, xact, query sql.NullInt64
	err := s(&kind, &from, &to, &e.Open, &e.FromErr, &e.ToErr, &wanted, &held, &e.LockType, &e.Relation,
		&blockers, &was, &e.Text, &e.Value, &x.PID, &x.LeaderPID, &x.User, &x.Database, &x.Application, &x.Client, &x.BackendType, &x.State,
		&x.WaitEventType, &x.WaitName, &backend, &xact, &query, &x.Query,
		&e.Origin.Group, &e.Origin.Name, &e.Origin.File, &e.Origin.From, &e.Origin.To)
	if err != nil {
		return e, err
	}
	var ok bool
	if e.Kind, ok = incident.ParseEpisodeKind(kind); !ok {
		return e, unknown("episode kind", kind)
	}
	if e.Wanted, ok = pglock.Parse(wanted); !ok && wanted != "" {
		return e, unknown("lock mode", wanted)
	}
	if e.Held, ok = pglock.Parse(held); !ok && held != "" {
		return e, unknown("lock mode", held)
	}
	if err := json.Unmarshal([]byte(blockers), &e.Blockers); err != nil {
		return e, fmt.Errorf("%w: blockers: %w", ErrCorrupt, err)
	}
	if err := json.Unmarshal([]byte(was), &e.Was); err != nil {
		return e, fmt.Errorf("%w: earlier blockers: %w", ErrCorrupt, err)
	}
	e.From, e.To = instant(from), instant(to)
	x.BackendStart, x.XactStart, x.QueryStart = instant(backend), instant(xact), instant(query)
	return e, nil
}

func (l *loader) readSamples() error {
	return l.each(`SELECT at_ns FROM lock_sample ORDER BY at_ns`, func(s scan) error {
		var at int64
		err := s(&at)
		l.ev.Sampled(time.Unix(0, at).UTC())
		return err
	})
}

// pointsAtOnce is how many points of a series are handed over at once: of a long one few
// are kept.
const pointsAtOnce = 1024

func (l *loader) readSeries() error {
	all := map[int64]incident.Series{}
	err := l.each(`SELECT id, name, labels, unit, kind, caveat, start_ns, origin FROM series`, func(s scan) error {
		var x incident.Series
		var id, origin int64
		var labels, kind string
		var start sql.NullInt64
		if err := s(&id, &x.Name, &labels, &x.Unit, &kind, &x.Caveat, &start, &origin); err != nil {
			return err
		}
		var ok bool
		if x.Kind, ok = incident.ParseSeriesKind(kind); !ok {
			return unknown("series kind", kind)
		}
		if err := json.Unmarshal([]byte(labels), &x.Labels); err != nil {
			return fmt.Errorf("%w: labels: %w", ErrCorrupt, err)
		}
		x.StartAt, x.Origin = instant(start), l.origin(origin, incident.Origin{})
		all[id] = x
		return nil
	})
	if err != nil {
		return err
	}
	var of int64
	var points []incident.Point
	flush := func() {
		if x, ok := all[of]; ok && len(points) > 0 {
			x.Points = points
			l.ev.Add(x)
		}
		points = points[:0]
	}
	// There may be a million rows: into other variables they would be scanned by way of
	// their text.
	var row [3]any
	to := []any{&row[0], &row[1], &row[2]}
	err = l.each(`SELECT series, at_ns, v FROM point ORDER BY series, at_ns`, func(s scan) error {
		if err := s(to...); err != nil {
			return err
		}
		id, isID := row[0].(int64)
		at, isAt := row[1].(int64)
		if !isID || !isAt {
			return fmt.Errorf("%w: point %v of series %v", ErrCorrupt, row[1], row[0])
		}
		p := incident.Point{At: time.Unix(0, at).UTC()}
		switch v := row[2].(type) {
		case nil:
			p.V = math.NaN()
		case float64:
			p.V = v
		case int64:
			p.V = float64(v)
		default:
			return fmt.Errorf("%w: value %v of series %d", ErrCorrupt, v, id)
		}
		if id != of || len(points) == pointsAtOnce {
			flush()
			of = id
		}
		points = append(points, p)
		return nil
	})
	flush()
	return err
}

func (l *loader) readExemplars() error {
	return l.each(`SELECT kind, start_ns, end_ns, endpoint, status, outcome, took_ns, raw, note, origin, byte_from, byte_to, upstream
		FROM exemplar ORDER BY id`, func(s scan) error {
		var x incident.Exemplar
		var kind, outcome string
		var start, end sql.NullInt64
		var endpoint, origin int64
		if err := s(&kind, &start, &end, &endpoint, &x.Status, &outcome, &x.Took, &x.Raw, &x.Note, &origin, &x.Origin.From, &x.Origin.To, &x.Upstream); err != nil {
			return err
		}
		var ok bool
		if x.Kind, ok = incident.ParseExemplarKind(kind); !ok {
			return unknown("exemplar kind", kind)
		}
		if x.Outcome, ok = incident.ParseOutcome(outcome); !ok {
			return unknown("outcome", outcome)
		}
		x.Start, x.End, x.Endpoint = instant(start), instant(end), l.endpoints[endpoint]
		x.Origin = l.origin(origin, x.Origin)
		l.ev.Add(x)
		return nil
	})
}

func (l *loader) readChanges() error {
	return l.each(`SELECT at_ns, kind, system, text, origin, byte_from, byte_to FROM change ORDER BY at_ns, id`, func(s scan) error {
		var c incident.Change
		var at sql.NullInt64
		var kind string
		var origin int64
		if err := s(&at, &kind, &c.System, &c.Text, &origin, &c.Origin.From, &c.Origin.To); err != nil {
			return err
		}
		var ok bool
		if c.Kind, ok = incident.ParseChangeKind(kind); !ok {
			return unknown("change kind", kind)
		}
		c.At, c.Origin = instant(at), l.origin(origin, c.Origin)
		l.ev.Add(c)
		return nil
	})
}

// readWritten reads what people wrote, unless nobody has since it was read.
func (r *Reader) readWritten(l *loader) error {
	var last sql.NullInt64
	if err := l.tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM audit`).Scan(&last); err != nil {
		return err
	}
	if last == r.audited {
		l.meta.Written = r.written
		return nil
	}
	if err := l.readWritten(); err != nil {
		return err
	}
	r.written, r.audited = l.meta.Written, last
	return nil
}

func (l *loader) readWritten() (err error) {
	l.meta.Written = incident.PackWritten(func(yield func(incident.Written) bool) {
		var text []byte
		w := incident.Written{Fields: map[string]string{}}
		err = l.each(`SELECT written FROM entry ORDER BY id`, func(s scan) error {
			if err := s(&text); err != nil {
				return err
			}
			clear(w.Fields)
			w = incident.Written{Fields: w.Fields} // packing keeps neither
			err := decodeInto(&w, text)
			if err == nil {
				yield(w)
			}
			return err
		})
	})
	return err
}

func (l *loader) readThresholds() error {
	return l.each(`SELECT name, at_ns, library, sets FROM threshold_set ORDER BY at_ns, name`, func(s scan) error {
		var t ThresholdSet
		var at int64
		var sets string
		if err := s(&t.Name, &at, &t.Library, &sets); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(sets), &t.Sets); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		t.At = time.Unix(0, at).UTC()
		l.meta.Thresholds = append(l.meta.Thresholds, t)
		return nil
	})
}

// origin puts the byte range to the source it is of.
func (l *loader) origin(id int64, span incident.Origin) incident.Origin {
	o := l.origins[id]
	o.From, o.To = span.From, span.To
	return o
}

func instant(ns sql.NullInt64) time.Time {
	if !ns.Valid {
		return time.Time{}
	}
	return time.Unix(0, ns.Int64).UTC()
}

func unknown(what, value string) error {
	return fmt.Errorf("%w: %s %q", ErrCorrupt, what, value)
}
