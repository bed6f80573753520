package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one that the lab has started. Its number alone proves nothing, for
// the kernel gives numbers away again; together with the time of its start it does.
type process struct {
	Name    string
	PID     int
	Started string // as the kernel tells it; see startedAt
}

// errGone is a process that no longer runs.
var errGone = errors.New("no such process")

// identify is the process of that number as it is now.
func identify(name string, pid int) (process, error) {
	at, err := startedAt(pid)
	if err != nil {
		return process{}, err
	}
	return process{Name: name, PID: pid, Started: at}, nil
}

// alive says whether it still runs: this very process and not its number's next owner.
func (p process) alive() bool {
	at, err := startedAt(p.PID)
	return err == nil && at == p.Started
}

// signal sends s, if the process still is the one that was started.
func (p process) signal(s syscall.Signal) {
	if p.alive() {
		_ = syscall.Kill(p.PID, s) // it may end at this moment
	}
}

// pollEvery is how often the end of a process that is not our child is looked for.
const pollEvery = 20 * time.Millisecond

// gone waits until the process has ended, at most for d.
func (p process) gone(d time.Duration) bool {
	deadline := time.Now().Add(d)
	for p.alive() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pollEvery)
	}
	return true
}

// end asks the process to end, then makes it. The pauses follow each signal.
func (p process) end(steps ...step) error {
	for _, s := range steps {
		p.signal(s.signal)
		if p.gone(s.wait) {
			return nil
		}
	}
	return fmt.Errorf("%s (pid %d) does not end", p.Name, p.PID)
}

// step is a signal and how long its effect is waited for.
type step struct {
	signal syscall.Signal
	wait   time.Duration
}

var (
	// politely is how a service is stopped.
	politely = []step{{syscall.SIGTERM, 3 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	// atOnce is how one is killed.
	atOnce = []step{{syscall.SIGKILL, 5 * time.Second}}
	// fastShutdown is how PostgreSQL is stopped: fast, immediate, by force.
	fastShutdown = []step{{syscall.SIGINT, 10 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
)

// The pid files: one line "PID START" each.

const pidSuffix = ".pid"

func (s *state) pidFile(name string) string { return filepath.Join(s.dir, "pids", name+pidSuffix) }

// note writes a process down before anything depends on it.
func (s *state) note(p process) error {
	return writeFile(s.pidFile(p.Name), fmt.Appendf(nil, "%d %s\n", p.PID, p.Started), 0o600)
}

// noted are the processes that the pid files name, whether they live or not.
func (s *state) noted() ([]process, error) {
	files, err := filepath.Glob(s.pidFile("*"))
	if err != nil {
		return nil, err
	}
	var all []process
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(f), pidSuffix)
		number, started, ok := strings.Cut(strings.TrimSpace(string(text)), " ")
		pid, err := strconv.Atoi(number)
		if !ok || err != nil || pid <= 1 {
			continue // cut off by a crash while it was written: nothing to go by
		}
		all = append(all, process{Name: name, PID: pid, Started: started})
	}
	return all, nil
}

// writeFile writes a file whole or not at all.
func writeFile(path string, text []byte, mode os.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
