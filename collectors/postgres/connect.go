package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tripcurve/collectors/credential"
	"tripcurve/internal/redact"
)

var (
	// ErrDSN is a connection string that cannot be read.
	ErrDSN = errors.New("not a PostgreSQL connection string")
	// ErrUnreachable is a server that could not be asked: no network, no such
	// database, refused credentials, no free connection.
	ErrUnreachable = errors.New("cannot reach PostgreSQL")
)

// application is our application_name, by which an administrator knows us.
const application = "tripcurve"

// settings of our sessions, sent with the start-up message: they read only, and
// never wait long for anything.
var settings = map[string]string{
	"statement_timeout":                   "2000",
	"lock_timeout":                        "100",
	"idle_in_transaction_session_timeout": "5000",
	"default_transaction_read_only":       "on",
	"jit":                                 "off",
}

// setLocal is the same for one transaction behind a pooler that refuses or
// swallows start-up settings.
const setLocal = "set local statement_timeout = 2000; set local lock_timeout = 100; " +
	"set local idle_in_transaction_session_timeout = 5000; set local jit = off"

const (
	connectTimeout = 5 * time.Second
	// sampleTimeout is beyond the server's statement_timeout, for a server that
	// does not answer at all.
	sampleTimeout = 10 * time.Second
)

// target is where to connect, with what must never be shown.
type target struct {
	config  *pgx.ConnConfig
	secrets []string
	access  Access
}

// Access is how to reach a server. What neither DSN nor the other fields say comes
// from PG* variables, the password file and the service file.
type Access struct {
	DSN         string                // URL or keywords; empty is all of it from elsewhere
	Service     string                // section of the service file
	ServiceFile string                // empty: PGSERVICEFILE or the usual one
	PassFile    string                // empty: PGPASSFILE or the usual one
	Password    credential.Credential // nil: of the DSN, PGPASSWORD or the password file
	CA          string                // file of certificates to trust, PEM; it makes the check of the host's name the default
	Cert, Key   string                // files of our certificate and its key, PEM
	ServerName  string                // that the server's certificate must be for; empty is the host's
}

// dsn is the DSN with what stands beside it.
func (a Access) dsn() string {
	more := []struct{ key, value string }{
		{"service", a.Service},
		{"servicefile", a.ServiceFile},
		{"passfile", a.PassFile},
		{"sslrootcert", a.CA},
		{"sslcert", a.Cert},
		{"sslkey", a.Key},
	}
	if a.CA != "" && !strings.Contains(a.DSN, "sslmode") {
		more = append(more, struct{ key, value string }{"sslmode", "verify-full"})
	}
	out := a.DSN
	isURL := strings.HasPrefix(out, "postgres://") || strings.HasPrefix(out, "postgresql://")
	for _, m := range more {
		switch {
		case m.value == "":
		case isURL && strings.Contains(out, "?"):
			out += "&" + m.key + "=" + url.QueryEscape(m.value)
		case isURL:
			out += "?" + m.key + "=" + url.QueryEscape(m.value)
		default:
			out = strings.TrimSpace(out + " " + m.key + "='" + keywordValue.Replace(m.value) + "'")
		}
	}
	return out
}

var keywordValue = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// parse reads what an Access says. Errors do not hold the DSN.
func parse(a Access) (target, error) {
	dsn := a.dsn()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t := target{secrets: secretsIn(dsn)}
		why := err.Error()
		if i := strings.LastIndex(why, "`: "); i >= 0 { // the library quotes the string first
			why = why[i+3:]
		}
		return target{}, fmt.Errorf("%w: %s", ErrDSN, t.scrub(why))
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements: works through a pooler too
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTimeout {
		config.ConnectTimeout = connectTimeout
	}
	config.RuntimeParams["application_name"] = application
	config.DialFunc = dialTCP
	if a.ServerName != "" {
		if config.TLSConfig != nil {
			config.TLSConfig.ServerName = a.ServerName
		}
		for _, f := range config.Fallbacks {
			if f.TLSConfig != nil {
				f.TLSConfig.ServerName = a.ServerName
			}
		}
	}
	t := target{config: config, secrets: secretsIn(dsn), access: a}
	t.hide(config.Password)
	return t, nil
}

