package file

import (
	"database/sql"
	"errors"
	"fmt"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/redact"
)

// upstream writes counts as bucket does, with the distribution beside them.
func (b *batch) upstream(x incident.Upstream) error {
	origin, err := b.origin(x.Origin)
	if err != nil {
		return err
	}
	key := []any{x.At.UnixNano(), int64(x.Width), redact.MaskSecrets(x.Name), x.Status, x.Outcome.String(), origin, x.Origin.From, x.Origin.To}
	if x.Origin.To <= x.Origin.From {
		if x.Sketch, err = b.mergedUpstream(x.Sketch, key); err != nil {
			return err
		}
	}
	var raw []byte
	if x.Sketch != nil {
		if raw, err = x.Sketch.MarshalBinary(); err != nil {
			return fmt.Errorf("latency of upstream %s: %w", x.Name, err)
		}
	}
	return b.exec(`INSERT INTO upstream VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET started = started + excluded.started, ended = ended + excluded.ended, sketch = excluded.sketch
		WHERE byte_to <= byte_from`, append(key, x.Started, x.Ended, raw)...)
}

// mergedUpstream is the sketch together with the one in the file, if any.
func (b *batch) mergedUpstream(s incident.Sketch, key []any) (incident.Sketch, error) {
	stmt, err := b.prepare(`SELECT sketch FROM upstream WHERE at_ns = ? AND width_ns = ? AND name = ? AND status = ? AND outcome = ?
		AND origin = ? AND byte_from = ? AND byte_to = ?`)
	if err != nil {
		return nil, err
	}
	var raw []byte
	if err := stmt.QueryRow(key...).Scan(&raw); errors.Is(err, sql.ErrNoRows) || err == nil && raw == nil {
		return s, nil
	} else if err != nil {
		return nil, err
	}
	have, err := new(sketch.Reader).Read(raw)
	if err != nil || s == nil {
		return have, err
	}
	return have.Merge(s)
}

func (b *batch) logFile(x incident.LogFile) error {
	origin, err := b.origin(x.Origin)
	if err != nil {
		return err
	}
	return b.exec(`INSERT INTO log_file VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET format = excluded.format, zone = excluded.zone, unit = excluded.unit, routes = excluded.routes,
			byte_from = min(byte_from, excluded.byte_from), byte_to = max(byte_to, excluded.byte_to)`,
		origin, redact.MaskSecrets(x.Path), redact.MaskSecrets(x.Format), x.Zone, x.Unit, encode(x.Routes), x.Origin.From, x.Origin.To)
}
