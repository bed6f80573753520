package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PgBouncer starts a pooler in transaction mode before the server and returns the
// superuser's URL through it. It has one server connection for all its clients,
// and settings such as "ignore_startup_parameters=jit". A machine without PgBouncer
// fails the test and is told what to install.
func (s *Server) PgBouncer(t testing.TB, settings ...string) (dsn string) {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bin = "/usr/sbin/pgbouncer"; !exists(bin) {
			t.Fatal("no pgbouncer: install the package pgbouncer (Debian: apt-get install pgbouncer; scripts/deps does)")
		}
	}
	dir, err := os.MkdirTemp(s.dir, "pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	users := filepath.Join(dir, "users")
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
postgres = host=127.0.0.1 port=%d dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 1
%s
`, s.Port, port, users, strings.Join(settings, "\n"))
	for name, content := range map[string]string{users: `"postgres" "` + Password + "\"\n", config: text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s.cred != nil { // it does not run as root either
		for _, name := range []string{dir, users, config} {
			if err := os.Chown(name, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd, up := s.command(bin, config), false
	c := startChild(t, "pgbouncer", cmd, func(line string, ready chan<- struct{}, _ <-chan struct{}) {
		if !up && strings.Contains(line, "process up") {
			up = true
			close(ready)
		}
	})
	t.Cleanup(c.stop)
	return strings.Replace(s.DSN(), fmt.Sprintf(":%d/", s.Port), fmt.Sprintf(":%d/", port), 1)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
