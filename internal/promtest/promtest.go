// Package promtest starts a private Prometheus for a test: on a loopback port,
// with a storage of its own, gone with the test.
package promtest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is one Prometheus that scrapes every second, native histograms as well.
type Server struct {
	URL     string
	t       testing.TB
	dir     string
	args    []string
	process *exec.Cmd // nil while it is stopped
}

// startTimeout is far beyond the second that a start takes.
const startTimeout = 60 * time.Second

// Start starts one that scrapes targets ("127.0.0.1:8080") as the job. A machine
// without Prometheus fails the test and is told what to install.
func Start(t testing.TB, job string, targets ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("prometheus"); err != nil {
		t.Fatal("no prometheus on PATH; on Debian: make deps")
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := lis.Addr().String()
	_ = lis.Close()
	s := &Server{URL: "http://" + addr, t: t, dir: t.TempDir()}
	config := filepath.Join(s.dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: %q\n  static_configs: [{targets: [\"%s\"]}]\n", job, strings.Join(targets, `", "`))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{
		"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(s.dir, "data"),
		"--web.listen-address=" + addr, "--log.level=warn", "--enable-feature=native-histograms",
	}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts a server that was stopped, on its old storage.
func (s *Server) Start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	p := exec.Command("prometheus", s.args...)
	p.Stdout, p.Stderr = log, log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.process = p
	for end := time.Now().Add(startTimeout); ; {
		resp, err := http.Get(s.URL + "/-/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			s.t.Fatalf("prometheus is not ready after %s: %v\n%s", startTimeout, err, s.log())
		}
		<-time.After(50 * time.Millisecond)
	}
}

// Stop ends it as an operator would; a stopped one stays so.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGTERM)
	_ = s.process.Wait() // whose error is the signal
	s.process = nil
	if s.t.Failed() {
		s.t.Logf("prometheus: %s", s.log())
	}
}

func (s *Server) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(b)
}
