//go:build real

package gatewaylog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// gatewayTimeout is what the gateways wait for an answer.
const gatewayTimeout = 3 * time.Second

// backends stand behind a gateway: one answers, one hangs, one refuses.
type backends struct{ ok, hang, refused string }

func startBackends(t *testing.T) backends {
	t.Helper()
	done := make(chan struct{})
	ok := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/missing") {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, "fine\n")
	}))
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(done); hang.Close(); ok.Close() })
	return backends{ok.Listener.Addr().String(), hang.Listener.Addr().String(), boundPort(t)}
}

// boundPort is an address that refuses connections, and that nobody else gets: a
// socket is bound to it and does not listen.
func boundPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", addr.(*syscall.SockaddrInet4).Port)
}

// freePort is an address to listen on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// installed finds a server that Debian puts where only root looks.
func installed(t *testing.T, name, debian string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if path := "/usr/sbin/" + name; exec.Command(path, "-v").Run() == nil {
		return path
	}
	t.Fatalf("no %s; on Debian: make deps, or apt-get install %s", name, debian)
	return ""
}

// startServer runs a gateway in the foreground until the test or stop ends it,
// and waits for its port.
func startServer(t *testing.T, addr string, stop syscall.Signal, out io.Writer, command string, args ...string) (end func()) {
	t.Helper()
	var talk bytes.Buffer
	p := exec.Command(command, args...)
	p.Stdout, p.Stderr = out, &talk
	if out == nil {
		p.Stdout = &talk
	}
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = p.Wait(); close(exited) }()
	var once sync.Once
	end = func() {
		once.Do(func() {
			_ = p.Process.Signal(stop)
			select {
			case <-exited:
			case <-time.After(10 * time.Second):
				_ = p.Process.Kill()
				<-exited
			}
			if t.Failed() {
				t.Logf("%s: %s", command, talk.String())
			}
		})
	}
	t.Cleanup(end)
	for late := time.After(20 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return end
		}
		select {
		case <-exited:
			t.Fatalf("%s ended: %s", command, talk.String())
		case <-late:
			t.Fatalf("%s does not listen on %s: %v", command, addr, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// seen is one request as its client saw it.
type seen struct {
	path       string
	start, end time.Time
	status     int // 0 when the client gave up
}

// ask sends the requests at once. A path that begins with /abort gives up after
// 300 ms.
func ask(t *testing.T, addr string, paths []string) []seen {
	t.Helper()
	all := make([]seen, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() {
			patience := 20 * time.Second
			if strings.HasPrefix(path, "/abort") {
				patience = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			s := seen{path: path, start: time.Now()}
			resp, err := client.Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				s.status = resp.StatusCode
			}
			s.end = time.Now()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", path, err)
			}
			all[i] = s
		})
	}
	wg.Wait()
	return all
}

// wantRecord is how a request must read in one log.
type wantRecord struct {
	status  int // -1: as the client saw it; -2: whatever the server calls it
	outcome incident.Outcome
	tries   int // 0: not looked at
}

