// Package lab starts the real order pipeline on a Postgres of its own and breaks
// it on purpose: for practice, and to prove that the simulator and the collectors
// are right. Every service is a process of its own on loopback; all that is left
// anywhere is in one folder, from which a later command can clear it away.
package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"tripcurve/services/gateway"
	"tripcurve/services/host"
	"tripcurve/services/telemetry"
)

// Options say where and how a lab is started.
type Options struct {
	Dir     string // the state folder
	Program string // this program, which also is the services'
	Path    string // where Postgres is looked for first
	// Listen is the gateway's address; empty is a free port on loopback.
	Listen string
	// OTLP is the endpoint of a collector that the services' metrics go to; empty
	// leaves it to the environment.
	OTLP string
	// AccessLog is how the gateway writes its log.
	AccessLog AccessLog
	// Say is told what is being done.
	Say func(string)
}

// AccessLog is the text of an nginx log_format and its escape=, whose lines are
// stamped when a request has ended. The zero value is Envoy's JSON, stamped with
// the start.
type AccessLog struct{ Layout, Escape string }

// writer makes lines.
func (a AccessLog) writer() (func([]byte, gateway.AccessEntry) []byte, error) {
	if a == (AccessLog{}) {
		return gateway.AppendEnvoyJSON, nil
	}
	f, err := gateway.CompileNginx(a.Layout, a.Escape)
	if err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	return f.Append, nil
}

// Check says why no log can be written like that.
func (a AccessLog) Check() error {
	_, err := a.writer()
	return err
}

// Lab is a pipeline that runs.
type Lab struct {
	state    *state
	settings settings
	options  Options
	postgres postgres
	user     *syscall.Credential // of Postgres; nil is ours

	mu       sync.Mutex
	children map[string]*child
}

// settings is what a lab is, for the commands that come later.
type settings struct {
	Scenario  Scenario
	Cluster   cluster
	Addresses map[string]addresses // by service
	Token     string               // of the control pages
	// WebhookSecret signs the card processor's messages to the shop.
	WebhookSecret string
	AccessLog     AccessLog
	Ready         bool // all services serve
}

// addresses are where one service listens; empty where it does not.
type addresses struct {
	Serves string `json:"serves,omitempty"` // gRPC; of the gateway HTTP, of the balancer any TCP
	Admin  string `json:"admin,omitempty"`  // HTTP: /metrics
}

// child is a process that this one has started.
type child struct {
	process
	ended    chan struct{}
	lifeline *os.File // closed with this process: the child's sign to end; nil for Postgres
}

var (
	// ErrUp is a lab that already runs.
	ErrUp = errors.New("a lab is up")
	// ErrTaken is an address that cannot be served on.
	ErrTaken = errors.New("the gateway's address")
)

// Up starts the pipeline of a scenario. On an error nothing is left running.
func Up(ctx context.Context, sc Scenario, o Options) (*Lab, error) {
	if err := errors.Join(sc.Check(), o.AccessLog.Check()); err != nil {
		return nil, err
	}
	l := &Lab{options: o, children: map[string]*child{}}
	if l.options.Say == nil {
		l.options.Say = func(string) {}
	}
	destinations, err := telemetry.Destinations(telemetry.Config{OTLP: o.OTLP})
	if err != nil {
		return nil, err
	}
	for _, d := range destinations {
		l.options.Say(d)
	}
	if err := free(ctx, o.Listen); err != nil {
		return nil, err
	}
	if l.user, err = unprivileged(); err != nil {
		return nil, err
	}
	if l.postgres, err = findPostgres(ctx, o.Path); err != nil {
		return nil, err
	}
	if l.state, err = openState(o.Dir); err != nil {
		return nil, err
	}
	if err := l.state.acquire(ctx, 0); err != nil {
		return nil, err
	}
	if err := l.state.empty(); err != nil {
		l.state.release()
		return nil, err
	}
	if err := l.build(ctx, sc); err != nil {
		return nil, errors.Join(err, l.Down())
	}
	return l, nil
}

// free says whether an address can be served on, before all else is started for
// nothing.
func free(ctx context.Context, addr string) error {
	if addr == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program serves on %s; name a free address with --listen", ErrTaken, addr)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	return l.Close()
}

