//go:build real

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tripcurve/internal/pgtest"
)

// cutProxy stands between a collector and its server. It can be cut, so that
// connections are reset, or be a hole, in which nothing arrives.
type cutProxy struct {
	listener net.Listener
	backend  string

	mu     sync.Mutex
	mode   string // "", "cut", "hole"
	flows  []net.Conn
	healed time.Time // of the last heal
	tries  int       // connections since
	first  time.Time // of them
}

func newCutProxy(t *testing.T, backend string) *cutProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &cutProxy{listener: l, backend: backend}
	t.Cleanup(func() { _ = l.Close(); p.set("cut") })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.accept(c.(*net.TCPConn))
		}
	}()
	return p
}

func (p *cutProxy) accept(c *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tries++; p.tries == 1 {
		p.first = time.Now()
	}
	if p.mode == "cut" {
		_ = c.SetLinger(0)
		_ = c.Close()
		return
	}
	s, err := net.Dial("tcp", p.backend)
	if err != nil {
		_ = c.SetLinger(0)
		_ = c.Close()
		return
	}
	p.flows = append(p.flows, c, s)
	born := p.mode
	for _, way := range [][2]net.Conn{{c, s}, {s, c}} {
		go func() {
			buf := make([]byte, 32<<10)
			for {
				n, err := way[0].Read(buf)
				p.mu.Lock()
				passes := p.mode == "" && born == ""
				if p.mode != "" {
					born = p.mode // lost for good
				}
				p.mu.Unlock()
				if err != nil {
					_ = way[1].Close()
					return
				}
				if passes {
					if _, err := way[1].Write(buf[:n]); err != nil {
						_ = way[0].Close()
						return
					}
				}
			}
		}()
	}
}

// set changes what it does; "" heals.
func (p *cutProxy) set(mode string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	switch mode {
	case "cut":
		for _, c := range p.flows {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
		p.flows = nil
	case "":
		p.healed, p.tries, p.first = time.Now(), 0, time.Time{}
	}
}

// TestRealSourcesFailAlone cuts the network of one source, lets it vanish in a hole,
// and restarts the server of two, beside sources that are well and one that never is.
func TestRealSourcesFailAlone(t *testing.T) {
	const every = 200 * time.Millisecond
	pg := pgtest.Start(t)
	pages := newCountedPages(t, 0)
	proxy := newCutProxy(t, fmt.Sprintf("127.0.0.1:%d", pg.Port))
	dsn := func(port string) string {
		return "host=127.0.0.1 port=" + port + " user=postgres dbname=postgres sslmode=disable"
	}
	_, port, err := net.SplitHostPort(proxy.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "access.log")
	stop := make(chan struct{})
	writing := sync.WaitGroup{}
	writing.Go(func() {
		f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				fmt.Fprintf(f, tortureLine, time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700"))
			}
		}
	})
	defer writing.Wait()
	defer close(stop)
	waitFor(t, "the log", 10*time.Second, func() bool { return lines(log) > 0 })
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(pgtest.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startRecorder(t, filepath.Join(t.TempDir(), "night.incident"), fmt.Sprintf(`
  postgres:
    - {name: direct, every: 200ms, dsn: %q, password: "file:%s"}
    - {name: through, every: 200ms, dsn: %q, password: {command: [cat, %q]}}
  gateway_logs: [{name: edge, path: %q}]
  metrics:
    - {name: steady, every: 200ms, url: %q}
    - {name: never, every: 200ms, url: "http://127.0.0.1:1/metrics"}
`, dsn(strconv.Itoa(pg.Port)), password, dsn(port), password, log, pages.url("steady")), nil)
	at := 0
	for _, ok := range []string{"direct ok", "through ok", "steady ok", "never down since"} {
		r.wait(0, ok, 20*time.Second)
	}

	recovered := func(t *testing.T, what, sign string) {
		t.Helper()
		at = r.wait(at, sign, 60*time.Second)
		ok := time.Now()
		proxy.mu.Lock()
		defer proxy.mu.Unlock()
		t.Logf("%s: ok %s after it was healed, %s after the first connection that could work; %d connections", what,
			ok.Sub(proxy.healed).Round(time.Millisecond), ok.Sub(proxy.first).Round(time.Millisecond), proxy.tries)
		// Its two connections and one more, and twice its interval with a busy machine's second.
		if proxy.tries > 3 || ok.Sub(proxy.first) > 2*every+time.Second {
			t.Errorf("%s: recovered %s after the connection that could work, with %d of them; want 2 intervals", what, ok.Sub(proxy.first), proxy.tries)
		}
	}
	t.Run("network cut", func(t *testing.T) {
		at = len(r.said())
		proxy.set("cut")
		at = r.wait(at, "through down since", 10*time.Second)
		waitFor(t, "some tries", 20*time.Second, func() bool {
			proxy.mu.Lock()
			defer proxy.mu.Unlock()
			return proxy.tries > 3
		})
		proxy.set("")
		recovered(t, "cut", "through ok")
	})
	t.Run("black hole", func(t *testing.T) {
		at = len(r.said())
		proxy.set("hole")
		at = r.wait(at, "through down since", 40*time.Second)
		proxy.set("")
		recovered(t, "hole", "through ok")
	})
	t.Run("server restarted", func(t *testing.T) {
		at = len(r.said())
		pg.Stop()
		r.wait(at, "direct down since", 10*time.Second)
		down := r.wait(at, "through down since", 10*time.Second)
		pg.Resume(t)
		proxy.set("")
		r.wait(at, "direct ok", 30*time.Second)
		at = down
		recovered(t, "restart", "through ok")
	})
	if code := r.end(); code != exitFine {
		t.Errorf("exit code %d:\n%s", code, r.said())
	}
	ended := time.Now()

	said := r.said()
	for _, other := range []string{"steady down", "steady degraded", "edge down", "never ok"} {
		if strings.Contains(said, other) {
			t.Errorf("%s: one source's failure touched another:\n%s", other, said)
		}
	}
	if strings.Contains(said, pgtest.Password) {
		t.Error("the password is on the screen")
	}
	v := sound(t, r.path)
	if lost, of := missing(pages, "steady", v, ended.Add(-time.Second)); lost > 0 {
		t.Errorf("%d of %d pages of the steady source are lost", lost, of)
	}
	gaps := map[string]int{}
	for _, g := range v.Gaps("postgres") {
		if g.Text != "" && !strings.HasPrefix(g.Text, "no sample for") {
			gaps[g.Origin.Name]++
		}
		if g.Open {
			t.Errorf("the gap %+v is open", g)
		}
	}
	for _, g := range v.Gaps("grpc") {
		gaps[g.Origin.Name]++
	}
	for _, g := range v.Gaps("gateway") {
		gaps[g.Origin.Name]++
	}
	want := map[string]int{"direct": 1, "through": 3, "never": 1}
	if fmt.Sprint(gaps) != fmt.Sprint(want) {
		t.Errorf("gaps %v, want %v", gaps, want)
	}
}
