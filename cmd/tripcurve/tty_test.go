//go:build tty

package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTTY measures the program as its user has it: the built binary on a real
// pseudo-terminal, beside yardsticks that take turns with it in the same run. It
// prints a table and fails where a target is missed. scripts/tty runs it.
func TestTTY(t *testing.T) {
	program := binary(t, "tripcurve")
	if p := os.Getenv("TRIPCURVE_TTY_PROGRAM"); p != "" {
		program = p // compiled as a release is
	}
	m := &ttyRun{program: program, dir: t.TempDir()}
	defer func() { m.print(t) }() // also of a run that could not end
	for _, part := range []struct {
		name string
		do   func()
	}{
		{"frames", m.firstFrames},
		{"keys", m.keys},
		{"sliders", m.sliders},
		{"idle", m.idle},
		{"memory", m.memory},
	} {
		t.Run(part.name, func(t *testing.T) {
			m.T = t
			began := time.Now()
			part.do()
			fmt.Printf("tty: %s took %.1f s\n", part.name, time.Since(began).Seconds())
		})
	}
}

// ttyRun is one run of the harness: what it made, and what it found.
type ttyRun struct {
	*testing.T  // of the part under way
	program     string
	dir         string
	large, long string // incident files, once they are made
	figures     []figure
}

// figure is one line of the table.
type figure struct {
	what, target, seen, ratio string
	verdict                   verdict
}

type verdict int

const (
	yardstick verdict = iota // nothing is promised of it
	held
	missed
)

func (v verdict) String() string { return [...]string{"", "held", "MISSED"}[v] }

// holds is the verdict on a figure that must not be above its target.
func holds[N cmp.Ordered](seen, target N) verdict {
	if seen <= target {
		return held
	}
	return missed
}

func (m *ttyRun) add(f figure) { m.figures = append(m.figures, f) }

func (m *ttyRun) print(t *testing.T) {
	head := figure{what: "WHAT", target: "TARGET", seen: "SEEN", ratio: "BESIDE"}
	var w [4]int
	for _, f := range append([]figure{head}, m.figures...) {
		for i, s := range []string{f.what, f.target, f.seen, f.ratio} {
			w[i] = max(w[i], len(s))
		}
	}
	line := func(f figure, v string) {
		fmt.Println(strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %-*s  %-*s  %s", w[0], f.what, w[1], f.target, w[2], f.seen, w[3], f.ratio, v), " "))
	}
	fmt.Printf("\n%d processors, load %s\n\n", runtime.NumCPU(), loadNow())
	line(head, "VERDICT")
	for _, f := range m.figures {
		line(f, f.verdict.String())
		if f.verdict == missed {
			t.Errorf("missed: %s: %s, target %s", f.what, f.seen, f.target)
		}
	}
	fmt.Println()
}

// loadNow is how many processes wanted a processor in the last minute.
func loadNow() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b))[0]
}

// peer is another program to measure beside; it is left out where it is not installed.
type peer struct {
	name  string
	args  []string
	begin string    // pressed first: goes to a list that can be moved in
	keys  [2]string // move on, move back
	path  string
}

// peers are the installed ones of htop, lnav and lazygit, each with something to show:
// the processes here, a log of 100,000 lines, a repository of 200 commits.
func (m *ttyRun) peers() []peer {
	all := []peer{
		{name: "htop", keys: [2]string{"\x1b[B", "\x1b[A"}},
		{name: "lnav", args: []string{"-N"}, keys: [2]string{"k", "j"}},
		{name: "lazygit", args: []string{"--path"}, begin: "4", keys: [2]string{"j", "k"}},
	}
	var there []peer
	for _, p := range all {
		path, err := exec.LookPath(p.name)
		if err != nil {
			absent := figure{what: p.name, seen: "not installed here"}
			if !slices.Contains(m.figures, absent) {
				m.add(absent)
			}
			continue
		}
		p.path = path
		switch p.name {
		case "lnav":
			p.args = append(p.args, m.accessLog())
		case "lazygit":
			p.args = append(p.args, m.repository())
		}
		there = append(there, p)
	}
	return there
}

// accessLog is a log of 100,000 lines.
func (m *ttyRun) accessLog() string {
	path := filepath.Join(m.dir, "access.log")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	var b strings.Builder
	at := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		fmt.Fprintf(&b, "198.51.100.7 - - [%s] \"GET /api/orders/%d HTTP/1.1\" 200 157 \"-\" \"ShopApp/7.3.1\"\n",
			at.Add(time.Duration(i)*800*time.Millisecond).Format("02/Jan/2006:15:04:05 -0700"), i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		m.Fatal(err)
	}
	return path
}

// repository is a repository of 200 commits.
func (m *ttyRun) repository() string {
	dir := filepath.Join(m.dir, "repository")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter nobody <nobody@example.com> %d +0000\ndata 8\nchange %d\n", 1768435200+i, i%10)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main", dir}, {"-C", dir, "fast-import", "--quiet"}} {
		cmd := exec.Command("git", args...)
		cmd.Stdin = strings.NewReader(b.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			m.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return dir
}

// start runs a program on a terminal until stop.
func (m *ttyRun) start(cols, rows int, program string, args ...string) *terminal {
	return startTerminal(m.T, cols, rows, nil, program, args...)
}

// A clock ticks a second's digits into another frame than the answer to a key that
// happens to be pressed just before: no more bytes than this, no sooner than that.
const (
	tickBytes = 16
	nextFrame = 5 * time.Millisecond
)

// press sends keys and waits until the program has been quiet for a while. last is
// the time to the last byte of the answer, n the bytes of it, without the tick of a
// clock; ok is false without an answer.
func (t *terminal) press(keys string, quiet time.Duration) (last time.Duration, n int, ok bool) {
	t.tb.Helper()
	t.mu.Lock()
	before := t.raw.Len()
	t.mu.Unlock()
	select {
	case <-t.changed:
	default:
	}
	sent := time.Now()
	t.send(keys)
	wait := time.NewTimer(time.Second)
	defer wait.Stop()
	for {
		select {
		case <-t.changed:
			wait.Reset(quiet)
			t.mu.Lock()
			took, wrote := t.wrote.Sub(sent), t.raw.Len()-before
			t.mu.Unlock()
			if tick := n > 0 && took-last > nextFrame && wrote-n <= tickBytes; !tick {
				last, n = took, wrote
			}
		case <-t.exited:
			t.tb.Fatalf("the program ended (%v) at key %q; all output: %q", t.err, keys, t.output())
		case <-wait.C:
			return last, n, n > 0
		}
	}
}

// written is how many bytes the program wrote so far.
func (t *terminal) written() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.raw.Len()
}

// quiet waits until the program has written nothing for that long.
func (t *terminal) quiet(d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	for limit := time.After(time.Minute); ; {
		select {
		case <-t.changed:
			wait.Reset(d)
		case <-wait.C:
			return
		case <-limit:
			t.tb.Fatalf("the program is never quiet for %v; the screen is:\n%s", d, t.screen())
		}
	}
}

// look leaves the emulator out, or takes it in again from the next byte on.
func (t *terminal) look(on bool) {
	t.mu.Lock()
	t.blind = !on
	t.mu.Unlock()
}

// percentile is the p-th of values in 0..1, by rank; values are sorted.
func percentile[N cmp.Ordered](values []N, p float64) N {
	slices.Sort(values)
	return values[min(len(values)-1, int(p*float64(len(values))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
