//go:build real

package lab

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An order whose customer never pays gives its stock back.
func TestRealSweeperPutsBack(t *testing.T) {
	sc, _ := ByName(edges(), "healthy")
	sc.World.ReservationTTL, sc.World.Sweep = 2*time.Second, 200*time.Millisecond
	l := up(t, sc)
	bought := cart(0, sc.World.SKUs).Items[0]
	left := func() int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.Sources().Gateway+"/api/inventory/"+bought.SKU, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var stock struct{ Available int }
		if err := json.NewDecoder(resp.Body).Decode(&stock); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("stock of %s: %s, %v", bought.SKU, resp.Status, err)
		}
		return stock.Available
	}
	before := left()
	if resp, word, _ := l.checkout(t); resp.StatusCode != http.StatusCreated {
		t.Fatalf("a healthy checkout is answered %d %s", resp.StatusCode, word)
	}
	ordered := time.Now()
	if n := left(); n != before-bought.Qty {
		t.Errorf("%d left after an order of %d of %d", n, bought.Qty, before)
	}
	for deadline := ordered.Add(time.Minute); left() != before; time.Sleep(5 * pollEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("%d left a minute after the order, want %d again", left(), before)
		}
	}
	if took := time.Since(ordered); took < sc.World.ReservationTTL-time.Second {
		t.Errorf("put back after %s, and a reservation holds for %s", took, sc.World.ReservationTTL)
	}
}

// pinger is a client of HTTP/2 that does nothing but ping, byte by byte: grpc-go's
// own pings every 10 s at most.
type pinger struct{ net.Conn }

func newPinger(t *testing.T, address string) pinger {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	p := pinger{c}
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.frame(frameSettings, ""); err != nil {
		t.Fatal(err)
	}
	return p
}

const frameSettings, framePing, frameGoAway = 4, 6, 7

func (p pinger) frame(kind byte, body string) error {
	_, err := io.WriteString(p, string([]byte{0, 0, byte(len(body)), kind, 0, 0, 0, 0, 0})+body)
	return err
}

// ping every so often, n times; it ends when the server hangs up.
func (p pinger) ping(n int, every time.Duration) {
	for range n {
		if p.frame(framePing, "12345678") != nil {
			return
		}
		time.Sleep(every)
	}
	_ = p.Close()
}

// hear is how many pings the server answered and what it said when it hung up.
func (p pinger) hear() (answered int, told string) {
	for {
		var head [9]byte
		if _, err := io.ReadFull(p, head[:]); err != nil {
			return answered, told
		}
		body := make([]byte, uint32(head[0])<<16|uint32(binary.BigEndian.Uint16(head[1:3])))
		if _, err := io.ReadFull(p, body); err != nil {
			return answered, told
		}
		switch head[3] {
		case framePing:
			answered++
		case frameGoAway:
			told = string(body)
		}
	}
}

// A client that pings more often than every MinPing is told so and hung up on, and
// one that pings as often as that is not.
func TestRealTooManyPings(t *testing.T) {
	sc, _ := ByName(edges(), "healthy")
	l := up(t, sc)
	slow := newPinger(t, l.settings.Addresses[serviceInventory].Serves)
	const n = 4 // grpc-go forgives two
	go slow.ping(n, sc.World.MinPing+500*time.Millisecond)
	for _, name := range []string{serviceOrder, serviceInventory, servicePayment, serviceWarehouse} {
		fast := newPinger(t, l.settings.Addresses[name].Serves)
		go fast.ping(20, pollEvery)
		if _, told := fast.hear(); !strings.HasSuffix(told, "too_many_pings") {
			t.Errorf("%s hung up with %q, want too_many_pings", name, told)
		}
	}
	if answered, told := slow.hear(); answered != n || told != "" {
		t.Errorf("%d pings of %d answered, then %q", answered, n, told)
	}
}
