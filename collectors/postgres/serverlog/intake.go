package serverlog

import (
	"fmt"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// intake takes the bytes of one log and gives facts.
type intake struct {
	lines lines
	book  *book
	sum   *Summary
	kept  []incident.Exemplar // of what was not understood
	early []incident.Fact     // of the file before, which this one does not go on
	start locks               // its counts at the beginning of the file
}

// keepUnparsed is how many lines that are not of the format are kept.
const keepUnparsed = 64

func newIntake(m *memory, s *Summary, opt Options) *intake {
	in := &intake{book: newBook(m, s.Origin), sum: s, start: m.locks}
	in.lines.to = s.Detection.decoder(in, opt.Zone)
	return in
}

func (in *intake) entry(e *entry) {
	if in.sum.Entries++; in.sum.Entries == 1 && e.at.Before(in.book.last) {
		in.early, in.start = in.book.finish(), locks{}
	}
	if foreign(e) {
		in.sum.Foreign++
	}
	in.book.entry(e)
}

// foreign says that an entry is in another language: by its severity, which is
// translated but for LOG and FATAL, or because a waiting process logs something
// else than English knows.
func foreign(e *entry) bool {
	switch e.severity {
	case "LOG":
		if !strings.HasSuffix(e.command, " waiting") {
			return false
		}
		_, english := readLock(e.message)
		return !english
	case "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO":
		return false
	}
	return !strings.HasPrefix(e.severity, "DEBUG")
}

func (in *intake) unparsed(raw []byte, p place, column int, why string) {
	in.sum.Unparsed++
	note := fmt.Sprintf("line %d, column %d: %s", p.line, column, why)
	if in.sum.Unparsed == 1 {
		in.sum.FirstUnparsed = fmt.Sprintf("%s:%d: column %d: %s", in.sum.Origin.Name, p.line, column, why)
	}
	if len(in.kept) == keepUnparsed {
		return
	}
	x := incident.Exemplar{
		Kind: incident.Unparsed, Raw: redact.MaskSecrets(string(raw[:min(len(raw), maxRaw)])), Note: redact.MaskSecrets(note), Origin: in.sum.Origin,
	}
	if x.Origin.File != "" {
		x.Origin.From, x.Origin.To = p.offset, p.offset+p.length
	}
	in.kept = append(in.kept, x)
}

// close takes what is held for the last entry, and gives everything.
func (in *intake) close() []incident.Fact {
	in.lines.close()
	in.sum.Lines, in.sum.Origin.To = int64(in.lines.number), in.lines.offset
	in.sum.First, in.sum.Last = in.book.first, in.book.latest
	l := &in.book.locks
	in.sum.LockWaits, in.sum.LockLines, in.sum.Dropped = l.begun-in.start.begun, l.lines-in.start.lines, l.dropped-in.start.dropped
	if c := in.book.events.classes[classDeadlock]; c != nil {
		in.sum.Deadlocks = c.n
	}
	facts := append(in.early, in.book.told()...)
	for _, x := range in.kept {
		facts = append(facts, x)
	}
	return facts
}