// empty makes sure that no lab is here: one that runs is left alone, the remains
// of one that does not are cleared away.
func (s *state) empty() error {
	running := s.running()
	if len(running) > 0 {
		return fmt.Errorf("%w in %s (%s, pid %d, ...); end it first: tripcurve lab down", ErrUp, s.dir, running[0].Name, running[0].PID)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "lock" {
			continue
		}
		if err := os.RemoveAll(s.file(e.Name())); err != nil {
			return err
		}
	}
	for _, dir := range []string{"pids", "log"} {
		if err := os.Mkdir(s.file(dir), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// running are the lab's processes that live.
func (s *state) running() []process {
	noted, _ := s.noted()
	var all []process
	for _, p := range append(noted, s.strays()...) {
		same := func(q process) bool { return q.PID == p.PID }
		if p.PID != os.Getpid() && p.alive() && !slices.ContainsFunc(all, same) {
			all = append(all, p)
		}
	}
	return all
}

// build makes the cluster and starts the services, each after those it calls.
func (l *Lab) build(ctx context.Context, sc Scenario) error {
	secret := host.Rand(host.CryptoRand)
	l.settings = settings{
		Scenario: sc, Addresses: map[string]addresses{}, AccessLog: l.options.AccessLog,
		Token: secret.ID(""), WebhookSecret: secret.ID("whsec_"),
	}
	// A later `down` ends this command first, for it would go on starting things.
	me, err := identify(runner, os.Getpid())
	if err != nil {
		return err
	}
	if err := l.state.note(me); err != nil {
		return err
	}
	l.options.Say(fmt.Sprintf("PostgreSQL %d from %s in %s", l.postgres.major, l.postgres.bin, l.state.dir))
	if err := l.makeCluster(ctx); err != nil {
		return err
	}
	if err := l.startCluster(ctx); err != nil {
		return err
	}
	if err := l.state.save(l.settings); err != nil {
		return err
	}
	if err := l.fill(ctx); err != nil {
		return l.settings.Cluster.scrub(err)
	}
	for _, name := range services {
		if err := l.startService(ctx, name); err != nil {
			return err
		}
	}
	if err := l.introduce(ctx); err != nil {
		return err
	}
	l.settings.Ready = true
	return l.state.save(l.settings)
}

// runner is the command that runs a scenario, among the lab's processes.
const runner = "run"

// start starts a process, writes it down and watches for its end. What it says on
// stderr goes to its log.
func (l *Lab) start(name string, cmd *exec.Cmd) (*child, error) {
	log, err := os.OpenFile(l.state.logOf(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{ended: make(chan struct{})}
	c.process, err = identify(name, cmd.Process.Pid)
	if err == nil {
		err = l.state.note(c.process)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(c.ended)
	}()
	if err != nil {
		_ = cmd.Process.Kill()
		<-c.ended
		return nil, fmt.Errorf("start %s: %w\n%s", name, err, l.lastSaid(name))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.children[name] = c
	return c, nil
}

// readyTimeout bounds a service's start.
const readyTimeout = 30 * time.Second

// startService starts one service and waits until it serves.
func (l *Lab) startService(ctx context.Context, name string) error {
	l.options.Say("starting " + name)
	cmd := exec.Command(l.options.Program, "lab", "serve", name)
	cmd.Dir = l.state.dir
	cmd.Env = append(os.Environ(), l.state.mark())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // ctrl+c is for the command alone
	in, lifeline, err := os.Pipe()
	if err != nil {
		return err
	}
	said, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	cmd.Stdin, cmd.Stdout = in, out
	c, err := l.start(name, cmd)
	_, _ = in.Close(), out.Close()
	if err != nil {
		_ = lifeline.Close()
		return err
	}
	// The child waits for its orders: one whose lab died before it was written down ends.
	if err := json.NewEncoder(lifeline).Encode(l.orders(name)); err != nil {
		_ = lifeline.Close()
		return fmt.Errorf("start %s: %w", name, err)
	}
	c.lifeline = lifeline
	answer := make(chan report, 1)
	go func() {
		var r report
		line, err := bufio.NewReader(said).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		if err != nil {
			r.Error = "it ended at once:\n" + l.lastSaid(name)
		}
		answer <- r
	}()
	select {
	case r := <-answer:
		if r.Error != "" {
			err := l.settings.Cluster.scrub(errors.New(r.Error))
			if r.Taken {
				return fmt.Errorf("%w: %w", ErrTaken, err)
			}
			return fmt.Errorf("%s: %w", name, err)
		}
		l.settings.Addresses[name] = r.addresses
		return nil
	case <-time.After(readyTimeout):
		return fmt.Errorf("%s was not ready within %s:\n%s", name, readyTimeout, l.lastSaid(name))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restart kills a service and starts it again on the same addresses.
func (l *Lab) restart(ctx context.Context, name string) error {
	l.mu.Lock()
	c := l.children[name]
	l.mu.Unlock()
	if c != nil {
		if err := c.end(atOnce...); err != nil {
			return err
		}
		<-c.ended
		c.hangUp()
	}
	return l.startService(ctx, name)
}

func (c *child) hangUp() {
	if c.lifeline != nil {
		_ = c.lifeline.Close()
		c.lifeline = nil
	}
}

// Down ends all processes of the lab and removes its folder.
func (l *Lab) Down() error {
	l.options.Say("ending the lab")
	err := l.state.clear()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.children {
		c.hangUp()
	}
	return err
}

// clear ends whatever of the lab runs and removes the folder. The lock is held.
func (s *state) clear() error {
	noted, err := s.noted()
	errs := []error{err}
	// Callers first, so that nobody calls what has gone; Postgres last.
	order := append(slices.Clone(services), "postgres")
	slices.Reverse(order[:len(services)])
	for _, name := range order {
		for _, p := range noted {
			switch {
			case p.Name != name:
			case name == "postgres":
				errs = append(errs, s.stopCluster(p))
			default:
				errs = append(errs, p.end(politely...))
			}
		}
	}
	// A killed postmaster's children end by themselves, if they are given the time.
	for _, p := range s.strays() {
		if !p.gone(2 * time.Second) {
			errs = append(errs, p.end(atOnce...))
		}
	}
	if err := errors.Join(errs...); err != nil {
		s.release()
		return err // the folder is still needed to find what would not end
	}
	return s.remove()
}

// stopTimeout is how long a running command is given to take its own lab down.
const stopTimeout = 60 * time.Second

// exitTimeout is how long it then has for the rest.
const exitTimeout = 5 * time.Second

// Down takes down whatever lab is in dir, also one whose command crashed or still
// runs. It says whether there was one.
func Down(ctx context.Context, dir string) (found bool, err error) {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	s, err := openState(dir)
	if err != nil {
		return false, err
	}
	err = s.acquire(ctx, 0)
	var running []process
	if errors.Is(err, ErrBusy) {
		found = true
		noted, _ := s.noted()
		for _, p := range noted {
			if p.Name == runner {
				running = append(running, p)
				p.signal(syscall.SIGTERM)
			}
		}
		err = s.acquire(ctx, stopTimeout)
	}
	if err != nil {
		return found, err
	}
	if _, err := s.load(); err == nil || len(s.running()) > 0 {
		found = true
	}
	err = s.clear()
	// A command that has taken its lab down still has to end itself.
	for _, p := range running {
		if !p.gone(exitTimeout) {
			err = errors.Join(err, p.end(atOnce...))
		}
	}
	return found, err
}

// Find reads what a lab in dir is: where it serves, once it does.
func Find(dir string) (Sources, bool) {
	s := &state{dir: dir}
	v, err := s.load()
	if err != nil || !v.Ready {
		return Sources{}, false
	}
	return (&Lab{state: s, settings: v}).Sources(), true
}

// Sources are where a collector finds the evidence.
type Sources struct {
	DSN       string // a role that may only watch
	AccessLog string
	Metrics   map[string]string // URL by service
	Gateway   string            // URL
	Payment   string            // URL where customers agree to pay
}

// Log is where a lab in the background writes what it does.
func (l *Lab) Log() string { return l.state.logOf(runner) }

// Sources of the lab.
func (l *Lab) Sources() Sources {
	s := Sources{
		DSN:       l.settings.Cluster.dsn(roleMonitor, dbInventory, ""),
		AccessLog: l.state.accessLog(),
		Metrics:   map[string]string{},
		Gateway:   "http://" + l.settings.Addresses[serviceGateway].Serves,
		Payment:   "http://" + l.settings.Addresses[servicePayment].Admin,
	}
	for name, a := range l.settings.Addresses {
		if a.Admin != "" && name != serviceBalancer {
			s.Metrics[name] = "http://" + a.Admin + "/metrics"
		}
	}
	return s
}