// holds compares a log with what the clients saw: every request is there once,
// with its start, its end, its status, its outcome and its endpoint.
func holds(t *testing.T, name, path string, opt Options, requests []seen, want func(path string) wantRecord) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opt.Name = name
	opt.Routes = []string{"/api/orders/:id", "/hang/:id", "/abort/:id", "/refused/:id", "/retry/:id", "/limited/:id", "/api/missing/:id", "/down/:id", "/queue/:id"}
	ev := incident.NewEvidence()
	s := gather(t, ev, path, opt)
	if s.Parsed != int64(len(requests)) {
		t.Fatalf("%s: %d of %d requests; %s; first bad: %s\n%s", name, s.Parsed, len(requests), s.Detection.Reason, s.FirstBad, text)
	}
	t.Logf("%s: %s", name, s.Detection.Reason)
	d := NewDecoder(s.Detection.Format)
	inner, _ := unwrapped(bytes.Split(bytes.TrimSpace(text), []byte("\n")))
	found := map[string]bool{}
	endpoints := map[string]int64{}
	for _, line := range inner {
		var r Record
		if d.Decode(line, &r) != nil {
			continue // a server's other words
		}
		var q *seen
		for i := range requests {
			if requests[i].path == string(r.Path) {
				q = &requests[i]
			}
		}
		if q == nil || found[q.path] {
			t.Fatalf("%s: nobody asked for %q, or twice: %s", name, r.Path, line)
		}
		found[q.path] = true
		w := want(q.path)
		switch w.status {
		case -1:
			w.status = q.status
		case -2:
			w.status = r.Status
		}
		if r.Status != w.status || r.Outcome != w.outcome || w.tries > 0 && r.Tries != w.tries {
			t.Errorf("%s: %s: status %d, %v, %d tries; want %d, %v, %d: %s", name, q.path, r.Status, r.Outcome, r.Tries, w.status, w.outcome, w.tries, line)
		}
		// A stamp is cut, not rounded, to its resolution; the machine may be slow.
		early, late := r.Resolution+100*time.Millisecond, time.Second
		for _, end := range []struct {
			what string
			got  Instant
			was  time.Time
		}{{"start", r.Start, q.start}, {"end", r.End, q.end}} {
			if !end.got.Known() {
				if r.Took >= 0 || end.what == s.Detection.Format.Means() {
					t.Errorf("%s: %s: no %s: %s", name, q.path, end.what, line)
				}
				continue
			}
			if off := end.got.Time().Sub(end.was); off < -early || off > late {
				t.Errorf("%s: %s: %s is %v off: %s", name, q.path, end.what, off, line)
			}
		}
		endpoints[strings.Replace(string(r.Path), filepath.Base(string(r.Path)), ":id", 1)]++
	}
	got := map[string]int64{}
	for _, b := range ev.Snapshot().Buckets() {
		got[b.Endpoint.Route] += max(b.Ended, 0)
		if !s.Detection.Format.Timed() && s.Detection.Format.Means() == "start" {
			got[b.Endpoint.Route] += b.Started
		}
	}
	for route, n := range endpoints {
		if got[route] != n {
			t.Errorf("%s: endpoint %s has %d requests, want %d", name, route, got[route], n)
		}
	}
}

func numbered(prefixes ...string) []string {
	var all []string
	for i, p := range prefixes {
		all = append(all, fmt.Sprintf("%s/ord_%06x", p, 0xa1b2c0+i))
	}
	return all
}

