package incident

import (
	"context"
	"time"
)

// LinesWanted says which lines of a log are to be read again.
type LinesWanted struct {
	Log LogFile
	// Window has those requests that started in it (ended, where the start is not known).
	Window Window
	// Until is the log's time up to which there may be some: the longest request of the
	// window ended then.
	Until time.Time
	// Endpoints are all that the source's requests were put to, so that they are again.
	Endpoints []Endpoint
	// Match says of a line, as an exemplar without a kind of its own, whether it is wanted.
	Match func(*Exemplar) bool
}

// LineReader reads lines of a log in pieces. It is not safe for concurrent use.
type LineReader interface {
	// Next gives lines as they stand in the log, with what they hold of credentials: masking
	// takes a tenth of a millisecond a line, so it is left to whoever shows one. It reads for a
	// fraction of a second. part is how much of what there is to be looked through is done,
	// 0..1; the error is io.EOF when that is all, and lines may come with it.
	Next(context.Context) (lines []Exemplar, part float64, err error)
	// Where is the path at which the log was found.
	Where() string
	Close() error
}
