package file

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// histogram writes one under the series of its name and labels.
func (b *batch) histogram(x incident.Histogram) error {
	x.Origin.Name = redact.MaskSecrets(x.Origin.Name)
	series, err := b.series(incident.Series{Name: x.Name, Labels: x.Labels, Unit: "s", Kind: incident.Gauge, Origin: x.Origin})
	if err != nil {
		return err
	}
	bins := make([][3]*float64, len(x.Bins))
	for i := range x.Bins {
		c := &x.Bins[i]
		bins[i] = [3]*float64{&c.Lo, &c.Hi, &c.N}
		if math.IsInf(c.Hi, 1) {
			bins[i][1] = nil
		}
	}
	return b.exec(`INSERT OR IGNORE INTO histogram VALUES (?, ?, ?)`, series, x.At.UnixNano(), encode(bins))
}

func (l *loader) readHistograms() error {
	return l.each(`SELECT h.at_ns, h.bins, s.name, s.labels, s.origin FROM histogram h JOIN series s ON s.id = h.series
		ORDER BY h.at_ns, h.series`, func(s scan) error {
		var x incident.Histogram
		var at, origin int64
		var text, labels string
		if err := s(&at, &text, &x.Name, &labels, &origin); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(labels), &x.Labels); err != nil {
			return fmt.Errorf("%w: labels: %w", ErrCorrupt, err)
		}
		var bins [][3]*float64
		if err := json.Unmarshal([]byte(text), &bins); err != nil {
			return fmt.Errorf("%w: histogram: %w", ErrCorrupt, err)
		}
		for _, b := range bins {
			if b[0] == nil || b[2] == nil {
				return fmt.Errorf("%w: histogram %s", ErrCorrupt, text)
			}
			c := incident.Bin{Lo: *b[0], Hi: math.Inf(1), N: *b[2]}
			if b[1] != nil {
				c.Hi = *b[1]
			}
			x.Bins = append(x.Bins, c)
		}
		x.At, x.Origin = time.Unix(0, at).UTC(), l.origin(origin, incident.Origin{})
		l.ev.Add(x)
		return nil
	})
}
