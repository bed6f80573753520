package terminal

import (
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// painter writes to the terminal, on a goroutine of its own: who shows something never
// waits for a slow terminal, which gets the newest frame when it has taken the one before.
type painter struct {
	out io.Writer
	gap time.Duration // from one frame to the next
	// questions are asked with the first frame: nobody who asks earlier is sure to be there
	// for the answer.
	questions string
	painted   func()      // called after the first frame has been written; nil: not, or not again
	failed    func(error) // called once, when no frame can be drawn any more

	mu      sync.Mutex
	display display
	view    tea.View // the newest
	known   bool     // there is one
	plain   []byte   // to be written as it is, before the next frame
	gone    bool     // nothing can be written any more

	running bool // of who starts and stops it
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	bytes   []byte // write's own, used again
}

// start begins to write; stopping ends it.
func (p *painter) start() {
	p.running = true
	p.wake, p.stop, p.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go p.run()
	p.nudge()
}

// stopping writes what is still to be written, gives the terminal back and ends; nothing
// when it has ended.
func (p *painter) stopping() {
	if p.running {
		close(p.stop)
		<-p.stopped
		p.running = false
	}
}

// show makes v the newest frame.
func (p *painter) show(v tea.View) {
	p.mu.Lock()
	news := !p.known || p.display.stale || len(p.plain) > 0 || !same(&p.view, &v)
	p.view, p.known = v, true
	p.mu.Unlock()
	if news {
		p.nudge()
	}
}

// plainly has b written as it is, before the next frame and without waiting for one.
func (p *painter) plainly(b []byte) {
	p.set(func(_ *display, plain []byte) []byte { return append(plain, b...) })
	p.nudge()
}

// set changes how the next frame is written: the one of before may not fit any more. It may
// have bytes written before that frame, which are to be appended to plain.
func (p *painter) set(f func(d *display, plain []byte) []byte) {
	p.mu.Lock()
	p.plain = f(&p.display, p.plain)
	p.mu.Unlock()
}

func (p *painter) nudge() {
	select {
	case p.wake <- struct{}{}:
	default: // it is awake already, and will see this too
	}
}

// run writes a frame when there is one: after a rest two at once, for a key often changes one
// thing itself and another by what it asks for, and more of them gap apart. Without frames it
// sleeps: nothing ticks.
func (p *painter) run() {
	defer close(p.stopped)
	defer p.rescue()
	due := time.Now() // of the next frame, had all of them been gap apart; one may be early
	for {
		select {
		case <-p.stop:
			p.write(true)
			return
		case <-p.wake:
		}
		if wait := time.Until(due) - p.gap; wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-p.stop:
				t.Stop()
				p.write(true)
				return
			case <-t.C:
			}
		}
		at := time.Now()
		if !p.write(false) {
			continue
		}
		if due.Before(at) {
			due = at
		}
		due = due.Add(p.gap)
	}
}

// write brings the terminal up to date, and says whether there was anything to write.
func (p *painter) write(last bool) bool {
	b, first := p.compose(last)
	if len(b) == 0 {
		return false
	}
	if _, err := p.out.Write(b); err != nil { // the terminal is gone, as the keys will say
		p.mu.Lock()
		p.gone = true
		p.mu.Unlock()
		return false
	}
	if first && p.painted != nil {
		p.painted()
		p.painted = nil
	}
	return true
}

// compose is what the terminal must be sent, until the next call, and whether it is its
// first frame.
func (p *painter) compose(last bool) (b []byte, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil, false
	}
	b = append(p.bytes[:0], p.plain...)
	p.plain = p.plain[:0]
	if p.known && p.view.Content != "" {
		first = p.display.shown == nil
		b = p.display.frame(b, p.view)
	}
	if first {
		b, p.questions = append(b, p.questions...), ""
	}
	if last {
		b = p.display.leave(b)
	}
	p.bytes = b
	return b, first
}

// rescue gives the terminal back where drawing a frame has panicked.
func (p *painter) rescue() {
	r := recover()
	if r == nil {
		return
	}
	err := fmt.Errorf("panic while drawing: %v\n\n%s", r, debug.Stack())
	p.mu.Lock()
	_, _ = p.out.Write(p.display.leave(nil))
	p.gone = true
	p.mu.Unlock()
	p.failed(err)
}
