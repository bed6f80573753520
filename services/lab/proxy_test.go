package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// between is a balancer between a client and one server, on a clock that the test
// moves.
type between struct {
	*balancer
	addr     string
	accepted chan net.Conn // the server's ends

	mu  sync.Mutex
	now time.Time
}

func (b *between) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *between) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func startBetween(t *testing.T, idle time.Duration) *between {
	t.Helper()
	listen := func() net.Listener {
		lc := net.ListenConfig{KeepAlive: -1}
		lc.SetMultipathTCP(false)
		l, err := lc.Listen(t.Context(), "tcp", anywhere)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	backend, front := listen(), listen()
	t.Cleanup(func() { _ = backend.Close() })
	b := &between{balancer: newBalancer(backend.Addr().String(), idle), addr: front.Addr().String(), accepted: make(chan net.Conn, 8), now: time.Unix(0, 0)}
	b.balancer.now = b.clock
	go func() {
		for {
			c, err := backend.Accept()
			if err != nil {
				return
			}
			b.accepted <- c
		}
	}()
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.serve(ctx, front) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *between) connect(t *testing.T) (client, server net.Conn) {
	t.Helper()
	client, err := (&net.Dialer{KeepAlive: -1}).DialContext(t.Context(), "tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	server = <-b.accepted
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func says(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	if _, err := from.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(text))
	_ = to.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(to, buf); err != nil || string(buf) != text {
		t.Fatalf("%q arrived as %q: %v", text, buf, err)
	}
}

// hearsNothing wants a connection that is open and on which nothing comes.
func hearsNothing(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v; want silence", n, err)
	}
}

func TestBalancerForgetsIdleConnections(t *testing.T) {
	b := startBetween(t, time.Minute)
	client, server := b.connect(t)
	says(t, client, server, "call")
	b.pass(59 * time.Second)
	says(t, server, client, "answer") // which counts as well
	b.pass(59 * time.Second)
	says(t, client, server, "another call")
	b.pass(time.Minute)
	for range 3 {
		if _, err := client.Write([]byte("lost")); err != nil {
			t.Fatalf("the client is told: %v", err)
		}
		if _, err := server.Write([]byte("lost")); err != nil {
			t.Fatalf("the server is told: %v", err)
		}
	}
	hearsNothing(t, server)
	hearsNothing(t, client)
	// The end of the one is not told to the other, either.
	_ = client.Close()
	hearsNothing(t, server)
	// A new connection is another flow.
	client, server = b.connect(t)
	says(t, client, server, "call")
}

func TestBalancerPassesEnds(t *testing.T) {
	b := startBetween(t, 0)
	client, server := b.connect(t)
	b.pass(time.Hour) // no limit
	says(t, client, server, "call")
	_ = server.Close()
	_ = client.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the server closed, the client reads %v", err)
	}
}

func TestBlackHole(t *testing.T) {
	b := startBetween(t, 0)
	before, server := b.connect(t)
	says(t, before, server, "call")
	b.blackHole(true)
	if _, err := before.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	during, other := b.connect(t)
	if _, err := during.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	hearsNothing(t, server)
	hearsNothing(t, other)
	b.blackHole(false)
	if _, err := before.Write([]byte("still lost")); err != nil {
		t.Fatal(err)
	}
	hearsNothing(t, server)
	after, third := b.connect(t)
	says(t, after, third, "call")
}
