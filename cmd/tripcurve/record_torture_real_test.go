//go:build real

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
)

// countedPages serves a /metrics page of a counter for every name, and remembers which
// value it gave when: what a recording must have.
type countedPages struct {
	*httptest.Server
	wide int // series more on each page, to fill a disk

	mu     sync.Mutex
	served map[string][]served
}

type served struct {
	value float64
	at    time.Time
}

func newCountedPages(t *testing.T, wide int) *countedPages {
	t.Helper()
	p := &countedPages{wide: wide, served: map[string][]served{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Base(r.URL.Path)
		p.mu.Lock()
		defer p.mu.Unlock()
		n := float64(len(p.served[name]) + 1)
		w.Header().Set("Content-Type", "text/plain")
		_, err := fmt.Fprintf(w, "grpc_client_started_total{grpc_method=\"Count\"} %g\n", n)
		for i := range p.wide {
			fmt.Fprintf(w, "grpc_client_started_total{grpc_method=\"M%d\"} %g\n", i, n)
		}
		if err == nil {
			p.served[name] = append(p.served[name], served{n, time.Now()})
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *countedPages) url(name string) string { return p.URL + "/" + name }

// before are the values served under a name before an instant.
func (p *countedPages) before(name string, end time.Time) []served {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []served
	for _, s := range p.served[name] {
		if s.at.Before(end) {
			all = append(all, s)
		}
	}
	return all
}

// recordedValues are the values of the counter that a recording has of a source.
func recordedValues(v *incident.View, source string) map[float64]bool {
	values := map[float64]bool{}
	for _, s := range v.AllSeries() {
		if s.Origin.Name == source && s.Labels["grpc_method"] == "Count" {
			for _, p := range s.Points {
				values[p.V] = true
			}
		}
	}
	return values
}

// missing counts what was served and is not recorded.
func missing(p *countedPages, name string, v *incident.View, end time.Time) (lost int, of int) {
	all, values := p.before(name, end), recordedValues(v, name)
	for _, s := range all {
		if !values[s.value] {
			lost++
		}
	}
	return lost, len(all)
}

// recorder is `record` with a settings file.
type recorder struct {
	t      *testing.T
	cmd    *exec.Cmd
	path   string
	exited chan struct{}

	mu     sync.Mutex
	stderr strings.Builder
	news   chan struct{}
}

// startRecorder starts it; wrap runs before the program's name, such as a shell's
// limits.
func startRecorder(t *testing.T, recording, sources string, wrap []string, args ...string) *recorder {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(settings, []byte("sources:\n"+sources), 0o600); err != nil {
		t.Fatal(err)
	}
	line := slices.Concat(wrap, []string{binary(t, "tripcurve"), "record", "--config", settings, "--record", recording}, args)
	r := &recorder{t: t, cmd: exec.Command(line[0], line[1:]...), path: recording, exited: make(chan struct{}), news: make(chan struct{}, 1)}
	r.cmd.Dir, r.cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	pipe, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.exited)
		buf := make([]byte, 4<<10)
		for {
			n, err := pipe.Read(buf)
			r.mu.Lock()
			r.stderr.Write(buf[:n])
			r.mu.Unlock()
			select {
			case r.news <- struct{}{}:
			default:
			}
			if err != nil {
				_ = r.cmd.Wait() // its code is in ProcessState
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.exited
	})
	return r
}

func (r *recorder) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stderr.String()
}

// wait waits until what it said from a place on has a text, and says where that ends.
func (r *recorder) wait(from int, text string, limit time.Duration) int {
	r.t.Helper()
	deadline := time.After(limit)
	for {
		said := r.said()
		if i := strings.Index(said[min(from, len(said)):], text); i >= 0 {
			return from + i + len(text)
		}
		select {
		case <-r.news:
		case <-r.exited:
			if !strings.Contains(r.said()[min(from, len(r.said())):], text) {
				r.t.Fatalf("it ended without saying %q:\n%s", text, r.said())
			}
		case <-deadline:
			r.t.Fatalf("no %q within %s in:\n%s", text, limit, r.said())
		}
	}
}

// end asks it to end and gives its exit code.
func (r *recorder) end() int {
	r.t.Helper()
	_ = r.cmd.Process.Signal(syscall.SIGINT) // it may have ended by itself
	return r.code(20 * time.Second)
}

func (r *recorder) code(limit time.Duration) int {
	r.t.Helper()
	select {
	case <-r.exited:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		r.t.Fatalf("it has not ended within %s:\n%s", limit, r.said())
		return -1
	}
}

// sound is the evidence of a recording that SQLite finds nothing wrong with.
func sound(t *testing.T, path string) *incident.View {
	t.Helper()
	s, err := file.Inspect(path)
	if err != nil || len(s.Damage) > 0 {
		t.Fatalf("%s: %v, damage %q", path, err, s.Damage)
	}
	_, v, err := loadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const tortureLine = `198.51.100.7 - - [%s] "GET /api/orders/7 HTTP/1.1" 200 157 "-" "x" 0.002 0.001 10.0.3.15:8080 200` + "\n"

// TestRealRecordSurvivesKill kills a recorder 100 times at random moments. Each file
// opens, is sound, and lacks nothing that was served a second before.
func TestRealRecordSurvivesKill(t *testing.T) {
	const kills, atOnce = 100, 5
	pages := newCountedPages(t, 20)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	var served, recorded, lines, counted int
	var worst time.Duration // age of the oldest page that is missing
	var turns sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for n := range kills {
		moment := time.Duration(dice.Int64N(int64(2200 * time.Millisecond)))
		free <- struct{}{}
		turns.Go(func() {
			defer func() { <-free }()
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				dir := t.TempDir()
				log, err := os.OpenFile(filepath.Join(dir, "access.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				defer log.Close()
				name := "p" + strconv.Itoa(n)
				r := startRecorder(t, filepath.Join(dir, "night.incident"), fmt.Sprintf(
					"  metrics: [{name: %s, every: 100ms, url: %q}]\n  gateway_logs: [{name: edge, path: %q}]\n",
					name, pages.url(name), log.Name()), nil, "--since", "1h")
				r.wait(0, "recording to", 20*time.Second)
				var written []time.Time
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				for end := time.After(moment); end != nil; {
					select {
					case <-end:
						end = nil
					case <-tick.C:
						if _, err := fmt.Fprintf(log, tortureLine, time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700")); err != nil {
							t.Fatal(err)
						}
						written = append(written, time.Now())
					}
				}
				killed := time.Now()
				if err := r.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				<-r.exited
				v := sound(t, r.path)
				values := recordedValues(v, name)
				all := pages.before(name, killed)
				mu.Lock()
				defer mu.Unlock()
				for _, s := range all {
					served++
					if values[s.value] {
						recorded++
						continue
					}
					age := killed.Sub(s.at)
					worst = max(worst, age)
					if age > time.Second {
						t.Errorf("a page served %s before the kill is missing", age)
					}
				}
				got, due := 0, 0
				for _, b := range v.Buckets() {
					got += int(b.Ended)
				}
				for _, at := range written {
					if killed.Sub(at) > 1250*time.Millisecond { // handed out each second, and written
						due++
					}
				}
				if got < due || got > len(written) {
					t.Errorf("%d requests are counted, of %d lines, %d of them older than 1.25 s", got, len(written), due)
				}
				lines, counted = lines+len(written), counted+got
			})
		})
	}
	turns.Wait()
	t.Logf("%d kills: %d of %d pages recorded, the oldest missing one was %s old; %d of %d lines counted, the others still stand in the log",
		kills, recorded, served, worst.Round(time.Millisecond), counted, lines)
	if served < kills {
		t.Errorf("only %d pages were served: nothing was tortured", served)
	}
}

// mounted mounts a file system of a few megabytes for the test; false where that is
// not allowed.
func mounted(t *testing.T, args ...string) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		t.Logf("mount %v: %v, %s", args, err, out)
		return "", false
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v, %s", err, out)
		}
	})
	return dir, true
}

