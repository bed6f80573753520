package file

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tripcurve/internal/incident"
)

// Merge writes the evidence of several files, at least two, to a new one, which has
// the name of the first. What is in more than one of them is there once: facts by
// their ids, requests by the bytes that they were read from. Where two recordings read
// overlapping pieces of a log, and where they counted without a file, an interval that
// both have counts once and not twice. Of a source's states the later one counts.
// os.ErrExist when out exists; on an error nothing is left of it.
func Merge(out string, paths ...string) error {
	if len(paths) < 2 {
		return errors.New("merge: at least two files are needed")
	}
	for _, p := range paths[1:] {
		if err := Check(p); err != nil {
			return err
		}
	}
	r, err := Open(paths[0])
	if err != nil {
		return err
	}
	defer r.Close()
	return anew(out, func(part string) (err error) {
		if err := r.copyTo(part); err != nil {
			return err
		}
		if err := raised(part); err != nil {
			return explain(out, "merge", err)
		}
		w, err := adopt(part, out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		for _, p := range paths[1:] {
			if err := w.mergeWith(p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *Writer) mergeWith(path string) error {
	have, err := w.states()
	if err != nil {
		return err
	}
	ev, meta, err := Load(path)
	if err != nil {
		return err
	}
	v := ev.Snapshot()
	var facts []incident.Fact
	for _, f := range v.Facts() {
		switch f.(type) {
		case incident.Bucket, *incident.Bucket, incident.Latency, *incident.Latency, incident.Upstream, *incident.Upstream: // by their rows
		default:
			facts = append(facts, f)
		}
	}
	var sources []incident.SourceStatus
	for _, s := range v.Sources {
		if before, ok := have[source{s.Name, s.Group}]; !ok || s.LastAt.After(before.LastAt) {
			sources = append(sources, s)
		}
	}
	if err := w.Append(facts, sources); err != nil {
		return err
	}
	if err := w.mergeTimeline(path, meta.Written); err != nil {
		return err
	}
	for _, t := range meta.Thresholds {
		if err := w.SaveThresholds(t); err != nil {
			return err
		}
	}
	return w.mergeCounts(path)
}

// source is a collector of a file.
type source struct{ name, group string }

// states are the sources' states as the file has them.
func (w *Writer) states() (map[source]incident.SourceStatus, error) {
	all := map[source]incident.SourceStatus{}
	err := w.transact("read sources", func(tx *sql.Tx) error {
		l := loader{tx: tx, ev: incident.NewEvidence()}
		if err := l.readSources(); err != nil {
			return err
		}
		for _, s := range l.ev.Snapshot().Sources {
			all[source{s.Name, s.Group}] = s
		}
		return nil
	})
	return all, err
}

// mergeCounts adds the rows of requests and of their latency as they are, for of which
// bytes each was read is what keeps them apart, and when locks were looked at.
func (w *Writer) mergeCounts(path string) error {
	ctx := context.Background() // SQLite's statements here are short and bounded by the file
	c, err := w.db.Conn(ctx)
	if err != nil {
		return explain(w.path, "merge", err)
	}
	defer c.Close()
	const from = `JOIN other.origin o ON o.id = x.origin JOIN other.endpoint e ON e.id = x.endpoint
		JOIN main.origin mo ON (mo.grp, mo.name, mo.file) = (o.grp, o.name, o.file)
		JOIN main.endpoint me ON (me.method, me.route) = (e.method, e.route)`
	if _, err := c.ExecContext(ctx, `ATTACH ? AS other`, path); err != nil {
		return explain(w.path, fmt.Sprintf("merge %s", path), err)
	}
	var upstreams bool // an older file has none
	if err := c.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM other.sqlite_schema WHERE name = 'upstream')`).Scan(&upstreams); err != nil {
		return explain(w.path, fmt.Sprintf("merge %s", path), err)
	}
	for _, s := range []string{
		`INSERT OR IGNORE INTO main.origin (grp, name, file) SELECT grp, name, file FROM other.origin`,
		`INSERT OR IGNORE INTO main.endpoint (method, route) SELECT method, route FROM other.endpoint`,
		`INSERT INTO main.bucket SELECT x.at_ns, x.width_ns, me.id, x.status, x.outcome, mo.id, x.byte_from, x.byte_to, x.started, x.ended
			FROM other.bucket x ` + from + ` WHERE true
			ON CONFLICT DO UPDATE SET started = max(started, excluded.started), ended = max(ended, excluded.ended)`,
		`INSERT OR IGNORE INTO main.latency SELECT x.at_ns, x.width_ns, me.id, x.outcome, mo.id, x.byte_from, x.byte_to, x.sketch
			FROM other.latency x ` + from,
		mergeUpstreams,
		`INSERT OR IGNORE INTO main.lock_sample SELECT at_ns FROM other.lock_sample`, // of an episode's facts only the last is told
		`DETACH other`,
	} {
		if s == mergeUpstreams && !upstreams {
			continue
		}
		if _, err := c.ExecContext(ctx, s); err != nil {
			return explain(w.path, fmt.Sprintf("merge %s", path), err)
		}
	}
	w.known = newKnown()
	return nil
}

const mergeUpstreams = `INSERT INTO main.upstream
	SELECT x.at_ns, x.width_ns, x.name, x.status, x.outcome, mo.id, x.byte_from, x.byte_to, x.started, x.ended, x.sketch
	FROM other.upstream x JOIN other.origin o ON o.id = x.origin
	JOIN main.origin mo ON (mo.grp, mo.name, mo.file) = (o.grp, o.name, o.file) WHERE true
	ON CONFLICT DO UPDATE SET started = max(started, excluded.started), ended = max(ended, excluded.ended)`
