package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/services/host"
)

const (
	// initTimeout and startTimeout are far beyond what initdb and a start take on
	// a busy machine (1.5 s and 0.2 s on two idle cores).
	initTimeout  = 90 * time.Second
	startTimeout = 60 * time.Second
	// dialTimeout bounds every connect of the lab's own.
	dialTimeout = 5 * time.Second
)

// The roles of the cluster.
const (
	superuser    = "postgres"
	roleShop     = "shop"     // the services
	roleMigrator = "migrator" // who breaks things
	roleMonitor  = "monitor"  // who watches: pg_monitor and nothing else
)

// The databases.
const (
	dbInventory = "inventory"
	dbOrders    = "orders"
	dbPayments  = "payments"
	dbShipments = "shipments"
)

// cluster is the private Postgres: on loopback alone, without a Unix socket, with
// a password that is drawn for each lab.
type cluster struct {
	Port     int
	Password string // of every role
}

// dsn is a URL of a role over TCP.
func (c cluster) dsn(role, database, application string) string {
	q := url.Values{"sslmode": {"disable"}}
	if application != "" {
		q.Set("application_name", application)
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, c.Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)), Path: "/" + database, RawQuery: q.Encode(),
	}
	return u.String()
}

// connect opens one session.
func (c cluster) connect(ctx context.Context, role, database, application string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn(role, database, application))
	if err != nil {
		return nil, c.scrub(err)
	}
	return conn, nil
}

// scrub keeps the password out of an error's text.
func (c cluster) scrub(err error) error {
	if c.Password != "" && strings.Contains(err.Error(), c.Password) {
		return errors.New(strings.ReplaceAll(err.Error(), c.Password, "***"))
	}
	return err
}

// makeCluster runs initdb in the state folder.
func (l *Lab) makeCluster(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	if err := l.entered(ctx); err != nil {
		return err
	}
	l.settings.Cluster.Password = host.Rand(host.CryptoRand).ID("") + host.Rand(host.CryptoRand).ID("")
	password := l.state.file("password")
	if err := os.WriteFile(password, []byte(l.settings.Cluster.Password), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(password) }()
	if err := os.Mkdir(l.state.data(), 0o700); err != nil {
		return err
	}
	if l.user != nil {
		for _, p := range []string{l.state.data(), password} {
			if err := os.Chown(p, int(l.user.Uid), int(l.user.Gid)); err != nil {
				return err
			}
		}
	}
	initdb := l.program(ctx, "initdb", "--pgdata="+l.state.data(), "--username="+superuser, "--pwfile="+password,
		"--auth=scram-sha-256", "--no-locale", "--encoding=UTF8", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("initdb: %w\n%s", err, lastLines(string(out), 5))
	}
	return nil
}

// entered says whether the user that Postgres runs as can enter the folder.
func (l *Lab) entered(ctx context.Context) error {
	if l.user == nil {
		return nil
	}
	err := l.program(ctx, "postgres", "--version").Run()
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w %s: PostgreSQL does not run as root, and the user that it runs as may not enter it; name one that all may enter, such as one in %s", ErrFolder, l.state.dir, os.TempDir())
	}
	return err
}

// program is one of Postgres's own, as the user that may run it.
func (l *Lab) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(l.postgres.bin, name), args...)
	cmd.Dir = l.state.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", l.state.mark()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: l.user, Setsid: true}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// startCluster starts the server and waits until it answers.
func (l *Lab) startCluster(ctx context.Context) error {
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		l.settings.Cluster.Port = port
		err = l.startPostgres(ctx)
		if err == nil || try == 3 || ctx.Err() != nil || !strings.Contains(err.Error(), "could not bind") {
			return err // else somebody else took the port meanwhile
		}
	}
}

func (l *Lab) startPostgres(ctx context.Context) error {
	pool := l.settings.Scenario.World.PoolSize
	cmd := l.program(context.WithoutCancel(ctx), "postgres",
		"-D", l.state.data(), "-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(l.settings.Cluster.Port),
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "lc_messages=C",
		// Twice the pool, and what the other services, the faults and the watchers need.
		"-c", "max_connections="+strconv.Itoa(2*pool+60),
		"-c", "log_lock_waits=on", "-c", "log_line_prefix=%m [%p] %q%u@%d %a ",
	)
	c := l.settings.Cluster
	child, err := l.start("postgres", cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := c.connect(ctx, superuser, "postgres", "lab")
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-child.ended:
			return fmt.Errorf("postgres did not start:\n%s", l.lastSaid("postgres"))
		case <-ctx.Done():
			return fmt.Errorf("postgres was not ready: %w: %w\n%s", ctx.Err(), err, l.lastSaid("postgres"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stopCluster ends the server and what it may have left behind.
func (s *state) stopCluster(p process) error {
	id, creator := s.segment()
	err := p.end(fastShutdown...)
	removeSegment(id, creator)
	return err
}

// segment is the id of the server's System V shared memory, by which it knows
// that it is alone, and the pid of the server that made it; -1 when there is none.
func (s *state) segment() (id, creator int) {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return -1, 0
	}
	// Its lines: pid, folder, start, port, socket folder, address, "KEY ID", status.
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 {
		return -1, 0
	}
	var key int
	_, err1 := fmt.Sscan(lines[6], &key, &id)
	_, err2 := fmt.Sscan(lines[0], &creator)
	if err1 != nil || err2 != nil {
		return -1, 0
	}
	return id, creator
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// lastLines is the end of a text, which is where programs say why.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// lastSaid is the end of what a process wrote to its log.
func (l *Lab) lastSaid(name string) string {
	text, err := os.ReadFile(l.state.logOf(name))
	if err != nil {
		return ""
	}
	const most = 8
	return lastLines(string(text), most)
}
