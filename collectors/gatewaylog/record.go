// Package gatewaylog reads access logs of gateways and proxies: formats are data
// files, a line becomes a Record with both its start and its end, and records
// become per-second counts, latency sketches and exemplars.
package gatewaylog

import (
	"fmt"
	"math"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Instant is nanoseconds since 1970 in UTC, or Unknown.
type Instant int64

// Unknown is an instant that the log does not give.
const Unknown Instant = math.MinInt64

// Known says whether the log gave the instant, or it follows from one that it gave.
func (i Instant) Known() bool { return i != Unknown }

// Time is the instant in UTC; the zero time when it is unknown.
func (i Instant) Time() time.Time {
	if i == Unknown {
		return time.Time{}
	}
	return time.Unix(0, int64(i)).UTC()
}

// second is the whole second that i falls in.
func (i Instant) second() int64 { return floorDiv(int64(i), int64(time.Second)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// noDuration marks a Took that the log does not give.
const noDuration time.Duration = -1

// Record is one request. Its byte slices point into the line, or into the
// decoder's scratch space, and are valid until the next Decode.
type Record struct {
	Start, End   Instant       // Unknown when the log names only the other and no duration
	Resolution   time.Duration // of the stamped end: 1 s for most nginx logs
	Took         time.Duration // negative when not logged
	UpstreamTook time.Duration // over all tries; negative when not logged or not used

	Method  []byte // empty when there was no readable request line
	Target  []byte // path and query as sent
	Path    []byte // without the query
	Route   []byte // the log's own route name or template
	Flags   []byte // Envoy response flags, raw
	Details []byte // Envoy response code details, raw
	// RequestID, Upstream (address list), Cluster and Host are as logged; empty when unset.
	RequestID, Upstream, Cluster, Host []byte

	Status         int // as sent to the client; 0 when nothing was sent
	UpstreamStatus int // of the last try; 0 when unknown
	GRPCStatus     int // -1 when not logged
	Tries          int // upstream tries; 0 when not logged or none
	// NoUpstream says that the log names upstreams and this request used none.
	NoUpstream bool
	// ConnectFailed says that the log times connecting and the last try did not get that far.
	ConnectFailed bool
	// Twice says that the time names no zone, and that the clocks of the zone it
	// was read in showed it twice: the earlier one was taken.
	Twice bool

	Outcome incident.Outcome

	// asked is the number of the upstream that it is counted for; 0 for none.
	asked int32

	// by is the decoder whose fast way has set it, and sets the same fields again; nil
	// once the long way has.
	by *Decoder
}

// reset makes r a record that says nothing.
func (r *Record) reset() {
	*r = Record{}
	r.Start, r.End = Unknown, Unknown
	r.Took, r.UpstreamTook = noDuration, noDuration
	r.GRPCStatus = -1
}

// maxColumnText bounds what a LineError quotes of a line.
const maxColumnText = 24

// LineError says where a line stops being of its format.
type LineError struct {
	Column   int    // in bytes, from 1
	Expected string // "status (3 digits)"
	Found    string // what stands there instead, at most 24 bytes: hostile text
}

func (e *LineError) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("column %d: expected %s, found the end of the line", e.Column, e.Expected)
	}
	return fmt.Sprintf("column %d: expected %s, found %q", e.Column, e.Expected, redact.MaskSecrets(e.Found))
}

// lineError makes a LineError for what stands at pos, counted from 0.
func lineError(line []byte, pos int, expected string) *LineError {
	pos = min(max(pos, 0), len(line))
	found := line[pos:]
	if len(found) > maxColumnText {
		found = found[:maxColumnText]
	}
	return &LineError{Column: pos + 1, Expected: expected, Found: string(found)}
}