// renewed is the target as its files and its password are now: they are rotated
// while we run.
func (t target) renewed() (target, error) {
	now, err := parse(t.access)
	if err != nil {
		return t, err
	}
	now.secrets = append(now.secrets, t.secrets...)
	if t.access.Password == nil {
		return now, nil
	}
	password, err := t.access.Password.Get()
	if err != nil {
		return now, fmt.Errorf("no password to be had: %w", err)
	}
	now.config.Password = password
	now.hide(password)
	return now, nil
}

// refused says that the password was not taken, and is the target with another one.
// It is false when there is none.
func (t target) refused(err error) (target, bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "28P01" && pg.Code != "28000" || t.access.Password == nil {
		return t, false
	}
	t.access.Password.Refused(t.config.Password)
	now, err := t.renewed()
	return now, err == nil && now.config.Password != t.config.Password
}

// dialTCP opens a TCP connection, or that of a Unix socket. The kernel repeats a lost
// first packet after 1, 3 and 7 s; starting anew each second finds a network that is
// back sooner.
func dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second, KeepAlive: 30 * time.Second}
	for try := 1; ; try++ {
		if try == 3 {
			d.Timeout = 0 // until ctx ends: a path may be that long
		}
		conn, err := d.DialContext(ctx, network, addr)
		var slow net.Error
		if err == nil || try == 3 || ctx.Err() != nil || !errors.As(err, &slow) || !slow.Timeout() {
			return conn, err
		}
	}
}

func (t *target) hide(secret string) {
	if secret != "" {
		t.secrets = append(t.secrets, secret, url.QueryEscape(secret), url.PathEscape(secret))
	}
}

// passwordIn finds what may be a password in a DSN that cannot be parsed.
var passwordIn = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)password\s*=\s*('(?:[^'\\]|\\.)*'?|[^\s&]+)|://[^:/?#]*:([^/?#]*)@|://[^:/]*:(.*)@`)
})

func secretsIn(dsn string) []string {
	var t target
	for _, m := range passwordIn().FindAllStringSubmatch(dsn, -1) {
		for _, s := range m[1:] {
			t.hide(strings.Trim(s, "'"))
			if plain, err := url.PathUnescape(s); err == nil {
				t.hide(plain)
			}
		}
	}
	return t.secrets
}

// scrub takes every known secret out of a text.
func (t target) scrub(s string) string {
	for _, secret := range t.secrets {
		s = strings.ReplaceAll(s, secret, redact.Mask)
	}
	return redact.MaskSecrets(s)
}

// where names the server without credentials.
func (t target) where() string {
	if strings.HasPrefix(t.config.Host, "/") {
		return fmt.Sprintf("%s/%s", t.config.Host, t.config.Database)
	}
	return fmt.Sprintf("%s:%d/%s", t.config.Host, t.config.Port, t.config.Database)
}

// link is one connection and how to read through it.
type link struct {
	conn    *pgx.Conn
	pooler  string // its name when we are behind one: settings only within a transaction
	version int
	name    string // server_version, such as 15.18
	rights  bool   // sees other users' sessions
	standby bool   // a replica: reads only, with few sessions of its own
	cluster cluster
	start   time.Time // of the server that the above was learnt of, as the first sample says
	moved   *moves
}

// cluster tells one server's data from another's. The zero value is not known.
type cluster struct {
	system   string // identifier, made by initdb
	timeline int    // grows when a standby is promoted
}

// dial connects and learns what the server is. A bare connection is one whose
// settings are set when the server's own are known, so that RESET would bring those
// back.
func (t target) dial(ctx context.Context, bare bool) (*link, error) {
	t, err := t.renewed()
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %s", ErrUnreachable, t.where(), t.scrub(err.Error()))
	}
	params := settings
	if bare {
		params = nil
	}
	l := &link{moved: newMoves()}
	conn, err := t.connect(ctx, params)
	if again, other := t.refused(err); other {
		t = again
		conn, err = t.connect(ctx, params)
	}
	if refusesSettings(err) {
		l.pooler = "PgBouncer"
		conn, err = t.connect(ctx, nil)
	}
	if err != nil {
		return nil, unreachable{t.where(), t.scrub(reason(err)), err}
	}
	l.conn = conn
	if err := l.learn(ctx, bare); err != nil {
		l.close()
		return nil, unreachable{t.where(), t.scrub(reason(err)), err}
	}
	if l.version < oldest {
		l.close()
		return nil, fmt.Errorf("%w at %s: PostgreSQL %s is older than 12", ErrUnreachable, t.where(), l.name)
	}
	return l, nil
}