// TestRealNginxAccessLogs has Debian's nginx write five formats at once while a
// backend hangs, another refuses, a client gives up and a limit is reached.
func TestRealNginxAccessLogs(t *testing.T) {
	b, dir, addr := startBackends(t), t.TempDir(), freePort(t)
	logFormats := map[string]string{
		"timed": pastedLayout,
		"json": `log_format json escape=json '{"time":"$time_iso8601","method":"$request_method","uri":"$request_uri","status":$status,"request_time":$request_time,'
		  '"upstream_response_time":"$upstream_response_time","upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","ua":"$http_user_agent"}';`,
		"exact": `log_format exact '$msec|$request_method|$request_uri|$status|$request_time|$upstream_connect_time|$upstream_addr|$upstream_status';`,
		"tail":  `log_format tail '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time';`,
	}
	text := "daemon off; master_process off; pid " + dir + "/pid; error_log stderr notice; events {}\nhttp {\n"
	for _, temp := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += temp + "_temp_path " + dir + "/" + temp + ";\n"
	}
	text += "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;\n"
	for _, f := range logFormats {
		text += f + "\n"
	}
	text += "server { listen " + addr + "; access_log " + dir + "/combined.log;\n"
	for name := range logFormats {
		text += "access_log " + dir + "/" + name + ".log " + name + ";\n"
	}
	text += fmt.Sprintf(`proxy_read_timeout %ds; proxy_next_upstream error timeout;
location /api { proxy_pass http://%s; }
location /hang { proxy_pass http://%s; }
location /abort { proxy_pass http://%s; }
location /refused { proxy_pass http://%s; }
location /retry { proxy_pass http://retry; }
location /limited { limit_req zone=one; proxy_pass http://%s; }
}
upstream retry { server %s max_fails=0; server %s backup; }
}
`, int(gatewayTimeout.Seconds()), b.ok, b.hang, b.hang, b.refused, b.ok, b.refused, b.ok)
	config := write(t, "nginx.conf", []byte(text))
	end := startServer(t, addr, syscall.SIGQUIT, nil, installed(t, "nginx", "nginx"), "-c", config, "-p", dir)
	requests := ask(t, addr, numbered("/api/orders", "/api/orders", "/api/missing", "/hang", "/hang", "/abort", "/refused", "/retry", "/limited"))
	requests = append(requests, ask(t, addr, []string{"/limited/ord_9c4d1e"})...)
	end()

	// want says what the log can know: whether it names upstreams, and times connecting.
	want := func(upstreams, connects bool) func(string) wantRecord {
		return func(path string) wantRecord {
			w := wantRecord{status: -1}
			switch {
			case path == "/limited/ord_9c4d1e":
				w = wantRecord{503, incident.Overload, 0}
				if !upstreams {
					w.outcome = incident.ServerError
				}
			case strings.HasPrefix(path, "/api/missing"):
				w.outcome = incident.ClientError
			case strings.HasPrefix(path, "/hang"):
				w = wantRecord{504, incident.UpstreamTimeout, 0}
			case strings.HasPrefix(path, "/abort"):
				w = wantRecord{499, incident.ClientAbort, 0}
			case strings.HasPrefix(path, "/refused"):
				w = wantRecord{502, incident.UpstreamReset, 0}
				if connects {
					w.outcome = incident.UpstreamConnect
				}
			case strings.HasPrefix(path, "/retry") && upstreams:
				w.tries = 2
			}
			return w
		}
	}
	holds(t, "combined, detected", dir+"/combined.log", Options{}, requests, want(false, false))
	holds(t, "timed, detected", dir+"/timed.log", Options{}, requests, want(true, false))
	holds(t, "timed, pasted", dir+"/timed.log", Options{Format: mustFormat(t, logFormats["timed"])}, requests, want(true, false))
	holds(t, "JSON, detected", dir+"/json.log", Options{}, requests, func(path string) wantRecord {
		w := want(true, false)(path)
		if path == "/limited/ord_9c4d1e" { // of a gateway that nobody named, a 503 of its own
			w.outcome = incident.LocalReply
		}
		return w
	})
	holds(t, "JSON, pasted", dir+"/json.log", Options{Format: mustFormat(t, logFormats["json"])}, requests, want(true, false))
	holds(t, "milliseconds, pasted", dir+"/exact.log", Options{Format: mustFormat(t, logFormats["exact"])}, requests, want(true, true))
	holds(t, "request time, detected", dir+"/tail.log", Options{}, requests, want(false, false))
}

// datagrams writes what a gateway sends by syslog to a file, a message a line.
func datagrams(t *testing.T, path string) (addr string, count func() int) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			m, _, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			mu.Lock()
			if _, err := f.Write(append(bytes.TrimRight(buf[:m], "\n\x00"), '\n')); err != nil {
				t.Error(err)
			}
			n++
			mu.Unlock()
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done; _ = f.Close() })
	return c.LocalAddr().String(), func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// TestRealHAProxyLogs has Debian's HAProxy write httplog, httpslog with captured
