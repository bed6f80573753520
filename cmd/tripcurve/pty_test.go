package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
)

// TestWalk opens the program on a real terminal, walks all screens, moves a
// slider and sees the numbers change, exports, and leaves.
func TestWalk(t *testing.T) {
	// The shell notes the terminal's modes (echo, line editing, signals) before and after.
	term := startTerminal(t, 80, 24, []string{"PROGRAM=" + binary(t, "tripcurve")},
		"/bin/sh", "-c", `stty -a > before; "$PROGRAM"; code=$?; stty -a > after; exit $code`)
	flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	has := func(texts ...string) func(string) bool {
		return func(s string) bool {
			for _, w := range texts {
				if !strings.Contains(flat(s), w) {
					return false
				}
			}
			return true
		}
	}

	term.waitUntil("the sentence", has("pid 48291", "SHARE", "stock_reservations", "100 sessions"))
	term.waitUntil("coverage and remainder", has("240 s of 1,397 s (17.2 %)", "connection that nobody noticed was dead"))

	for _, s := range []struct {
		key  string
		want []string
	}{
		{"2", []string{"[2 Locks]", "1 root, 100 waiting", "holds SHARE", "ROW EXCLUSIVE"}},
		{"3", []string{"[3 Gateway]", "POST /api/orders", "GET /api/inventory/:sku", "1,245"}},
		{"4", []string{"[4 gRPC]", "order -> inventory Reserve", "latency metrics cannot see a hang"}},
		{"5", []string{"[5 Timeline]", "14:23:01Z", "first failing POST /api/orders"}},
		{"7", []string{"[7 Export]", "opossum", "resilience4j"}},
		{"?", []string{"on Export", "everywhere"}},
	} {
		term.send(s.key)
		term.waitUntil(strings.Join(s.want, ", "), has(s.want...))
	}
	term.send("\x1b")
	term.waitUntil("the help gone", func(s string) bool { return !strings.Contains(s, "everywhere") })

	// A slider: the deadline of order.inventory. The numbers of "this" appear and
	// the orders that fail are far fewer.
	term.send("6")
	term.waitUntil("today's numbers on Tune", has("[6 Tune]", "orders failed 1,2"))
	for range 4 { // library, timeout, deadline ... down to the deadline
		if strings.Contains(selected(term.screen()), "deadline") {
			break
		}
		row := selected(term.screen())
		term.send("j")
		term.waitUntil("another row selected", func(s string) bool { return selected(s) != row })
	}
	if got := selected(term.screen()); !strings.Contains(got, "deadline") {
		t.Fatalf("no deadline to select; the row is %q on\n%s", got, term.screen())
	}
	term.send("l")
	term.waitUntil("the numbers of this setting", func(s string) bool {
		return strings.Contains(selected(s), "s ") && hasChange(s)
	})

	// Export: choose the first target, write it, find the file.
	term.send("7")
	term.waitUntil("Export", has("[7 Export]"))
	term.send("\r")
	dir := term.cmd.Dir
	term.waitUntil("a written file", func(s string) bool {
		files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		return err == nil && len(files) > 0 && strings.Contains(flat(s), "wrote")
	})

	term.send("q")
	if code := term.waitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	modes := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if d := cmp.Diff(modes("before"), modes("after")); d != "" || !strings.Contains(modes("before"), "icanon") {
		t.Errorf("the terminal's modes are not as they were (-before +after):\n%s", d)
	}
	out := term.output()
	for what, seq := range map[string]string{"leaves the alternate screen": "\x1b[?1049l", "shows the cursor": "\x1b[?25h"} {
		if strings.LastIndex(out, seq) < strings.LastIndex(out, "\x1b[?1049h") {
			t.Errorf("the program never %s", what)
		}
	}
}

// selected is the row with the cursor.
func selected(screen string) string {
	for line := range strings.Lines(screen) {
		if strings.Contains(line, "▸") {
			return line
		}
	}
	return ""
}

// hasChange says whether the orders that failed show a change in percent.
func hasChange(screen string) bool {
	for line := range strings.Lines(screen) {
		if strings.HasPrefix(strings.TrimSpace(line), "orders failed ") {
			return strings.Contains(line, "%")
		}
	}
	return false
}

func TestInterruptLeavesTheTerminalAsItWas(t *testing.T) {
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"))
	term.waitFor("48291")
	term.send("\x03\x03")
	term.leavesInOrder()
}

// leavesInOrder says that the program ends well and leaves the terminal as it was.
func (t *terminal) leavesInOrder() {
	t.tb.Helper()
	if code := t.waitExit(); code != 0 {
		t.tb.Errorf("exit code %d", code)
	}
	if !strings.Contains(t.output(), "\x1b[?1049l") {
		t.tb.Error("the alternate screen was not left")
	}
}

