// Package pgtest starts a private PostgreSQL for a test: a cluster of its own in
// a temporary folder, on a random loopback port, gone with the test.
package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Password of the superuser postgres over TCP.
const Password = "pgtest-S3cr3t"

// Server is one running cluster. Connections over TCP need the password.
type Server struct {
	Port int
	dir  string
	bin  string
	args []string
	cred *syscall.Credential

	databases atomic.Int32 // made by Database

	process *child
}

// startTimeout is far beyond what initdb and a start take on a busy machine
// (1.5 s and 0.2 s on two idle cores).
const startTimeout = 90 * time.Second

// Start makes a cluster with settings such as "max_connections=20" and starts
// it. A machine without PostgreSQL fails the test and is told what to install.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{bin: binaries(t), cred: unprivileged(t)}
	dir, err := os.MkdirTemp("", "pgtest-") // not t.TempDir, whose parents only its user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the test's cluster: %v", err)
		}
	})
	s.dir = dir
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(Password), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.cred != nil {
		for _, p := range []string{dir, password} {
			if err := os.Chown(p, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	initdb := s.command("initdb", "--pgdata="+s.data(), "--username=postgres", "--pwfile="+password,
		"--auth-local=trust", "--auth-host=scram-sha-256", "--no-locale", "--encoding=UTF8", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Port = freePort(t)
	s.args = []string{
		"-D", s.data(), "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(s.Port),
		"-c", "unix_socket_directories=" + dir, "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "lc_messages=C",
	}
	for _, set := range settings {
		s.args = append(s.args, "-c", set)
	}
	s.Resume(t)
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.bin, name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return cmd
}

// Resume starts a stopped server again, on the same port and data.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	up := false
	s.process = startChild(t, "postgres", s.command("postgres", s.args...), func(line string, ready chan<- struct{}, exited <-chan struct{}) {
		switch {
		case up:
		case strings.Contains(line, "ready to accept connections"):
			up = true
			close(ready)
		case strings.Contains(line, "redirecting log output to logging collector"):
			up = true // the rest goes to files
			go s.awaitPIDFile(ready, exited)
		}
	})
}

// awaitPIDFile closes ready when the server has written to its pid file that it
// is.
func (s *Server) awaitPIDFile(ready chan<- struct{}, exited <-chan struct{}) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-exited:
			return
		case <-look.C:
			if b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid")); err == nil && strings.HasSuffix(strings.TrimSpace(string(b)), "ready") {
				close(ready)
				return
			}
		}
	}
}

// Log is a file of the server's log: with logging_collector=on and
// log_filename=server.log the names server.log, server.csv and server.json.
func (s *Server) Log(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.data(), "log", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Stop shuts the server down at once, as an administrator's fast shutdown does:
// clients get SQLSTATE 57P01. It returns when the server has gone.
func (s *Server) Stop() { s.process.stop() }

// DSN is a URL of the superuser over TCP.
func (s *Server) DSN() string { return s.DSNOf("postgres", Password) }

// LocalDSN is the superuser's over the Unix socket, without a password: a thousand
// connections are there in a moment.
func (s *Server) LocalDSN() string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", s.dir, s.Port)
}

// DSNOf is a URL of another user over TCP.
func (s *Server) DSNOf(name, password string) string { return s.dsn(name, password, "postgres") }

func (s *Server) dsn(name, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(name, password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes a database of its own and returns the superuser's URL of it.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	s.Exec(t, "CREATE DATABASE "+name)
	return s.dsn("postgres", Password, name)
}

// Connect opens a connection as the superuser that lives as long as the test.
func (s *Server) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn := s.dial(t)
	t.Cleanup(func() { hangUp(conn) })
	return conn
}

// Exec runs statements one by one on a connection of its own.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	conn := s.dial(t)
	defer hangUp(conn)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func (s *Server) dial(t testing.TB) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the test may have stopped the server
}

// binaries is the folder of initdb and postgres: of PATH, else the newest of the
// distribution's.
func binaries(t testing.TB) string {
	t.Helper()
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			p = real
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(p), "initdb")); err == nil {
			return filepath.Dir(p)
		}
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql*/bin/initdb"} {
		m, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, m...)
	}
	if len(found) == 0 {
		t.Fatal("no initdb and postgres in PATH or the distribution's folder: install the package postgresql (Debian: apt-get install postgresql)")
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }))
}

// version is the number in a path such as /usr/lib/postgresql/15/bin/initdb.
func version(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0]) // digits only
	return n
}

// unprivileged is who the server runs as, for PostgreSQL refuses to run as root;
// nil keeps the test's own user.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
	return nil
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal(fmt.Errorf("listener address %v", l.Addr()))
	}
	return addr.Port
}