// unreachable is an ErrUnreachable whose words hold no secret.
type unreachable struct {
	where, why string
	cause      error
}

func (u unreachable) Error() string {
	return fmt.Sprintf("%s at %s: %s", ErrUnreachable, u.where, u.why)
}
func (u unreachable) Is(target error) bool { return target == ErrUnreachable }

// passing says that the server could not be reached at all, or is just starting: to
// try again soon costs it nothing.
func passing(err error) bool {
	var u unreachable
	if errors.As(err, &u) {
		err = u.cause
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03"
	}
	return !errors.Is(err, ErrUnreachable)
}

func (t target) connect(ctx context.Context, params map[string]string) (*pgx.Conn, error) {
	config := t.config.Copy()
	for k, v := range params {
		config.RuntimeParams[k] = v
	}
	return pgx.ConnectConfig(ctx, config)
}

// learn reads versions and rights, and whether our settings arrived.
func (l *link) learn(ctx context.Context, bare bool) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	var applied bool
	var pid uint32
	err := l.conn.QueryRow(ctx, query("server", oldest)).Scan(&l.version, &l.name, &l.rights, &applied, &pid, &l.standby)
	if err != nil {
		return fmt.Errorf("read the server's version: %w", err)
	}
	if l.pooler == "" && (pid != l.conn.PgConn().PID() || !applied && !bare) {
		l.pooler = "a connection pooler"
	}
	if l.version < oldest {
		return nil
	}
	l.start, l.cluster = time.Time{}, cluster{}
	err = l.conn.QueryRow(ctx, query("identity", l.version)).Scan(&l.cluster.system, &l.cluster.timeline)
	if pg := (*pgconn.PgError)(nil); err != nil && !errors.As(err, &pg) { // a service may keep these functions to itself
		return fmt.Errorf("read which cluster this is: %w", err)
	}
	if bare && l.pooler == "" {
		var set strings.Builder
		for name, value := range settings {
			fmt.Fprintf(&set, "set %s = '%s';", name, value)
		}
		if _, err := l.conn.Exec(ctx, set.String(), pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("set the session's timeouts: %w", err)
		}
	}
	return nil
}

// sample takes one sample; without blocking the blockers are left to be derived.
func (l *link) sample(ctx context.Context, blocking bool) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	began := time.Now()
	x, err := l.read(ctx, blocking)
	x.Took = time.Since(began)
	return x, err
}

// read is one statement in autocommit, for within a transaction the second look
// at a session would be partly stale.
func (l *link) read(ctx context.Context, blocking bool) (x Sample, err error) {
	err = l.within(ctx, func(q querier) error {
		x, err = read(ctx, q, l.version, blocking, l.moved)
		return err
	})
	x.Cluster = l.cluster
	return x, err
}

// within runs f on the connection, behind a pooler in one transaction with settings
// of its own, which leak to no other client.
func (l *link) within(ctx context.Context, f func(querier) error) error {
	if l.pooler == "" {
		return f(l.conn)
	}
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	_, err = tx.Exec(ctx, setLocal, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		err = f(tx)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return tx.Commit(ctx)
}

func (l *link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx) // it is given up; the server notices by itself
}

// refusesSettings says that a pooler did not take the start-up message for its
// settings, which PgBouncer answers with a protocol violation.
func refusesSettings(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "08P01"
}

// reason is an error in the words of somebody who has to act on it.
func reason(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "53300":
			return "no free connection on the server (53300): " + pg.Message
		case "28P01", "28000":
			return "login refused (" + pg.Code + "): " + pg.Message
		case "57P01", "57P02":
			return "the server ended the connection (" + pg.Code + "): " + pg.Message
		case "57P03":
			return "the server is starting or stopping (57P03): " + pg.Message
		case "57014":
			return "a sample took longer than 2 s and was cancelled (57014)"
		}
		return fmt.Sprintf("%s (%s)", pg.Message, pg.Code)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return oneLine(connect.Unwrap().Error())
	}
	return oneLine(err.Error())
}

// oneLine joins what the library says of several addresses, each said once.
func oneLine(s string) string {
	var parts []string
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line != "" && !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), "timeout: context deadline exceeded", "no answer in time")
}