// TestSuspend leaves the screens to a shell and comes back to them, in a terminal that is
// larger then.
func TestSuspend(t *testing.T) {
	term := startTerminal(t, 80, 24, []string{"PROGRAM=" + binary(t, "tripcurve"), "PS1=shell> "}, "bash", "--norc", "-i")
	term.waitFor("shell>")
	term.send("\"$PROGRAM\"\r")
	term.waitFor("48291")
	term.send("\x1a") // ctrl+z
	term.waitUntil("the shell alone", func(s string) bool { return strings.Contains(s, "Stopped") && !strings.Contains(s, "48291") })
	term.resize(100, 30)
	term.send("stty -a | tr -s ' ;' '\\n' | grep -cx -e icanon -e echo\r")
	term.waitUntil("a terminal that echoes and edits lines", func(s string) bool { return strings.Contains(s, "\n2\n") })
	term.send("fg\r")
	term.waitUntil("all of the screens again", func(s string) bool {
		lines := strings.Split(s, "\n")
		return strings.Contains(s, "48291") && len(lines) == 30 && strings.Contains(lines[29], "simulate inc-2847")
	})
	term.send("2")
	term.waitFor("[2 Locks]")
	term.send("q")
	term.waitUntil("the shell again", func(s string) bool { return !strings.Contains(s, "Locks") })
	term.send("exit\r")
	term.leavesInOrder()
}

