//go:build real

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tripcurve/services/lab"
)

// TestRealLabKilled kills each process of a lab in turn: whatever is left, lab
// down clears it away, and the next lab comes up in the same place.
func TestRealLabKilled(t *testing.T) {
	t.Parallel()
	dir := labFolder(t)
	for _, name := range append(lab.Services(), "postgres", "run") {
		t.Log("killing " + name)
		tr := labUp(t, dir, "healthy")
		if len(labProcesses(t, dir)) < len(lab.Services())+2 {
			t.Fatalf("too few processes are seen: %v", labProcesses(t, dir))
		}
		refusesAnother(t, dir)
		if err := syscall.Kill(notedPID(t, dir, name), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		labDown(t, dir)
		tr.gone(t)
	}
	tr := labUp(t, dir, "healthy")
	switchesCheckout(t, dir)
	labDown(t, dir)
	tr.gone(t)
}

// switchesCheckout leaves checkouts to the queue and comes back, with customers about.
func switchesCheckout(t *testing.T, dir string) {
	t.Helper()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"checkout"}, "checkout  sync: reserved and paid for while the customer waits\nqueue     0 waiting, 0 running, 0 done within a day, 0 given up\n"},
		{[]string{"checkout", "async"}, "checkout  async: accepted at once, "},
		{[]string{"checkout", "sync", "--drain", "--format", "json"}, `"mode": "sync"`},
	} {
		cmd, out, said := labCommand(t, dir, c.args...)
		if err := cmd.Run(); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: %v\n%s%s", c.args, err, out, said.all.String())
		}
	}
}

// refusesAnother wants no second lab to come up where one is, and the one that is
// to go on.
func refusesAnother(t *testing.T, dir string) {
	t.Helper()
	names := append(lab.Services(), "postgres", "run") // its sessions come and go
	before := map[string]int{}
	for _, name := range names {
		before[name] = notedPID(t, dir, name)
	}
	for _, args := range [][]string{{"up"}, {"run", "healthy"}} {
		cmd, _, said := labCommand(t, dir, args...)
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(said.all.String(), "tripcurve lab down") {
			t.Errorf("%v while a lab is up: %v, %s", args, err, said.all.String())
		}
	}
	for _, name := range names {
		if pid := notedPID(t, dir, name); pid != before[name] || syscall.Kill(pid, 0) != nil {
			t.Errorf("%s: pid %d before, %d after, or it has ended", name, before[name], pid)
		}
	}
}

// TestRealLabClosedFolder gives Postgres, which does not run as root, a folder
// that its user may not enter.
func TestRealLabClosedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab") // in a folder of this user alone
	cmd, _, said := labCommand(t, dir, "up")
	err := cmd.Run()
	if os.Geteuid() != 0 { // Postgres runs as this user
		if err != nil {
			t.Errorf("up: %v\n%s", err, said.all.String())
		}
		labDown(t, dir)
		return
	}
	if cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(said.all.String(), "may not enter it") {
		t.Errorf("%v: %s", err, said.all.String())
	}
	labTrace{dir: dir}.gone(t)
}

// TestRealLabUpKilled kills lab up itself in the middle of its work.
func TestRealLabUpKilled(t *testing.T) {
	t.Parallel()
	dir := labFolder(t)
	for _, stage := range []string{"starting payment", "starting order"} {
		cmd, _, said := labCommand(t, dir, "up", "healthy")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said.waitFor(t, stage, 60*time.Second)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		labDown(t, dir)
		labTrace{dir: dir}.gone(t)
	}
	tr := labUp(t, dir, "healthy")
	labDown(t, dir)
	tr.gone(t)
}

// TestRealLabInterrupted presses ctrl+c at several points: the lab ends by itself
// and leaves nothing.
func TestRealLabInterrupted(t *testing.T) {
	for _, tt := range []struct {
		name, at string
		args     []string
	}{
		{"run while it starts", "starting order", []string{"run", "healthy"}},
		{"run in the middle", "keeps its lock", []string{"run", "lock"}},
		{"up while it starts", "starting inventory", []string{"up", "healthy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := labFolder(t)
			cmd, _, said := labCommand(t, dir, tt.args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said.waitFor(t, tt.at, 90*time.Second)
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := exitOf(t, cmd); code != exitUnreachable {
				t.Errorf("exit code %d, want %d:\n%s", code, exitUnreachable, said.all.String())
			}
			labTrace{dir: dir}.gone(t)
		})
	}
}
