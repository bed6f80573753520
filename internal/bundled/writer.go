package bundled

import (
	"time"

	"tripcurve/services/gateway"
	"tripcurve/sim"
)

// writer is the simulated world's side: it writes the gateway's log, shows the
// database's sessions and the services' pages, and hands them to the reader, who
// works beside the run.
type writer struct {
	reader *reader
	work   chan func() error
	done   chan error
	lines  []byte // of the log, not yet handed over
}

// logBlock is how much of the log is handed over at once.
const logBlock = 32 << 10

func newWriter(r *reader) *writer {
	w := &writer{reader: r, work: make(chan func() error, 64), done: make(chan error, 1)}
	go func() { // ends with close
		var first error
		for f := range w.work {
			if err := f(); err != nil && first == nil {
				first = err
			}
		}
		w.done <- first
	}()
	return w
}

func (w *writer) access(e gateway.AccessEntry) {
	w.lines = gateway.AppendEnvoyJSON(w.lines, e)
	w.reader.tracer.observe(e) // its own: the reader asks for it after the run
	if len(w.lines) >= logBlock {
		w.flush()
	}
}

func (w *writer) flush() {
	block := w.lines
	w.lines = make([]byte, 0, logBlock+4<<10)
	w.work <- func() error { return w.reader.log(block) }
}

func (w *writer) sample(at time.Time, sessions []sim.PGSession) {
	s := sample(at, sessions)
	w.work <- func() error { return w.reader.sample(s) }
}

func (w *writer) scrape(at time.Time, counts []sim.MethodCounts) {
	for len(counts) > 0 {
		n := 1
		for n < len(counts) && counts[n].Service == counts[0].Service {
			n++
		}
		service, page := counts[0].Service, appendExposition(nil, counts[:n])
		w.work <- func() error { return w.reader.page(at, service, page) }
		counts = counts[n:]
	}
}

func (w *writer) event(e sim.Event) {
	w.work <- func() error { w.reader.event(e); return nil }
}

// close hands over what is left and waits for the reader.
func (w *writer) close() error {
	w.flush()
	close(w.work)
	return <-w.done
}
