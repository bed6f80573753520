//go:build real

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tripcurve/services/lab"
)

// labFolder is a folder for a lab, in one that the user whom Postgres runs as may
// enter. Whatever a test leaves in it is ended with the test.
func labFolder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "labtest-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "lab")
	t.Cleanup(func() {
		if _, err := lab.Down(t.Context(), dir); err != nil {
			t.Errorf("down at the end: %v", err)
		}
		_ = os.RemoveAll(parent)
	})
	return dir
}

// labCommand is the real program on a lab, not started yet.
func labCommand(t *testing.T, dir string, args ...string) (*exec.Cmd, *strings.Builder, *watched) {
	t.Helper()
	cmd := exec.Command(binary(t, "tripcurve"), append([]string{"lab", "--dir", dir}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH")}
	var out strings.Builder
	said := &watched{line: make(chan string, 1000)}
	cmd.Stdout, cmd.Stderr = &out, said
	return cmd, &out, said
}

// watched is what a command says on stderr, line by line.
type watched struct {
	all  strings.Builder
	part string
	line chan string
}

func (w *watched) Write(p []byte) (int, error) {
	w.all.Write(p)
	w.part += string(p)
	for {
		line, rest, ok := strings.Cut(w.part, "\n")
		if !ok {
			return len(p), nil
		}
		w.part = rest
		select {
		case w.line <- line:
		default: // nobody looks any more
		}
	}
}

// waitFor returns when the command has said a text.
func (w *watched) waitFor(t *testing.T, text string, limit time.Duration) {
	t.Helper()
	deadline := time.After(limit)
	for {
		select {
		case line := <-w.line:
			if strings.Contains(line, text) {
				return
			}
		case <-deadline:
			t.Fatalf("it did not say %q within %s", text, limit)
		}
	}
}

// labProcess is one that belongs to a lab, as the kernel shows it.
type labProcess struct {
	pid  int
	what string // its command line
}

// labProcesses are those that name the lab's folder in their command line or
// their environment, or work in it.
func labProcesses(t *testing.T, dir string) []labProcess {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var all []labProcess
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		proc := filepath.Join("/proc", e.Name())
		line, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(proc, "environ"))
		cwd, _ := os.Readlink(filepath.Join(proc, "cwd"))
		stat, _ := os.ReadFile(filepath.Join(proc, "stat"))
		if _, after, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(after, "Z") {
			continue // ended, and nobody has asked how
		}
		if strings.Contains(string(line), dir) || strings.Contains(string(env), dir) || strings.HasPrefix(cwd, dir) {
			all = append(all, labProcess{pid, strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))})
		}
	}
	return all
}

// labTrace is what a lab had while it was up: what must be gone afterwards.
type labTrace struct {
	dir       string
	addresses []string
	segments  []string // of System V shared memory
}

// traceOf looks at a lab that is up.
func traceOf(t *testing.T, dir string) labTrace {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "lab.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Cluster   struct{ Port int }
		Addresses map[string]struct{ Serves, Admin string }
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	tr := labTrace{dir: dir, addresses: []string{fmt.Sprintf("127.0.0.1:%d", v.Cluster.Port)}}
	for _, a := range v.Addresses {
		for _, addr := range []string{a.Serves, a.Admin} {
			if addr != "" {
				tr.addresses = append(tr.addresses, addr)
			}
		}
	}
	if pid, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid")); err == nil {
		if lines := strings.Split(string(pid), "\n"); len(lines) > 6 {
			if key := strings.Fields(lines[6]); len(key) == 2 {
				tr.segments = append(tr.segments, key[1])
			}
		}
	}
	if len(tr.segments) == 0 {
		t.Fatal("no shared memory of the cluster is known")
	}
	return tr
}

// gone says what is left of the lab.
func (tr labTrace) gone(t *testing.T) {
	t.Helper()
	if left := labProcesses(t, tr.dir); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
	for _, addr := range tr.addresses {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = c.Close()
			t.Errorf("somebody still serves on %s", addr)
		}
	}
	if _, err := os.Lstat(tr.dir); err == nil {
		t.Errorf("%s is still there", tr.dir)
	}
	table, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(table), "\n") {
		if f := strings.Fields(line); len(f) > 1 && slices.Contains(tr.segments, f[1]) {
			t.Errorf("shared memory is left: %s", line)
		}
	}
}

// labUp brings a lab up in the background, or fails.
func labUp(t *testing.T, dir string, args ...string) labTrace {
	t.Helper()
	cmd, out, said := labCommand(t, dir, append([]string{"up"}, args...)...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("up: %v\n%s%s", err, out, said.all.String())
	}
	return traceOf(t, dir)
}

func labDown(t *testing.T, dir string) {
	t.Helper()
	cmd, out, said := labCommand(t, dir, "down")
	if err := cmd.Run(); err != nil {
		t.Errorf("down: %v\n%s%s", err, out, said.all.String())
	}
}

// notedPID is what a lab has written down of one of its processes.
func notedPID(t *testing.T, dir, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pids", name+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	number, _, _ := strings.Cut(string(text), " ")
	pid, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// exitOf waits for a command that was signalled.
func exitOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(90 * time.Second):
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		<-ended
		t.Fatal("it did not end within 90 s")
	}
	return cmd.ProcessState.ExitCode()
}