// TestRealRecordOnADiskThatFails fills a disk, and makes one read-only, under a
// recording: an alarm, a file that can be read, no crash. Who may not mount has a
// limit on the size of files, and a folder that takes none.
func TestRealRecordOnADiskThatFails(t *testing.T) {
	pages := newCountedPages(t, 400)
	source := func(name string) string {
		return fmt.Sprintf("  metrics: [{name: %s, every: 100ms, url: %q}]\n", name, pages.url(name))
	}
	readable := func(t *testing.T, r *recorder, name string) {
		t.Helper()
		said := r.said()
		if !strings.Contains(said, "ALARM: the recording has stopped") || strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
			t.Errorf("no alarm, or a crash:\n%s", said)
		}
		v := sound(t, r.path)
		values, all := recordedValues(v, name), pages.before(name, time.Now())
		if len(values) == 0 || len(values) > len(all) {
			t.Errorf("%d of %d pages are readable", len(values), len(all))
		}
		for n := range len(values) { // a beginning without holes
			if !values[float64(n+1)] {
				t.Errorf("page %d is missing of %d", n+1, len(values))
			}
		}
		t.Logf("%d of %d pages were recorded before; %s", len(values), len(all), said[strings.Index(said, "tripcurve: "):])
	}
	t.Run("full", func(t *testing.T) {
		dir, ok := mounted(t, "-t", "tmpfs", "-o", "size=2m", "tmpfs")
		var wrap []string
		says := "no room left on disk"
		if !ok {
			dir, wrap, says = t.TempDir(), []string{"sh", "-c", `ulimit -f 2000; exec "$0" "$@"`}, "the disk takes no writes any more"
		}
		r := startRecorder(t, filepath.Join(dir, "night.incident"), source("full"), wrap)
		if code := r.code(30 * time.Second); code != exitUsage || !strings.Contains(r.said(), says) {
			t.Errorf("exit code %d, want %d and %q:\n%s", code, exitUsage, says, r.said())
		}
		readable(t, r, "full")
	})
	t.Run("read-only", func(t *testing.T) {
		image := filepath.Join(t.TempDir(), "image")
		f, err := os.Create(image)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(16<<20), f.Close()); err != nil {
			t.Fatal(err)
		}
		dir, ok := "", false
		if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
			t.Logf("mkfs.ext4: %v, %s", err, out)
		} else {
			dir, ok = mounted(t, "-o", "loop", image)
		}
		if !ok { // a folder that is read-only from the beginning
			dir = t.TempDir()
			if err := os.Chmod(dir, 0o500); err != nil {
				t.Fatal(err)
			}
			r := startRecorder(t, filepath.Join(dir, "night.incident"), source("locked"), nil)
			if code := r.code(10 * time.Second); code != exitUsage || strings.Count(strings.TrimSpace(r.said()), "\n") != 0 {
				t.Errorf("exit code %d, want %d and one line:\n%s", code, exitUsage, r.said())
			}
			return
		}
		r := startRecorder(t, filepath.Join(dir, "night.incident"), source("ro"), nil)
		r.wait(0, "ro ok", 20*time.Second)
		waitFor(t, "some pages", 20*time.Second, func() bool { return len(pages.before("ro", time.Now())) > 10 })
		// What a kernel does that has found an error on the disk.
		if out, err := exec.Command("mount", "-o", "remount,abort", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v, %s", err, out)
		}
		if code := r.code(20 * time.Second); code != exitUsage || !strings.Contains(r.said(), "the disk takes no writes any more") {
			t.Errorf("exit code %d, want %d:\n%s", code, exitUsage, r.said())
		}
		readable(t, r, "ro")
	})
	t.Run("on the screen", func(t *testing.T) {
		dir, ok := mounted(t, "-t", "tmpfs", "-o", "size=2m", "tmpfs")
		program, args := binary(t, "tripcurve"), []string{"watch", "--metrics", pages.url("screen")}
		if !ok {
			dir = t.TempDir()
			program, args = "sh", append([]string{"-c", `ulimit -f 2000; exec "$0" "$@"`, binary(t, "tripcurve")}, args...)
		}
		term := startTerminal(t, 120, 36, nil, program, append(args, "--record", filepath.Join(dir, "w.incident"))...)
		term.waitFor("LIVE")
		if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 1), 0o600); err != nil {
			t.Fatal(err)
		}
		fill(t, filepath.Join(dir, "ballast"), ok)
		term.waitFor("recording DOWN")
		term.send("q")
		if code := term.waitExit(); code != exitUsage {
			t.Errorf("exit code %d, want %d; %s", code, exitUsage, term.output())
		}
	})
}

// fill writes to a file until nothing fits any more; on a disk of ours alone.
func fill(t *testing.T, path string, ours bool) {
	t.Helper()
	if !ours {
		return // the limit on the size of files comes by itself
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4<<10); ; {
		if _, err := f.Write(block); err != nil {
			return
		}
	}
}
