package serverlog

import (
	"time"

	"tripcurve/internal/incident"
)

// entry is one event as the server logged it: a message and what belongs to it.
// What the format or the prefix does not have is empty.
type entry struct {
	at           time.Time
	pid, leader  int
	user         string
	database     string
	application  string
	client       string
	backendType  string
	sessionStart time.Time

	severity  string // LOG, ERROR, FATAL, ...: as the server's language has it
	state     string // SQLSTATE
	command   string // of the statement: "UPDATE waiting"
	message   string
	detail    string
	context   string
	statement string

	offset int64  // of its first byte
	length int64  // in bytes, with the newline
	line   int    // of its first line, from 1
	raw    string // as logged, cut at maxRaw
}

// session is who logged it.
func (e *entry) session() incident.Session {
	return incident.Session{
		PID: e.pid, LeaderPID: e.leader, User: e.user, Database: e.database, Application: e.application,
		Client: e.client, BackendType: e.backendType, BackendStart: e.sessionStart,
	}
}

// sink takes what a decoder reads, in the order of the file.
type sink interface {
	entry(e *entry)
	// unparsed is a line, or a record of several, that is not of the format; column
	// counts bytes from 1.
	unparsed(raw []byte, p place, column int, why string)
}

// place is where a line stands.
type place struct {
	offset int64
	length int64
	line   int
}

// decoder makes entries of the lines of one format.
type decoder interface {
	// line takes the next line without its newline; one that was too long comes
	// cut.
	line(text []byte, p place, cut bool)
	// close takes what is held for the last entry.
	close()
}
