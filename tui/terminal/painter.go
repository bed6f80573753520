package terminal

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
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

	sent atomic.Int64 // bytes, of all frames
	left atomic.Bool  // nobody waits any more for what is still to be written

	running bool // of who starts and stops it
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	bytes   []byte // write's own, used again
}

// start begins to write, once what was given up before has come to an end; stopping ends it.
func (p *painter) start() {
	if p.stopped != nil {
		<-p.stopped
	}
	p.running = true
	p.left.Store(false)
	p.wake, p.stop, p.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go p.run()
	p.nudge()
}

// patience is how long who stops waits for a terminal that takes nothing: longer than a line
// of 9,600 baud needs for a piece.
const patience = 5 * time.Second

// stopping writes what is still to be written, gives the terminal back and ends; nothing
// when it has ended. A terminal that takes nothing is left as it is.
func (p *painter) stopping() {
	if !p.running {
		return
	}
	p.running = false
	close(p.stop)
	look := time.NewTicker(patience)
	defer look.Stop()
	for before := p.sent.Load(); ; {
		select {
		case <-p.stopped:
			return
		case <-look.C:
		}
		now := p.sent.Load()
		if now == before {
			p.left.Store(true)
			return
		}
		before = now
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
	if err := p.send(b); err != nil { // the terminal is gone, as the keys will say
		p.mu.Lock()
		p.gone = !errors.Is(err, errLeft)
		p.mu.Unlock()
		return false
	}
	if first && p.painted != nil {
		p.painted()
		p.painted = nil
	}
	return true
}

// piece is the most bytes that are written at once.
const piece = 4096

// again is when a terminal that was full may take more.
const again = 10 * time.Millisecond

var errLeft = errors.New("nobody waits for it any more")

// send writes b. Whoever shares the terminal may have made its writes fail instead of wait
// where it is full, as node and some shells do: then it is asked again.
func (p *painter) send(b []byte) error {
	for len(b) > 0 {
		n, err := p.out.Write(b[:min(len(b), piece)])
		p.sent.Add(int64(n))
		b = b[n:]
		switch {
		case p.left.Load():
			return errLeft
		case errors.Is(err, syscall.EAGAIN):
			time.Sleep(again)
		case err != nil:
			return err
		}
	}
	return nil
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
	b := p.display.leave(nil)
	p.gone = true
	p.mu.Unlock()
	_ = p.send(b)
	p.failed(err)
}
