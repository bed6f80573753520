package gatewaylog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// followed runs a collector and gathers what it sends.
type followed struct {
	t      *testing.T
	facts  chan []incident.Fact
	status chan incident.SourceStatus
	err    chan error
	stop   context.CancelFunc
	ev     *incident.Evidence
	last   incident.SourceStatus
	gaps   int
}

func follow(t *testing.T, f *Follow) *followed {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	r := &followed{
		t: t, facts: make(chan []incident.Fact), status: make(chan incident.SourceStatus), err: make(chan error, 1),
		stop: stop, ev: incident.NewEvidence(),
	}
	go func() { r.err <- f.Run(ctx, r.facts, r.status) }()
	t.Cleanup(stop)
	return r
}

func quick(opt FollowOptions) FollowOptions {
	opt.Poll, opt.Emit = time.Millisecond, 2*time.Millisecond
	return opt
}

// until receives until ok says so, or fails when Run ends or the time is up.
func (r *followed) until(what string, ok func() bool) {
	r.t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	for !ok() {
		select {
		case facts := <-r.facts:
			r.add(facts)
		case r.last = <-r.status:
		case err := <-r.err:
			r.t.Fatalf("waiting for %s: ended: %v", what, err)
		case <-late.C:
			r.t.Fatalf("waiting for %s: %d requests, status %+v", what, r.ended(), r.last)
		}
	}
}

// end receives until Run returns.
func (r *followed) end() error {
	for {
		select {
		case facts := <-r.facts:
			r.add(facts)
		case r.last = <-r.status:
		case err := <-r.err:
			return err
		}
	}
}

func (r *followed) add(facts []incident.Fact) {
	r.ev.Add(facts...)
	for _, f := range facts {
		if e, ok := f.(incident.Episode); ok && e.Kind == incident.Gap {
			r.gaps++
		}
	}
}

func (r *followed) ended() (n int64) {
	for _, b := range r.ev.Snapshot().Buckets() {
		n += b.Ended
	}
	return n
}

// requests makes n lines of requests that end one per second from a second on.
func requests(from, n int) string {
	var b strings.Builder
	begin := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	for i := range n {
		at := begin.Add(time.Duration(from+i) * time.Second).Format("02/Jan/2006:15:04:05 -0700")
		fmt.Fprintf(&b, "198.51.100.7 - - [%s] \"POST /api/orders HTTP/1.1\" 502 157 \"-\" \"ShopApp\" 0.002 0.002 10.0.3.15:8080 502\n", at)
	}
	return b.String()
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newFollow(t *testing.T, opt FollowOptions) *Follow {
	t.Helper()
	f, err := NewFollow(quick(opt))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFollowGrowsAndRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	appendTo(t, path, requests(0, 5))
	r := follow(t, newFollow(t, FollowOptions{Path: path, FromStart: true}))
	r.until("the first lines", func() bool { return r.ended() == 5 })

	line := requests(5, 1)
	appendTo(t, path, line[:40]) // incomplete: held
	appendTo(t, path, line[40:]+requests(6, 1))
	r.until("a line in two pieces", func() bool { return r.ended() == 7 })

	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path+".1", requests(7, 2)) // the server has not noticed yet
	appendTo(t, path, requests(9, 3))
	r.until("the rotated file", func() bool { return r.ended() == 12 })
	r.until("a healthy status", func() bool { return strings.Contains(r.last.Detail, "; 12 lines") })
	if r.gaps != 0 || r.last.State != incident.SourceOK || !r.last.LastAt.Equal(time.Date(2026, 1, 15, 14, 0, 11, 0, time.UTC)) {
		t.Errorf("%d gaps, status %+v", r.gaps, r.last)
	}
	r.stop()
	if err := r.end(); err != nil {
		t.Errorf("stopped: %v", err)
	}
	// What was followed is not counted again by an import of the rotated file.
	before := r.ended()
	gather(t, r.ev, path+".1", Options{Known: KnownFiles(r.ev.Snapshot())})
	if got := r.ended(); got != before {
		t.Errorf("%d requests after importing what was followed, want %d", got, before)
	}
}

func TestFollowMarksTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	appendTo(t, path, requests(0, 50))
	r := follow(t, newFollow(t, FollowOptions{Path: path, FromStart: true}))
	r.until("the first lines", func() bool { return r.ended() == 50 })
	if err := os.WriteFile(path, []byte(requests(60, 2)), 0o600); err != nil { // in place, as copytruncate does
		t.Fatal(err)
	}
	r.until("the lines after it", func() bool { return r.ended() == 52 && r.gaps == 1 })
	// Begun anew and longer than before: only the first bytes tell.
	if err := os.WriteFile(path, []byte(requests(70, 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.until("the longer file", func() bool { return r.ended() == 72 && r.gaps == 2 })
}

func TestFollowFromTheEndAndSince(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	appendTo(t, path, requests(0, 40_000)) // more than the search margin
	end := newFollow(t, FollowOptions{Path: path})
	r := follow(t, end)
	r.until("a status", func() bool { return r.last.State == incident.SourceOK && r.last.Name != "" })
	appendTo(t, path, requests(40_000, 3))
	r.until("what is new", func() bool { return r.ended() == 3 })

	since := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC).Add(39_990 * time.Second)
	r = follow(t, newFollow(t, FollowOptions{Path: path, Options: Options{Since: since}}))
	r.until("the tail", func() bool { return r.ended() == 13 })
	r.stop()
	if err := r.end(); err != nil || r.ended() != 13 {
		t.Errorf("%d requests, %v", r.ended(), err)
	}
}

func TestFollowWaitsForAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	appendTo(t, path, "")
	r := follow(t, newFollow(t, FollowOptions{Path: path}))
	r.until("a status", func() bool { return r.last.Name != "" })
	if r.last.Detail != "waiting for the first lines" {
		t.Errorf("status %+v", r.last)
	}
	appendTo(t, path, "nginx: starting\n"+requests(0, 2))
	r.until("the first lines", func() bool { return r.ended() == 2 })
}

func TestFollowAgainGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	appendTo(t, path, requests(0, 5))
	f := newFollow(t, FollowOptions{Path: path, FromStart: true})
	first := follow(t, f)
	first.until("the first lines", func() bool { return first.ended() == 5 })
	first.stop()
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, requests(5, 2))
	second := follow(t, f)
	second.until("what came meanwhile", func() bool { return second.ended() == 2 })
}

func TestFollowUnknownFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.log")
	appendTo(t, path, strings.Repeat("Jan 15 14:23:31 web1 sshd[2213]: Accepted publickey\n", 200))
	r := follow(t, newFollow(t, FollowOptions{Path: path, FromStart: true}))
	if err := r.end(); !errors.Is(err, ErrUnknownFormat) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	r = follow(t, newFollow(t, FollowOptions{Path: filepath.Join(t.TempDir(), "none.log")}))
	if err := r.end(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestFollowStream(t *testing.T) {
	pr, pw := io.Pipe()
	r := follow(t, newFollow(t, FollowOptions{Reader: pr}))
	go func() {
		text := requests(0, 4)
		for len(text) > 0 {
			n := min(37, len(text))
			_, _ = io.WriteString(pw, text[:n])
			text = text[n:]
		}
		_, _ = io.WriteString(pw, strings.TrimSuffix(requests(4, 1), "\n"))
		_ = pw.Close()
	}()
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	want := []string{"14:00:00", "14:00:01", "14:00:02", "14:00:03", "14:00:04"}
	var got []string
	for _, b := range r.ev.Snapshot().Buckets() {
		if b.Ended == 1 {
			got = append(got, b.At.Format(time.TimeOnly))
		}
		if b.Origin != (incident.Origin{Group: Group, Name: "stdin"}) {
			t.Errorf("origin %+v", b.Origin)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
}
