package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// balancer forwards TCP connections to one backend, as the balancer between the
// order service and inventory did: a flow on which nothing passes for too long is
// forgotten. Neither end is told. What they send after that is read and thrown
// away, and their connections stay open, as if the packets vanished on the way.
// Unless it loses packets they do not quite: this balancer's kernel still
// acknowledges them, so that TCP itself never gives such a connection up.
type balancer struct {
	backend string
	idle    time.Duration // of a flow until it is forgotten; 0 never
	lossy   bool          // the packets of what is forgotten are lost before TCP sees them
	dial    net.Dialer
	now     func() time.Time
	say     func(format string, args ...any)

	mu    sync.Mutex
	flows map[*flow]bool
	hole  bool // nothing passes, and what tries to is forgotten
	done  sync.WaitGroup

	listener net.Listener
}

// flow is one connection through the balancer.
type flow struct {
	b              *balancer
	client, server *net.TCPConn

	mu        sync.Mutex
	last      time.Time // something passed
	segments  [2]uint32 // received from client and server, as last seen
	forgotten bool
}

func newBalancer(backend string, idle time.Duration) *balancer {
	return &balancer{
		backend: backend, idle: idle, now: time.Now, flows: map[*flow]bool{},
		say: func(string, ...any) {},
		// Probes of the balancer's own would keep up what it is to let go.
		dial: net.Dialer{Timeout: dialTimeout, KeepAlive: -1},
	}
}

// serve accepts connections until ctx ends, and then closes all.
func (b *balancer) serve(ctx context.Context, l net.Listener) error {
	b.mu.Lock()
	b.listener = l
	b.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		_ = l.Close()
		b.closeAll()
	})
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			b.closeAll()
			b.done.Wait()
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		b.done.Go(func() { b.carry(ctx, conn.(*net.TCPConn)) })
	}
}

// carry is the life of one flow.
func (b *balancer) carry(ctx context.Context, client *net.TCPConn) {
	defer func() { _ = client.Close() }()
	conn, err := b.dial.DialContext(ctx, "tcp", b.backend)
	if err != nil {
		b.say("backend %s: %v", b.backend, err)
		return
	}
	server := conn.(*net.TCPConn)
	defer func() { _ = server.Close() }()
	f := &flow{b: b, client: client, server: server, last: b.now()}
	if !b.add(ctx, f) {
		return
	}
	defer b.remove(f)
	watched, stop := context.WithCancel(ctx)
	defer stop()
	if b.idle > 0 {
		b.done.Go(func() { f.watch(watched) })
	}
	var both sync.WaitGroup
	both.Go(func() { f.pump(client, server) })
	both.Go(func() { f.pump(server, client) })
	both.Wait()
}

func (b *balancer) add(ctx context.Context, f *flow) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	b.flows[f] = true
	if b.hole {
		f.forget()
	}
	return true
}

func (b *balancer) remove(f *flow) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.flows, f)
}

func (b *balancer) closeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for f := range b.flows {
		_ = f.client.Close()
		_ = f.server.Close()
	}
}

// blackHole begins or ends a time in which nothing passes. Flows of that time, and
// those it began in, are lost for good; new ones after it are not.
func (b *balancer) blackHole(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hole = on
	b.shut(on)
	if !on {
		return
	}
	for f := range b.flows {
		f.mu.Lock()
		f.forget()
		f.mu.Unlock()
	}
}

// shut lets nobody connect while nothing passes, where packets are lost. The lock
// is held.
func (b *balancer) shut(on bool) {
	l, ok := b.listener.(*net.TCPListener)
	if !ok || !b.lossy {
		return
	}
	door := find
	if on {
		door = lose
	}
	if err := door(l); err != nil {
		b.say("%v", err)
	}
}

// forget lets nothing pass from now on. The flow's lock is held, or nobody else
// has it yet.
func (f *flow) forget() {
	f.forgotten = true
	if !f.b.lossy {
		return
	}
	for _, c := range []*net.TCPConn{f.client, f.server} {
		if err := lose(c); err != nil {
			f.b.say("%v", err)
		}
	}
}

// pump copies one direction until its source ends. The end is passed on like any
// packet: only while the flow is known.
func (f *flow) pump(from, to *net.TCPConn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		passes := f.passes()
		if n > 0 && passes {
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if passes && (errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)) {
				_ = to.CloseWrite()
			} else if passes {
				_ = to.Close() // a reset
			}
			return
		}
	}
}

// passes says whether what has just come may go on, and notes that it has come.
func (f *flow) passes() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.b.now()
	f.age(now)
	f.last = now
	return !f.forgotten
}

// age forgets the flow when nothing has passed for too long. The lock is held.
func (f *flow) age(now time.Time) {
	if !f.forgotten && f.b.idle > 0 && now.Sub(f.last) >= f.b.idle {
		f.forget()
		f.b.say("forgot an idle connection: nothing passed for %s", f.b.idle)
	}
}

// looks is how many times in its idle limit a flow is looked at.
const looks = 20

// watch forgets the flow when nothing passes for too long.
func (f *flow) watch(ctx context.Context) {
	tick := time.NewTicker(f.b.idle / looks)
	defer tick.Stop()
	for !f.look() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look says whether the flow is forgotten by now. TCP keepalive probes carry no
// byte, but they are packets and count: a balancer sees them too.
func (f *flow) look() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.b.now()
	for i, c := range []*net.TCPConn{f.client, f.server} {
		if n, ok := segmentsIn(c); ok && n != f.segments[i] && !f.forgotten {
			f.segments[i], f.last = n, now
		}
	}
	f.age(now)
	return f.forgotten
}
