package lab

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// unacknowledged connects through the balancer, lets nothing pass any more, sends
// a byte and says how the client's connection ends within a time.
func unacknowledged(t *testing.T, lossy bool, within time.Duration) error {
	t.Helper()
	b := startBetween(t, 0)
	b.lossy = lossy
	d := net.Dialer{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error { return setUserTimeout(c, 500) }}
	client, err := d.DialContext(t.Context(), "tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	server := <-b.accepted
	defer func() { _ = server.Close() }()
	if _, err := client.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	b.blackHole(true)
	if _, err := client.Write([]byte("b")); err != nil {
		t.Fatal(err)
	}
	_ = client.SetReadDeadline(time.Now().Add(within))
	_, err = client.Read(make([]byte, 1))
	return err
}

// A byte that is lost before TCP is never acknowledged, and the sender's TCP gives
// the connection up. One that the balancer reads and throws away is, and it does not.
func TestLostPackets(t *testing.T) {
	if err := unacknowledged(t, true, 30*time.Second); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("lost: %v, want %v", err, syscall.ETIMEDOUT)
	}
	if err := unacknowledged(t, false, 2*time.Second); errors.Is(err, syscall.ETIMEDOUT) || err == nil {
		t.Errorf("thrown away: %v, want nothing to be noticed within 2 s", err)
	}
}

// While packets are lost nobody connects either; afterwards they do.
func TestLostConnects(t *testing.T) {
	b := startBetween(t, 0)
	b.lossy = true
	b.connect(t) // it serves
	b.blackHole(true)
	d := net.Dialer{Timeout: 500 * time.Millisecond}
	if c, err := d.DialContext(t.Context(), "tcp", b.addr); err == nil {
		_ = c.Close()
		t.Error("somebody connected while every packet is lost")
	}
	b.blackHole(false)
	client, server := b.connect(t)
	if _, err := client.Write([]byte("c")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
