//go:build real

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tripcurve/internal/export/locktree"
	"tripcurve/internal/export/report"
	"tripcurve/internal/pgtest"
)

// lateBy is how long after the lock watch joins.
const lateBy = 20 * time.Second

// command runs the real program without a terminal.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary(t, "tripcurve"), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color"}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestRealInput is the main job on real input: the collectors watch a real
// system under a real lock, live and recorded.
func TestRealInput(t *testing.T) {
	s := startShop(t)
	dsn := s.pg.DSNOf("monitor", "w4tch")
	sources := []string{"--pg", dsn, "--gateway-log", s.log, "--log-format", shopLogFormat, "--metrics", s.metrics}

	// A recording from before the lock on.
	recording := filepath.Join(t.TempDir(), "night.incident")
	rec := exec.Command(binary(t, "tripcurve"), append([]string{"record", "--record", recording}, sources...)...)
	var recErr strings.Builder
	rec.Stderr = &recErr
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- rec.Wait() }()
	t.Cleanup(func() { _ = rec.Process.Kill() })
	waitFor(t, "the healthy baseline in the access log", 15*time.Second, func() bool { return lines(s.log) > 60 })

	locked := time.Now()
	pid, since, release := s.migrate()
	claims := []string{"pid " + strconv.Itoa(pid), "SHARE", "stock_reservations"}

	t.Run("now names the blocker", func(t *testing.T) {
		waitFor(t, "somebody waiting", 15*time.Second, func() bool {
			_, _, code := command(t, "now", "--pg", dsn)
			return code == exitFindings
		})
		out, _, _ := command(t, "now", "--pg", dsn, "--format", "json")
		var tree locktree.Tree
		if err := json.Unmarshal([]byte(out), &tree); err != nil {
			t.Fatalf("%v in:\n%s", err, out)
		}
		if len(tree.Roots) != 1 || tree.Roots[0].PID != pid || tree.Roots[0].Held != "SHARE" || tree.Roots[0].Relation != "stock_reservations" {
			t.Errorf("roots %+v; want pid %d holding SHARE on stock_reservations", tree.Roots, pid)
		}
		for _, w := range tree.Roots[0].Waiters {
			if w.Wanted != "ROW EXCLUSIVE" || w.Application != "inventory-write" {
				t.Errorf("waiter %+v; only writers wait for this lock", w)
			}
		}
	})

	t.Run("watch that joins late says since when", func(t *testing.T) {
		<-time.After(time.Until(locked.Add(lateBy)))
		term := startTerminal(t, 120, 36, nil, binary(t, "tripcurve"), append([]string{"watch", "--record", filepath.Join(t.TempDir(), "late.incident")}, sources...)...)
		for _, c := range claims {
			term.waitFor(c)
		}
		// The sentence says since when, to the second of the transaction's start;
		// the clock of the header is 20 s later by now.
		term.waitFor(since.UTC().Format("15:04:05Z"))
		term.send("2")
		term.waitFor("ROW EXCLUSIVE")
		if strings.Contains(term.screen(), "inventory-read") {
			t.Errorf("readers do not wait for a SHARE lock:\n%s", term.screen())
		}
		term.send("q")
		if code := term.waitExit(); code != 0 {
			t.Errorf("exit code %d; output %q", code, term.output())
		}
	})

	release()
	waitFor(t, "the writers to go on", 15*time.Second, func() bool {
		_, _, code := command(t, "now", "--pg", dsn)
		return code == exitFine
	})
	if err := rec.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatalf("record: %v\n%s", err, recErr.String())
	}
	if strings.Contains(recErr.String(), "w4tch") {
		t.Errorf("the password is on the screen:\n%s", recErr.String())
	}

	var sentence string
	t.Run("analyze says the same", func(t *testing.T) {
		out, errs, code := command(t, "analyze", recording, "--format", "json")
		if code != exitFindings {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		var rep report.Report
		if err := json.Unmarshal([]byte(out), &rep); err != nil {
			t.Fatal(err)
		}
		sentence = rep.Sentence
		for _, c := range append(claims, since.UTC().Format("15:04:05Z")) {
			if !strings.Contains(rep.Sentence, c) {
				t.Errorf("the sentence does not name %q: %s", c, rep.Sentence)
			}
		}
		for _, e := range rep.Endpoints {
			switch e.Method + " " + e.Route {
			case "POST /api/orders":
				if e.During.Failed == 0 {
					t.Errorf("no failed order during the impact: %+v", e)
				}
			case "GET /api/inventory/:id": // inferred: nobody named the routes
				if e.During.Failed > 0 {
					t.Errorf("reads failed, but a SHARE lock blocks no read: %+v", e)
				}
			default:
				t.Errorf("unexpected endpoint %s %s", e.Method, e.Route)
			}
		}
		raw, err := os.ReadFile(recording)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "w4tch") {
			t.Error("the password is in the recording")
		}
	})

	t.Run("open says the same", func(t *testing.T) {
		term := startTerminal(t, 200, 50, nil, binary(t, "tripcurve"), "open", recording)
		term.waitUntil("the sentence that analyze prints: "+sentence, func(s string) bool {
			return sentence != "" && strings.Contains(strings.Join(strings.Fields(s), " "), sentence)
		})
		term.send("q")
		if code := term.waitExit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
}

// TestRealPostgresGone stops the server in the middle of a recording.
func TestRealPostgresGone(t *testing.T) {
	pg := pgtest.Start(t)
	recording := filepath.Join(t.TempDir(), "gone.incident")
	rec := exec.Command(binary(t, "tripcurve"), "record", "--record", recording, "--pg", pg.DSN())
	var stderr strings.Builder
	rec.Stderr = &stderr
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- rec.Wait() }()
	t.Cleanup(func() { _ = rec.Process.Kill() })
	recorded := func(what string) func() bool {
		return func() bool {
			out, _, code := command(t, "analyze", recording, "--format", "json")
			return (code == exitFine || code == exitFindings) && strings.Contains(out, what)
		}
	}
	waitFor(t, "the first samples", 15*time.Second, recorded(`"state": "ok"`))
	pg.Stop()
	waitFor(t, "the source recorded as down", 20*time.Second, recorded(`"state": "down"`))
	// What was recorded before is still there, and the time without is a gap.
	_, before, err := loadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	pg.Resume(t)
	waitFor(t, "samples again", 60*time.Second, recorded(`"state": "ok"`))
	_, after, err := loadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	samples := before.SampleTimes(before.Window)
	if kept := after.SampleTimes(before.Window); len(samples) == 0 || len(kept) < len(samples) {
		t.Errorf("%d samples before the server went, %d of them later", len(samples), len(kept))
	}
	if len(after.Gaps("postgres")) == 0 {
		t.Error("the time without the server is no gap")
	}
	if err := rec.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("record: %v\n%s", err, stderr.String())
	}
	if strings.Contains(stderr.String(), pgtest.Password) {
		t.Error("the password is on the screen")
	}

	pg.Stop()
	_, errs, code := command(t, "now", "--pg", pg.DSN())
	if code != exitUnreachable || strings.Count(strings.TrimSpace(errs), "\n") != 0 || strings.Contains(errs, pgtest.Password) {
		t.Errorf("now on a stopped server: exit code %d, %q; want 3 and one line", code, errs)
	}
}

// waitFor polls until ok, which looks at other processes and has nothing to
// wait on.
func waitFor(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("no sign of %s within %s", what, limit)
		case <-tick.C:
		}
	}
}

func lines(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return strings.Count(string(b), "\n")
}