// headers and tcplog, bare, by syslog of both kinds.
func TestRealHAProxyLogs(t *testing.T) {
	b, dir := startBackends(t), t.TempDir()
	plain, captured, custom, tcp := freePort(t), freePort(t), freePort(t), freePort(t)
	old, count := datagrams(t, dir+"/rfc3164.log")
	modern, countModern := datagrams(t, dir+"/rfc5424.log")
	own, countOwn := datagrams(t, dir+"/own.log")
	tcpLog, countTCP := datagrams(t, dir+"/tcp.log")
	const ownFormat = `log-format "%Ts.%ms|%HM %HU|%ST|%Ta|%Tr|%b/%s|%tsc|%sq/%bq %hr %hs x=%[var(txn.x)]"`
	text := fmt.Sprintf(`
defaults
  timeout connect 1s
  timeout client 20s
  timeout server %ds
  timeout queue 1s
  retries 0
  option abortonclose
  option dontlognull
frontend plain
  mode http
  bind %s
  log stdout format raw local0
  log %s format rfc3164 local0
  option httplog
  use_backend be_ok if { path_beg /api }
  use_backend be_hang if { path_beg /hang } or { path_beg /abort }
  use_backend be_queue if { path_beg /queue }
  use_backend be_down if { path_beg /down }
  default_backend be_refused
frontend captured
  mode http
  bind %s
  log %s format rfc5424 local0
  option httpslog
  capture request header Host len 64
  capture request header User-Agent len 64
  use_backend be_ok if { path_beg /api }
  use_backend be_hang if { path_beg /hang } or { path_beg /abort }
  use_backend be_queue if { path_beg /queue }
  use_backend be_down if { path_beg /down }
  default_backend be_refused
frontend custom
  mode http
  bind %s
  log %s format rfc3164 local0
  capture request header Host len 64
  %s
  use_backend be_ok if { path_beg /api }
  use_backend be_hang if { path_beg /hang }
  use_backend be_down if { path_beg /down }
  default_backend be_refused
frontend tcp
  mode tcp
  bind %s
  log %s format rfc3164 local0
  option tcplog
  default_backend be_tcp
backend be_ok
  mode http
  server s1 %s
backend be_hang
  mode http
  server s1 %s
backend be_queue
  mode http
  server s1 %s maxconn 1
backend be_down
  mode http
  server s1 %s disabled
backend be_refused
  mode http
  server s1 %s
backend be_tcp
  mode tcp
  server s1 %s
`, int(gatewayTimeout.Seconds()), plain, old, captured, modern, custom, own, ownFormat, tcp, tcpLog, b.ok, b.hang, b.hang, b.ok, b.refused, b.ok)
	config := write(t, "haproxy.cfg", []byte(text))
	raw, err := os.Create(dir + "/raw.log")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	end := startServer(t, plain, syscall.SIGUSR1, raw, installed(t, "haproxy", "haproxy"), "-f", config, "-db")
	paths := numbered("/api/orders", "/api/missing", "/hang", "/abort", "/refused", "/down")
	queue := []string{"/queue/ord_000001", "/queue/ord_000002"}
	requests := ask(t, plain, append(append([]string(nil), paths...), queue...))
	ask2 := ask(t, captured, append(append([]string(nil), paths...), queue...))
	ask3 := ask(t, custom, numbered("/api/orders", "/api/missing", "/hang", "/refused", "/down"))
	began := time.Now()
	for range 3 {
		c, err := net.Dial("tcp", tcp)
		if err == nil {
			_, err = c.Write([]byte("GET /api/x HTTP/1.0\r\n\r\n"))
		}
		if err == nil {
			_, err = io.Copy(io.Discard, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	end()
	took := time.Since(began)
	for late := time.Now().Add(10 * time.Second); (count() < len(requests) || countModern() < len(ask2) || countOwn() < len(ask3) || countTCP() < 3) && time.Now().Before(late); {
		<-time.After(10 * time.Millisecond)
	}
	first, second := outcomesOfHAProxy(requests), outcomesOfHAProxy(ask2)
	holds(t, "httplog, bare, detected", dir+"/raw.log", Options{}, requests, first)
	holds(t, "httplog by syslog, detected", dir+"/rfc3164.log", Options{}, requests, first)
	holds(t, "httplog by syslog, named", dir+"/rfc3164.log", Options{Format: mustFormat(t, "haproxy_httplog")}, requests, first)
	holds(t, "httpslog with captures by syslog of 2009, detected", dir+"/rfc5424.log", Options{}, ask2, second)
	holds(t, "a log-format of our own, pasted", dir+"/own.log", Options{Format: mustFormat(t, ownFormat)}, ask3, outcomesOfHAProxy(ask3))

	ev := incident.NewEvidence()
	s := gather(t, ev, dir+"/tcp.log", Options{Name: "tcp"})
	if s.Parsed != 3 || s.Detection.Format.Name != "haproxy_tcplog" || s.First.Time().Before(began.Add(-time.Second)) || s.Last.Time().After(began.Add(took+time.Second)) {
		t.Errorf("tcplog: %d sessions, %s, %v to %v", s.Parsed, s.Detection.Reason, s.First.Time(), s.Last.Time())
	}
}

// outcomesOfHAProxy is what became of requests; one of two in the queue was served.
func outcomesOfHAProxy(requests []seen) func(path string) wantRecord {
	status := map[string]int{}
	for _, q := range requests {
		status[q.path] = q.status
	}
	return func(path string) wantRecord {
		w := wantRecord{status: -1}
		switch {
		case strings.HasPrefix(path, "/api/missing"):
			w.outcome = incident.ClientError
		case strings.HasPrefix(path, "/hang"), strings.HasPrefix(path, "/queue") && status[path] == 504:
			w = wantRecord{504, incident.UpstreamTimeout, 0}
		case strings.HasPrefix(path, "/queue"): // the second one: somebody was served
			w = wantRecord{503, incident.Overload, 0}
		case strings.HasPrefix(path, "/abort"):
			w = wantRecord{-2, incident.ClientAbort, 0} // 400 in HAProxy 2.6
		case strings.HasPrefix(path, "/refused"):
			w = wantRecord{503, incident.UpstreamConnect, 0}
		case strings.HasPrefix(path, "/down"):
			w = wantRecord{503, incident.NoHealthy, 0}
		}
		return w
	}
}

// TestRealApacheAccessLogs has Debian's Apache write four formats at once as a proxy.
func TestRealApacheAccessLogs(t *testing.T) {
	b, dir, addr := startBackends(t), t.TempDir(), freePort(t)
	formats := map[string]string{
		"us":     `LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D" us`,
		"vhost":  `LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost`,
		"pieces": `LogFormat "[%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t] %m %U%q %>s %{ms}T %X" pieces`,
		"end":    `LogFormat "%{end:usec}t \"%r\" %>s %{us}T" end`,
	}
	text := "ServerRoot " + dir + "\nServerName shop.example.com\nPidFile " + dir + "/pid\nDefaultRuntimeDir " + dir + "\nMutex pthread\nErrorLog " + dir + "/error.log\nListen " + addr + "\n"
	if os.Getuid() == 0 {
		text += "User www-data\nGroup www-data\n"
	}
	for _, m := range []string{"mpm_event", "authz_core", "proxy", "proxy_http"} {
		text += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	for name, f := range formats {
		text += f + "\nCustomLog " + dir + "/" + name + ".log " + name + "\n"
	}
	text += "CustomLog " + dir + "/common.log \"%h %l %u %t \\\"%r\\\" %>s %b\"\n"
	text += fmt.Sprintf("ProxyTimeout %d\nProxyPass /api http://%s/api\nProxyPass /hang http://%s/hang\nProxyPass /abort http://%s/abort\nProxyPass /refused http://%s/refused\n",
		int(gatewayTimeout.Seconds()), b.ok, b.hang, b.hang, b.refused)
	config := write(t, "httpd.conf", []byte(text))
	end := startServer(t, addr, syscall.SIGWINCH, nil, installed(t, "apache2", "apache2-bin"), "-f", config, "-DFOREGROUND")
	requests := ask(t, addr, numbered("/api/orders", "/api/orders", "/api/missing", "/hang", "/hang", "/refused"))
	end()
	// Apache answers a proxy's timeout with 502 or 504, by version.
	want := func(path string) wantRecord {
		w := wantRecord{status: -1}
		switch {
		case strings.HasPrefix(path, "/api/missing"):
			w.outcome = incident.ClientError
		case strings.HasPrefix(path, "/hang"):
			w.outcome = incident.UpstreamTimeout
		case strings.HasPrefix(path, "/refused"):
			w = wantRecord{503, incident.ServerError, 0}
		}
		return w
	}
	holds(t, "combined with %D, detected", dir+"/us.log", Options{}, requests, want)
	holds(t, "combined with %D, pasted", dir+"/us.log", Options{Format: mustFormat(t, formats["us"])}, requests, want)
	holds(t, "a time in pieces, pasted", dir+"/pieces.log", Options{Format: mustFormat(t, formats["pieces"])}, requests, want)
	holds(t, "the end in microseconds, pasted", dir+"/end.log", Options{Format: mustFormat(t, formats["end"])}, requests, want)
	untimed := func(path string) wantRecord {
		w := want(path)
		if strings.HasPrefix(path, "/hang") { // without a duration a 502 says little
			for _, q := range requests {
				if q.path == path && q.status == 502 {
					w.outcome = incident.UpstreamReset
				}
			}
		}
		return w
	}
	holds(t, "vhost_combined, detected", dir+"/vhost.log", Options{}, requests, untimed)
	holds(t, "common, detected", dir+"/common.log", Options{}, requests, untimed)
}
