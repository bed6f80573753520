package serverlog

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The columns of csvlog. 12 has the first 23, 13 adds backend_type, 14 leader_pid
// and query_id.
const (
	csvTime = iota
	csvUser
	csvDatabase
	csvPID
	csvClient
	csvSession
	csvSessionLine
	csvCommand
	csvSessionStart
	csvVirtualXact
	csvXact
	csvSeverity
	csvState
	csvMessage
	csvDetail
	csvHint
	csvInternalQuery
	csvInternalPos
	csvContext
	csvQuery
	csvQueryPos
	csvLocation
	csvApplication
	csvBackendType
	csvLeader
	csvQueryID
)

// minColumns and maxColumns are those of 12 and what some version after 18 may
// have.
const minColumns, maxColumns = csvBackendType, 40

// csvDecoder reads csvlog. A record ends with the first line after which no quote
// is open.
type csvDecoder struct {
	to  sink
	loc *time.Location

	record []byte // the record so far, with the newlines in it
	at     place  // of the record
	state  quoteState
	long   bool // the record is too long to keep: it is only followed to its end
}

type quoteState uint8

const (
	fieldStart quoteState = iota
	bare                  // in a field without quotes
	quoted                // in a field with quotes
	quoteSeen             // after a quote in it: another one, or the end
)

var errQuote = errors.New("text behind a closing quote: the record is torn")

// scan follows the quotes of one more line; at is the column of the fault.
func (s quoteState) scan(line []byte) (next quoteState, at int, err error) {
	for i, c := range line {
		switch s {
		case fieldStart:
			switch c {
			case '"':
				s = quoted
			case ',':
			default:
				s = bare
			}
		case bare:
			switch c {
			case ',':
				s = fieldStart
			case '"':
				return s, i + 1, errQuote
			}
		case quoted:
			if c == '"' {
				s = quoteSeen
			}
		case quoteSeen:
			switch c {
			case '"':
				s = quoted
			case ',':
				s = fieldStart
			default:
				return s, i + 1, errQuote
			}
		}
	}
	return s, 0, nil
}

func (d *csvDecoder) line(line []byte, p place, cut bool) {
	open := d.at.length > 0
	if !open {
		if len(line) == 0 {
			return
		}
		if !beginsRecord(line) {
			d.to.unparsed(line, p, 1, "expected a record that begins with such as 2026-01-15 14:23:01.401 UTC,")
			return
		}
		d.at = place{offset: p.offset, line: p.line}
	}
	state, column, err := d.state.scan(line)
	if err != nil || cut {
		why := "longer than 4 MiB: cut"
		if err != nil {
			why = err.Error()
		}
		if !open {
			d.at.length = p.length
			d.drop(line, column, why)
			return
		}
		// A server that died while it wrote leaves a record with an open quote; the next
		// one then looks like text. What is torn is what was held; this line may begin
		// anew.
		d.drop(d.record, 1, why)
		if !cut && beginsRecord(line) {
			d.line(line, p, cut)
		} else {
			d.to.unparsed(line, p, max(1, column), why)
		}
		return
	}
	d.at.length += p.length
	if open {
		d.record = append(d.record, '\n')
	}
	if len(d.record)+len(line) > maxRecord {
		d.long = true
	} else {
		d.record = append(d.record, line...)
	}
	d.state = state
	if state == quoted {
		return
	}
	d.end()
}

func (d *csvDecoder) end() {
	var e entry
	switch column, err := d.decode(&e); {
	case d.long:
		d.drop(d.record, 1, "longer than 4 MiB")
	case err != nil:
		d.drop(d.record, column, err.Error())
	default:
		d.to.entry(&e)
		d.reset()
	}
}

func (d *csvDecoder) drop(raw []byte, column int, why string) {
	d.to.unparsed(raw, d.at, max(1, column), why)
	d.reset()
}

func (d *csvDecoder) reset() {
	d.record, d.at, d.state, d.long = d.record[:0], place{}, fieldStart, false
}

func (d *csvDecoder) close() {
	if d.at.length > 0 {
		d.drop(d.record, 1, "the file ends within the record")
	}
}

// beginsRecord says that a line begins as every record does: with a time.
func beginsRecord(line []byte) bool {
	const stamp = "2026-01-15 14:23:01"
	if len(line) < len(stamp) {
		return false
	}
	for i := range len(stamp) {
		if c := stamp[i]; '0' <= c && c <= '9' {
			if line[i] < '0' || line[i] > '9' {
				return false
			}
		} else if line[i] != c {
			return false
		}
	}
	return true
}

// decode reads the held record; column says where it is wrong.
func (d *csvDecoder) decode(e *entry) (column int, err error) {
	var fields [maxColumns]string
	var starts [maxColumns]int
	n, rest := 0, d.record
	for {
		if n == maxColumns {
			return len(d.record) - len(rest) + 1, fmt.Errorf("more than %d columns", maxColumns)
		}
		starts[n] = len(d.record) - len(rest) + 1
		var more bool
		fields[n], rest, more = csvField(rest)
		n++
		if !more {
			break
		}
	}
	if n < minColumns {
		return 1, fmt.Errorf("%d columns, expected %d (PostgreSQL 12) to %d", n, minColumns, csvQueryID+1)
	}
	if e.at, err = readStamp(fields[csvTime], d.loc); err != nil {
		return 1, err
	}
	if e.pid, err = readPID(fields[csvPID]); err != nil {
		return starts[csvPID], err
	}
	if e.leader, err = readPID(fields[csvLeader]); err != nil {
		return starts[csvLeader], err
	}
	if fields[csvSessionStart] != "" {
		if e.sessionStart, err = readStamp(fields[csvSessionStart], d.loc); err != nil {
			return starts[csvSessionStart], err
		}
	}
	if len(fields[csvState]) != 5 {
		return starts[csvState], fmt.Errorf("SQLSTATE %q, expected five characters", clip(fields[csvState], 20))
	}
	e.user, e.database, e.client, e.command = fields[csvUser], fields[csvDatabase], fields[csvClient], fields[csvCommand]
	e.severity, e.state = fields[csvSeverity], fields[csvState]
	e.message, e.detail, e.context, e.statement = fields[csvMessage], fields[csvDetail], fields[csvContext], fields[csvQuery]
	e.application, e.backendType = fields[csvApplication], fields[csvBackendType]
	e.offset, e.length, e.line = d.at.offset, d.at.length, d.at.line
	e.raw = string(d.record[:min(len(d.record), maxRaw)])
	return 0, nil
}

// csvField takes the first field of a record whose quotes are in order.
func csvField(b []byte) (field string, rest []byte, more bool) {
	if len(b) == 0 || b[0] != '"' {
		i := bytes.IndexByte(b, ',')
		if i < 0 {
			return string(b), nil, false
		}
		return string(b[:i]), b[i+1:], true
	}
	end := 1
	for end < len(b) {
		i := bytes.IndexByte(b[end:], '"')
		if i < 0 {
			end = len(b)
			break
		}
		end += i
		if end+1 < len(b) && b[end+1] == '"' {
			end += 2
			continue
		}
		break
	}
	end = min(end, len(b))
	text := strings.ReplaceAll(string(b[1:end]), `""`, `"`)
	if end+1 < len(b) {
		return text, b[end+2:], true
	}
	return text, nil, false
}

// maxPID bounds process ids: Linux allows 4 million, Windows' are 32 bits.
const maxPID = 1<<31 - 1

func readPID(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > maxPID {
		return 0, fmt.Errorf("process id %q", clip(s, 20))
	}
	return int(n), nil
}
