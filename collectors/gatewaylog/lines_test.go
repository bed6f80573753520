package gatewaylog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// imported is the evidence of a log.
func imported(t *testing.T, path string, opt Options) *incident.View {
	t.Helper()
	ev := incident.NewEvidence()
	if _, err := Import(context.Background(), path, opt, func(f []incident.Fact) error { ev.Add(f...); return nil }); err != nil {
		t.Fatal(err)
	}
	return ev.Snapshot()
}

// linesOf reads the lines of a window that match, and how much of the log was looked at.
func linesOf(t *testing.T, v *incident.View, w incident.Window, match func(*incident.Exemplar) bool) (lines []incident.Exemplar, where string) {
	t.Helper()
	l, err := openLines(context.Background(), incident.LinesWanted{
		Log: v.LogFiles()[0], Window: w, Until: w.To.Add(31 * time.Second), Endpoints: v.Endpoints(), Match: match,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for {
		found, part, err := l.Next(context.Background())
		lines = append(lines, found...)
		if part < 0 || part > 1 {
			t.Errorf("part %g", part)
		}
		if errors.Is(err, io.EOF) {
			return lines, l.Where()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Behind every number there are as many lines as it says, wherever the log is by now.
func TestLinesBehindCounts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	writeLog(t, path, 40_000) // of forty seconds, and thirty to the last end
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		t.Fatal(err)
	}
	v := imported(t, path, Options{Format: format})
	w := incident.Window{From: v.Window.From.Add(35 * time.Second), To: v.Window.From.Add(43 * time.Second)}
	check := func(t *testing.T, at string) {
		t.Helper()
		lines, where := linesOf(t, v, w, func(*incident.Exemplar) bool { return true })
		if filepath.Base(where) != at {
			t.Errorf("found at %s, want %s", where, at)
		}
		count := map[string]int64{}
		for i := range lines {
			x := &lines[i]
			count[x.Endpoint.String()+" "+x.Outcome.String()]++
			if x.Upstream == "" || x.Origin.To-x.Origin.From != int64(len(x.Raw)+1) || strings.ContainsRune(x.Raw, '\n') {
				t.Fatalf("%+v", x)
			}
		}
		v.EachBucket(w, func(b *incident.Bucket) { count[b.Endpoint.String()+" "+b.Outcome.String()] -= b.Started })
		for k, n := range count {
			if n != 0 {
				t.Errorf("%s: %d lines more than were counted", k, n)
			}
		}
		failed, _ := linesOf(t, v, w, func(x *incident.Exemplar) bool { return x.Failed() })
		if len(lines) == 0 || len(failed) == 0 || len(failed) >= len(lines) {
			t.Errorf("%d lines, %d of them failed", len(lines), len(failed))
		}
	}
	check(t, "access.log")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Rotated: another log has the name.
	for _, name := range []string{"access.log.1", "access.log.2.gz"} {
		content := text
		if strings.HasSuffix(name, ".gz") {
			content = zipped(t, text)
		}
		for p, b := range map[string][]byte{name: content, "access.log": []byte("another\n"), "access.log.0": []byte("and another\n")} {
			if err := os.WriteFile(filepath.Join(dir, p), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		check(t, name)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	want := incident.LinesWanted{Log: v.LogFiles()[0], Match: func(*incident.Exemplar) bool { return true }}
	if _, err := OpenLines(context.Background(), want); !errors.Is(err, ErrLogReplaced) {
		t.Errorf("rotated away: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLines(context.Background(), want); !errors.Is(err, ErrLogGone) {
		t.Errorf("gone: %v", err)
	}
}

// A log of hours is not read from its beginning, nor to its end.
func TestLinesOfAWindowReadLittle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	line := func(at time.Time) string {
		return `198.51.100.7 - - [` + at.Format("02/Jan/2006:15:04:05 -0700") + `] "GET /a HTTP/1.1" 200 157 "-" "` + strings.Repeat("x", 400) + "\"\n"
	}
	var text strings.Builder
	begin := time.Date(2026, 1, 15, 8, 0, 0, 0, time.UTC)
	for at := begin; at.Before(begin.Add(10 * time.Hour)); at = at.Add(time.Second) {
		text.WriteString(line(at))
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	v := imported(t, path, Options{})
	w := incident.Window{From: begin.Add(6 * time.Hour), To: begin.Add(6*time.Hour + time.Minute)}
	l, err := openLines(context.Background(), incident.LinesWanted{Log: v.LogFiles()[0], Window: w, Until: w.To, Match: func(*incident.Exemplar) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	found, _, err := l.Next(context.Background())
	if !errors.Is(err, io.EOF) || len(found) != 60 {
		t.Errorf("%d lines of a minute, %v", len(found), err)
	}
	if l.from == 0 || l.at-l.from > 4<<20 {
		t.Errorf("read from byte %d to %d of %d", l.from, l.at, l.total)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := l.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}

// Lines that no format understood, in a log with something around each line, of a
// given format.
func TestLinesNotUnderstood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	var text strings.Builder
	for i := range 20 {
		inner := `198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET /a HTTP/1.1" 200 157 "-" "-"`
		if i%5 == 0 {
			inner = "\x1b[31mgarbage"
		}
		text.WriteString("2026-01-15T14:23:31.122334455Z stdout F " + inner + "\n")
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	format, err := ParseFormat("combined")
	if err != nil {
		t.Fatal(err)
	}
	v := imported(t, path, Options{Format: format, Zone: time.UTC, Routes: []string{"GET /a => the-a"}})
	if l := v.LogFiles()[0]; l.Format != "nginx_combined" || l.Zone != "UTC" || l.Path != path || len(l.Routes) != 1 {
		t.Errorf("%+v", l)
	}
	at := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	w := incident.Window{From: at, To: at.Add(time.Minute)}
	bad, _ := linesOf(t, v, w, func(x *incident.Exemplar) bool { return x.Kind == incident.Unparsed })
	if len(bad) != 4 || bad[0].Note == "" {
		t.Errorf("%+v", bad)
	}
	good, _ := linesOf(t, v, w, func(x *incident.Exemplar) bool { return x.Kind != incident.Unparsed })
	if len(good) != 16 || good[0].Endpoint.Route != "the-a" {
		t.Errorf("%d lines, the first of %v", len(good), good[0].Endpoint)
	}
}

// What somebody else's file says of a path reads nothing but the very log.
func TestLinesOfAnotherFileAreNotRead(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] \"GET /a HTTP/1.1\" 200 157 \"-\" \"-\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, identity := range []string{"", "x", "0:", "82:0000000000000000"} {
		_, err := OpenLines(context.Background(), incident.LinesWanted{Log: incident.LogFile{Path: secret, Origin: incident.Origin{File: identity}}})
		if !errors.Is(err, ErrLogReplaced) {
			t.Errorf("identity %q: %v", identity, err)
		}
	}
	_, err := OpenLines(context.Background(), incident.LinesWanted{Log: incident.LogFile{Path: dir}})
	if err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder: %v", err)
	}
}

// A log that is followed says where it lies, and so does the next one of its name.
func TestLinesOfAFollowedLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	appendTo(t, path, requests(0, 10))
	r := follow(t, newFollow(t, quick(FollowOptions{Path: path, FromStart: true})))
	r.until("ten lines", func() bool { return r.ended() == 10 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, requests(100, 5))
	r.until("the next log", func() bool { return r.ended() == 15 })
	r.stop()
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	v := r.ev.Snapshot()
	if len(v.LogFiles()) != 2 {
		t.Fatalf("%+v", v.LogFiles())
	}
	found := map[string]int{}
	for _, l := range v.LogFiles() {
		lines, err := OpenLines(context.Background(), incident.LinesWanted{
			Log: l, Window: incident.Window{From: v.Window.From, To: v.Window.To.Add(time.Second)}, Until: v.Window.To, Endpoints: v.Endpoints(),
			Match: func(x *incident.Exemplar) bool {
				return x.Endpoint.Route == "/api/orders" && x.Upstream == "10.0.3.15:8080"
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := lines.Next(context.Background())
		if !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		found[filepath.Base(lines.Where())] = len(got)
		if err := lines.Close(); err != nil {
			t.Error(err)
		}
	}
	if found["access.log.1"] != 10 || found["access.log"] != 5 {
		t.Errorf("%v", found)
	}
}
