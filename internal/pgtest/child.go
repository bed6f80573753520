package pgtest

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// child is a server process that a test has started.
type child struct {
	lifeline io.Closer     // the process is asked to stop when it closes
	exited   chan struct{} // closed when it has
}

// stop asks the process to stop and waits until it has.
func (c *child) stop() {
	_ = c.lifeline.Close()
	<-c.exited
}

// startChild starts cmd and waits until it is ready: heard is told each line of its log,
// and is to see that ready is closed, once. A shell stops the process when its standard
// input ends, so that a test that is killed leaves no server behind.
func startChild(t testing.TB, name string, cmd *exec.Cmd, heard func(line string, ready chan<- struct{}, exited <-chan struct{})) *child {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append([]string{"sh", "-c", `"$0" "$@" & p=$!; cat >/dev/null; kill -INT $p; wait $p`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = sh
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{lifeline: stdin, exited: make(chan struct{})}
	ready := make(chan struct{})
	var log strings.Builder // read by others only after exited
	go func() {
		defer close(c.exited)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if log.Len() < 1<<16 {
				log.WriteString(lines.Text() + "\n")
			}
			heard(lines.Text(), ready, c.exited)
		}
		_ = cmd.Wait() // a stopped server's exit code says nothing
	}()
	select {
	case <-ready:
	case <-c.exited:
		t.Fatalf("%s did not start:\n%s", name, log.String())
	case <-time.After(startTimeout):
		c.stop()
		t.Fatalf("%s was not ready within %s:\n%s", name, startTimeout, log.String())
	}
	return c
}
