package bundled

import (
	"time"

	"tripcurve/services/gateway"
	"tripcurve/sim"
)

// writer is the simulated world's side: it shows the gateway's requests, the
// database's sessions and the services' pages, and hands them to the reader, who
// works beside the run.
type writer struct {
	reader  *reader
	work    chan func() error
	done    chan error
	entries []gateway.AccessEntry      // of the log, not yet handed over
	spare   chan []gateway.AccessEntry // blocks that were read
}

// logBlock is how many requests are handed over at once.
const logBlock = 128

// backlog is how many things to read may wait: the simulation of the lock, whose
// samples take longest to read, need not wait for the reader.
const backlog = 512

func newWriter(r *reader) *writer {
	w := &writer{
		reader: r, work: make(chan func() error, backlog), done: make(chan error, 1),
		spare: make(chan []gateway.AccessEntry, backlog),
	}
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
	w.entries = append(w.entries, e)
	w.reader.tracer.observe(e) // its own: the reader asks for it after the run
	if len(w.entries) >= logBlock {
		w.flush()
	}
}

func (w *writer) flush() {
	block := w.entries
	select {
	case w.entries = <-w.spare:
	default:
		w.entries = make([]gateway.AccessEntry, 0, logBlock)
	}
	w.work <- func() error {
		err := w.reader.log(block)
		select {
		case w.spare <- block[:0]:
		default:
		}
		return err
	}
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
