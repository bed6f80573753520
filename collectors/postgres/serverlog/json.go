package serverlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// jsonEntry has the keys of jsonlog (15 and newer) that are used; keys are
// absent when they have no value.
type jsonEntry struct {
	Timestamp    string `json:"timestamp"`
	User         string `json:"user"`
	Database     string `json:"dbname"`
	PID          uint32 `json:"pid"`
	RemoteHost   string `json:"remote_host"`
	RemotePort   uint32 `json:"remote_port"`
	Command      string `json:"ps"`
	SessionStart string `json:"session_start"`
	Severity     string `json:"error_severity"`
	State        string `json:"state_code"`
	Message      string `json:"message"`
	Detail       string `json:"detail"`
	Context      string `json:"context"`
	Statement    string `json:"statement"`
	Application  string `json:"application_name"`
	BackendType  string `json:"backend_type"`
	Leader       uint32 `json:"leader_pid"`
}

// jsonDecoder reads jsonlog: an object a line.
type jsonDecoder struct {
	to  sink
	loc *time.Location
}

func (d *jsonDecoder) line(line []byte, p place, cut bool) {
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	if cut {
		d.to.unparsed(line, p, 1, "longer than 4 MiB: cut")
		return
	}
	var e entry
	if column, err := d.decode(line, &e); err != nil {
		d.to.unparsed(line, p, column, err.Error())
		return
	}
	e.offset, e.length, e.line = p.offset, p.length, p.line
	e.raw = string(line[:min(len(line), maxRaw)])
	d.to.entry(&e)
}

func (d *jsonDecoder) decode(line []byte, e *entry) (column int, err error) {
	var j jsonEntry
	if err := json.Unmarshal(line, &j); err != nil {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return int(min(max(1, syntax.Offset), int64(len(line)+1))), fmt.Errorf("not a JSON object: %w", err)
		case errors.As(err, &kind):
			return int(min(max(1, kind.Offset), int64(len(line)+1))), fmt.Errorf("key %q: found a %s", clip(kind.Field, 40), kind.Value)
		}
		return 1, err
	}
	if j.Timestamp == "" || j.Severity == "" {
		return 1, errors.New(`no "timestamp" and "error_severity": not a line of jsonlog`)
	}
	if e.at, err = readStamp(j.Timestamp, d.loc); err != nil {
		return 1, err
	}
	if j.SessionStart != "" {
		if e.sessionStart, err = readStamp(j.SessionStart, d.loc); err != nil {
			return 1, err
		}
	}
	if j.PID > maxPID || j.Leader > maxPID {
		return 1, fmt.Errorf("process id %d", max(j.PID, j.Leader))
	}
	e.pid, e.leader = int(j.PID), int(j.Leader)
	e.user, e.database, e.application, e.backendType, e.command = j.User, j.Database, j.Application, j.BackendType, j.Command
	e.client = j.RemoteHost
	if j.RemotePort != 0 {
		e.client = fmt.Sprintf("%s:%d", j.RemoteHost, j.RemotePort)
	}
	e.severity, e.state = j.Severity, j.State
	e.message, e.detail, e.context, e.statement = j.Message, j.Detail, j.Context, j.Statement
	return 0, nil
}

func (d *jsonDecoder) close() {}

// looksJSON says that a line may be one of jsonlog.
func looksJSON(line []byte) bool {
	s := strings.TrimSpace(string(line[:min(len(line), 4096)]))
	return strings.HasPrefix(s, `{"timestamp":"`) && strings.Contains(s, `"error_severity":"`)
}
