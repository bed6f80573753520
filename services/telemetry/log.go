package telemetry

import (
	"io"
	"log/slog"
	"time"
)

// NewLog writes one JSON object a line, each with the service's name and the time
// in UTC.
func NewLog(w io.Writer, service string) *slog.Logger {
	utc := func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			a.Value = slog.TimeValue(a.Value.Time().UTC().Round(time.Microsecond))
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: utc})).With("service", service)
}