// TestStopped: somebody else stops the program, a shell writes over its screen and edits lines
// again, and brings it back.
func TestStopped(t *testing.T) {
	term := startTerminal(t, 80, 24, []string{"PROGRAM=" + binary(t, "tripcurve"), "PS1=shell> "}, "bash", "--norc", "-i")
	term.waitFor("shell>")
	term.send("sh -c 'echo $$ >pid; exec \"$PROGRAM\"'\r")
	term.waitFor("48291")
	term.send("2")
	term.waitFor("[2 Locks]")
	b, err := os.ReadFile(filepath.Join(term.cmd.Dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	term.waitFor("Stopped")
	term.send("fg\r")
	term.waitUntil("all of the screens again", func(s string) bool {
		return strings.HasPrefix(s, " INC-2847") && strings.Contains(s, "[2 Locks]") && !strings.Contains(s, "Stopped")
	})
	term.send("3")
	term.waitFor("[3 Gateway]")
	term.send("q") // once: a second one would be the shell's
	term.waitUntil("the shell again", func(s string) bool { return !strings.Contains(s, "Gateway") })
	term.send("exit\r")
	term.leavesInOrder()
}

func TestNoColor(t *testing.T) {
	term := startTerminal(t, 80, 24, []string{"NO_COLOR=yes"}, binary(t, "tripcurve"))
	term.waitFor("48291")
	for _, sgr := range regexp.MustCompile(`\x1b\[([0-9;:]*)m`).FindAllStringSubmatch(term.output(), -1) {
		for _, p := range strings.FieldsFunc(sgr[1], func(r rune) bool { return r == ';' || r == ':' }) {
			if n, _ := strconv.Atoi(p); n >= 30 && n <= 49 && n != 39 && n != 49 || n >= 90 && n <= 107 {
				t.Fatalf("colour %q although NO_COLOR is set", sgr[0])
			}
		}
	}
}

func TestASCII(t *testing.T) {
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "--ascii")
	term.waitFor("48291")
	for _, r := range term.screen() {
		if r > 127 {
			t.Fatalf("%q on an ASCII screen:\n%s", r, term.screen())
		}
	}
}

func TestDumbTerminalGetsTheReport(t *testing.T) {
	term := startTerminal(t, 80, 24, []string{"TERM=dumb"}, binary(t, "tripcurve"))
	if code := term.waitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	out := term.output()
	if strings.Contains(out, "\x1b") || !strings.Contains(out, "48291") || !strings.Contains(out, "the screens need a terminal") {
		t.Errorf("want the plain report and why; got %q", out[:min(len(out), 400)])
	}
}

func TestTinyTerminal(t *testing.T) {
	term := startTerminal(t, 40, 10, nil, binary(t, "tripcurve"))
	term.waitFor("need 60x18")
	term.waitFor("48291")
	term.send("q")
	if code := term.waitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestOpenBadFile prints one line on a plain terminal and no screen.
func TestOpenBadFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes.incident")
	if err := os.WriteFile(file, []byte("only notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "open", file)
	if code := term.waitExit(); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	if out := term.output(); strings.Contains(out, "\x1b") || !strings.Contains(out, "not an incident file") {
		t.Errorf("output %q", out)
	}
}

// TestOpenDamagedFile finds the damage while the screens are shown already: they end, and
// the reason is one line on a plain terminal.
func TestOpenDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "night.incident")
	w, err := file.Create(path, "night", time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(w.Append([]incident.Fact{incident.Bucket{At: time.Unix(1_768_435_200, 0), Width: time.Second, Status: 200, Started: 1}}, nil), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE bucket SET outcome = 'of a later program'`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "open", path)
	if code := term.waitExit(); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	_, plain, left := strings.Cut(term.output(), "\x1b[?1049l")
	if !left || !strings.Contains(plain, `read buckets: damaged incident file: outcome "of a later program"`) {
		t.Errorf("left the screens: %v; afterwards %q", left, plain)
	}
}

// TestOpenDamagedHead finds the damage while the screens are being made: none is shown.
func TestOpenDamagedHead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "night.incident")
	w, err := file.Create(path, "night", time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`DROP TABLE meta`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "open", path)
	if code := term.waitExit(); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	if out := term.output(); strings.Contains(out, "\x1b[?1049h") || !strings.Contains(out, "night.incident: open: ") || !strings.Contains(out, "no such table: meta") {
		t.Errorf("output %q", out)
	}
}

// TestOpenSaysWhatWasConcluded shows the sentence of a recorded incident until its
// evidence is read, and then what that says.
func TestOpenSaysWhatWasConcluded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "night.incident")
	w, err := file.Create(path, "night", time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(w.Conclude(file.Conclusion{Sentence: "pid 7 held SHARE on orders", Confidence: "Likely"}), w.Close())
	if err != nil {
		t.Fatal(err)
	}
	term := startTerminal(t, 80, 24, nil, binary(t, "tripcurve"), "open", path)
	term.waitUntil("the sentence", func(string) bool {
		out := term.output()
		return strings.Contains(out, "pid 7 held SHARE on orders") && strings.Contains(out, "as it was concluded when this was recorded")
	})
	term.waitFor("no source has given evidence yet") // what the evidence says has replaced it
}

// TestLogFromStdin is `kubectl logs -f ... | tripcurve watch --gateway-log -`: the
// log comes from the standard input, so keys come from the terminal itself.
func TestLogFromStdin(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	term := startTerminal(t, 80, 24, []string{"PROGRAM=" + binary(t, "tripcurve"), "LOG=" + pipe},
		"/bin/sh", "-c", `exec "$PROGRAM" watch --gateway-log - --record live.incident < "$LOG"`)
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for the program to open its end
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const line = `198.51.100.7 - - [%s] "POST /api/orders HTTP/1.1" %d 157 "-" "ShopApp/7.3.1" 0.012 0.011 10.0.3.15:8080 %[2]d` + "\n"
	at := time.Now().UTC()
	for i := range 40 {
		if _, err := fmt.Fprintf(w, line, at.Add(time.Duration(i-40)*time.Second).Format("02/Jan/2006:15:04:05 -0700"), 201); err != nil {
			t.Fatal(err)
		}
	}
	term.send("3")
	term.waitFor("POST /api/orders")
	term.send("q")
	if code := term.waitExit(); code != 0 {
		t.Errorf("exit code %d; output %q", code, term.output())
	}
	if !strings.Contains(term.output(), "open it again with: tripcurve open live.incident") {
		t.Errorf("the recording is not named at the end: %q", term.output())
	}
}

// TestFirstScreen holds what a new user sees first, from the real run through the
// real parsers and rules. TRIPCURVE_UPDATE=1 rewrites it.
func TestFirstScreen(t *testing.T) {
	for _, size := range []struct{ cols, rows int }{{80, 24}, {200, 50}} {
		t.Run(fmt.Sprintf("%dx%d", size.cols, size.rows), func(t *testing.T) {
			golden := filepath.Join("testdata", fmt.Sprintf("overview-%dx%d.txt", size.cols, size.rows))
			term := startTerminal(t, size.cols, size.rows, nil, binary(t, "tripcurve"))
			if os.Getenv("TRIPCURVE_UPDATE") != "" {
				term.waitFor("380 of max 3,752")
				for quiet := false; !quiet; { // a frame arrives in pieces
					select {
					case <-term.changed:
					case <-time.After(time.Second):
						quiet = true
					}
				}
				if err := os.WriteFile(golden, []byte(term.screen()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			term.waitUntil("the screen of "+golden, func(s string) bool { return s+"\n" == string(want) })
		})
	}
}
