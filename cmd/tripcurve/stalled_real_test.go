//go:build real

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestRealStalledTerminal lets nobody read what watch and record write for a minute;
// both go on recording.
func TestRealStalledTerminal(t *testing.T) {
	t.Parallel()
	const stall = time.Minute
	pages := newCountedPages(t, 0)
	dir := t.TempDir()
	settings := filepath.Join(dir, "config.yaml")
	config := func(name string) string {
		return fmt.Sprintf("sources:\n  metrics: [{name: %s, every: 100ms, url: %q}]\n", name, pages.url(name))
	}
	if err := os.WriteFile(settings, []byte(config("watched")), 0o600); err != nil {
		t.Fatal(err)
	}
	watched := filepath.Join(dir, "watched.incident")
	cmd := exec.Command(binary(t, "tripcurve"), "watch", "--config", settings, "--record", watched)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8"}
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 200, Rows: 50})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = screen.Close() })
	var reading sync.Mutex // held by who lets nobody read
	go func() {
		buf := make([]byte, 32<<10)
		for {
			reading.Lock()
			_, err := screen.Read(buf)
			reading.Unlock()
			if err != nil {
				break
			}
		}
		ended <- cmd.Wait()
	}()

	// A recorder whose stderr is a pipe that is full.
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := os.WriteFile(filepath.Join(dir, "recorded.yaml"), []byte(config("recorded")), 0o600); err != nil {
		t.Fatal(err)
	}
	recorded := filepath.Join(dir, "recorded.incident")
	rec := exec.Command(binary(t, "tripcurve"), "record", "--config", filepath.Join(dir, "recorded.yaml"), "--record", recorded)
	rec.Env, rec.Stderr = cmd.Env, in
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rec.Process.Kill() })
	waitFor(t, "both at work", 30*time.Second, func() bool {
		return len(pages.before("watched", time.Now())) > 5 && len(pages.before("recorded", time.Now())) > 5
	})
	filled := make(chan struct{})
	go func() { // waits for a reader once the pipe is full
		defer close(filled)
		_, _ = in.Write(make([]byte, 1<<20))
	}()

	reading.Lock()
	began := time.Now()
	for until := time.After(stall); until != nil; {
		select {
		case <-until:
			until = nil
		case <-time.After(250 * time.Millisecond): // other screens, so that there is much to write
			if _, err := screen.WriteString(strconv.Itoa(1 + int(time.Since(began)/(250*time.Millisecond))%5)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stood := time.Now()
	reading.Unlock()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	// What was served while nobody read must be there once they have ended.
	if _, err := screen.WriteString("qqq"); err != nil {
		t.Fatal(err)
	}
	if err := rec.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err = <-ended:
		if err != nil {
			t.Errorf("watch: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("watch does not end")
	}
	if err := rec.Wait(); err != nil {
		t.Errorf("record: %v", err)
	}
	t.Logf("both ended %s after somebody read again", time.Since(stood).Round(time.Millisecond))
	<-filled
	_ = in.Close()
	for name, path := range map[string]string{"watched": watched, "recorded": recorded} {
		v := sound(t, path)
		lost, of := missing(pages, name, v, stood)
		during := 0
		for _, s := range pages.before(name, stood) {
			if s.at.After(began) {
				during++
			}
		}
		if lost > 0 || during < int(stall/(200*time.Millisecond)) {
			t.Errorf("%s: %d of %d pages lost, %d were served while nobody read", name, lost, of, during)
		}
		t.Logf("%s: %d of %d pages lost, %d of them served in the %s without a reader", name, lost, of, during, stall)
	}
}
