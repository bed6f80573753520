package pgtest

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Proxy is the network between a client and a server, which can fail.
type Proxy struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	free   *sync.Cond // something below has changed
	to     string     // host:port of the server
	cut    bool
	hole   bool
	closed bool
	conns  map[net.Conn]bool
}

// Proxy puts a network in front of the server.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, to: s.addr(), conns: map[net.Conn]bool{}}
	p.free = sync.NewCond(&p.mu)
	t.Cleanup(func() {
		p.set(func() { p.closed, p.cut = true, true })
		_ = l.Close()
		p.running.Wait()
	})
	p.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.carry(c) })
		}
	})
	return p
}

func (s *Server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Through is a server's URL by way of the network.
func (p *Proxy) Through(s *Server, dsn string) string {
	return strings.Replace(dsn, s.addr(), p.listener.Addr().String(), 1)
}

// Cut ends all connections, and every new one at once, until Mend.
func (p *Proxy) Cut() { p.set(func() { p.cut = true }) }

// Hole lets nothing pass, and ends nothing, until Mend: packets are kept.
func (p *Proxy) Hole() { p.set(func() { p.hole = true }) }

// Mend lets everything pass.
func (p *Proxy) Mend() { p.set(func() { p.cut, p.hole = false, false }) }

// Lead sends new connections to another server and ends the present ones.
func (p *Proxy) Lead(s *Server) {
	p.set(func() { p.to, p.cut = s.addr(), true })
	p.Mend()
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	if p.cut {
		for c := range p.conns {
			_ = c.Close()
		}
	}
	p.free.Broadcast()
}

// passes waits while nothing does; false means that all is over.
func (p *Proxy) passes() (to string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.hole && !p.cut && !p.closed {
		p.free.Wait()
	}
	return p.to, !p.cut && !p.closed
}

func (p *Proxy) carry(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !p.add(client) {
		return
	}
	defer p.remove(client)
	to, ok := p.passes()
	if !ok {
		return
	}
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !p.add(server) {
		return
	}
	defer p.remove(server)
	var both sync.WaitGroup
	both.Go(func() { p.pump(client, server) })
	both.Go(func() { p.pump(server, client) })
	both.Wait()
}

func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.cut && !p.closed
}

func (p *Proxy) remove(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// pump copies one direction until either end closes, and then closes both.
func (p *Proxy) pump(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if _, ok := p.passes(); !ok || err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
