package file

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"tripcurve/internal/incident"
)

func (l *loader) readUpstreams() error {
	var u incident.Upstream
	var at, origin int64
	var outcome string
	var raw sql.RawBytes
	columns := []any{&at, &u.Width, &u.Name, &u.Status, &outcome, &origin, &u.Origin.From, &u.Origin.To, &u.Started, &u.Ended, &raw}
	return l.each(`SELECT at_ns, width_ns, name, status, outcome, origin, byte_from, byte_to, started, ended, sketch
		FROM upstream ORDER BY at_ns, byte_from`, func(s scan) error {
		if err := s(columns...); err != nil {
			return err
		}
		var ok bool
		if u.Outcome, ok = incident.ParseOutcome(outcome); !ok {
			return unknown("outcome", outcome)
		}
		if u.Sketch = nil; raw != nil {
			sk, err := l.sketches.Read(raw)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			u.Sketch = sk
		}
		u.At, u.Origin = time.Unix(0, at).UTC(), l.origin(origin, u.Origin)
		l.ev.Add(&u)
		return nil
	})
}

func (l *loader) readLogFiles() error {
	return l.each(`SELECT origin, path, format, zone, unit, routes, byte_from, byte_to FROM log_file`, func(s scan) error {
		var x incident.LogFile
		var origin int64
		var routes string
		if err := s(&origin, &x.Path, &x.Format, &x.Zone, &x.Unit, &routes, &x.Origin.From, &x.Origin.To); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(routes), &x.Routes); err != nil {
			return fmt.Errorf("%w: routes of a log: %w", ErrCorrupt, err)
		}
		x.Origin = l.origin(origin, x.Origin)
		l.ev.Add(x)
		return nil
	})
}
