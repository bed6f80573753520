package gatewaylog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/collectors/logfile"
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

// rubbish is n lines of a log that is none of a gateway.
func rubbish(n int) string {
	return strings.Repeat("Jan 15 14:23:31 web1 sshd[2213]: Accepted publickey\n", n)
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
	gather(t, r.ev, path+".1", Options{Known: logfile.KnownOf(r.ev.Snapshot(), Group)})
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
	appendTo(t, path, rubbish(200))
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

func (r *followed) unparsed() (n int) {
	for _, e := range r.ev.Snapshot().Exemplars() {
		if e.Kind == incident.Unparsed {
			n++
		}
	}
	return n
}

// refused fails unless err is the permanent one of n lines without a format.
func (r *followed) refused(err error, n int) {
	r.t.Helper()
	want := fmt.Sprintf("unknown format: of %d lines ", n)
	if !errors.Is(err, ErrUnknownFormat) || !strings.Contains(fmt.Sprint(err), want) || !strings.Contains(err.Error(), " reads 0 % (column ") {
		r.t.Errorf("ended with %v, want %q", err, want)
	}
	if got := r.unparsed(); got != min(n, keepUnparsed) {
		r.t.Errorf("%d lines kept, want %d", got, min(n, keepUnparsed))
	}
	if r.last.State == incident.SourceOK {
		r.t.Errorf("status %+v", r.last)
	}
}

// A log that says little is not read for ever: it is given up after a while.
func TestFollowGivesUpAnIdleLog(t *testing.T) {
	for name, opt := range map[string]FollowOptions{
		"from the start": {FromStart: true},
		"since":          {Options: Options{Since: time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)}},
	} {
		t.Run(name, func(t *testing.T) {
			opt.Path, opt.Decide = write(t, "auth.log", []byte(rubbish(62))), time.Millisecond
			r := follow(t, newFollow(t, opt))
			r.refused(r.end(), 62)
		})
	}
}

func TestFollowDoubts(t *testing.T) {
	path := write(t, "auth.log", []byte(rubbish(62)))
	r := follow(t, newFollow(t, FollowOptions{Path: path, FromStart: true, Decide: time.Hour}))
	r.until("a status", func() bool { return r.last.Name != "" })
	if r.last.State != incident.SourceStale || !strings.HasPrefix(r.last.Detail, "62 lines so far, none is understood yet; unknown format: ") || !r.last.LastAt.IsZero() {
		t.Errorf("status %+v", r.last)
	}
	r.stop()
	r.refused(r.end(), 62)

	// The banner of a server that waits for its first request is no reason to give up.
	path = write(t, "access.log", []byte(rubbish(30)))
	r = follow(t, newFollow(t, FollowOptions{Path: path, FromStart: true, Decide: time.Nanosecond}))
	looks := 0
	r.until("several looks", func() bool { looks++; return looks > 5 && r.last.State == incident.SourceStale })
	appendTo(t, path, requests(0, 20))
	r.until("some of them", func() bool { return strings.Contains(r.last.Detail, "50 lines so far, too few are understood yet") })
	appendTo(t, path, requests(20, 40))
	r.until("the first lines", func() bool { return r.ended() == 60 && r.last.State == incident.SourceOK })

	// What was skipped over makes doubtful, but is not what will come.
	path = write(t, "other.log", []byte(rubbish(2000)))
	r = follow(t, newFollow(t, FollowOptions{Path: path, Decide: time.Nanosecond}))
	r.until("a status", func() bool { return r.last.State == incident.SourceStale })
	appendTo(t, path, requests(0, 1))
	r.until("the first line", func() bool { return r.ended() == 1 && r.last.State == incident.SourceOK })
}

func TestFollowUnknownStream(t *testing.T) {
	r := follow(t, newFollow(t, FollowOptions{Reader: strings.NewReader(strings.TrimSuffix(rubbish(3), "\n"))}))
	if err := r.end(); !errors.Is(err, ErrUnknownFormat) || r.last.State == incident.SourceOK {
		t.Errorf("%v, status %+v", err, r.last)
	}
	r = follow(t, newFollow(t, FollowOptions{Reader: strings.NewReader("")}))
	if err := r.end(); err != nil || r.last.Detail != "waiting for the first lines" || !r.last.LastAt.IsZero() {
		t.Errorf("empty: %v, status %+v", err, r.last)
	}
}

func TestFollowCountsSkippedLinesOnce(t *testing.T) {
	path := write(t, "auth.log", []byte(rubbish(500)))
	since := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	r := follow(t, newFollow(t, FollowOptions{Path: path, Options: Options{Since: since}}))
	r.refused(r.end(), 500)
}

// A followed log gives what importing the same bytes gives, in every way to tell
// its format.
func TestFollowEqualsImport(t *testing.T) {
	pasted, err := ParseFormat(pastedLayout)
	if err != nil {
		t.Fatal(err)
	}
	var envoy strings.Builder
	begin := time.Date(2026, 1, 15, 14, 0, 0, 120e6, time.UTC)
	for i := range 60 {
		status, flags, took := 200, "-", 12+i
		if i%3 == 0 {
			status, flags, took = 502, "UT", 30_000+i
		}
		fmt.Fprintf(&envoy, `{"start_time":%q,"method":"POST","path":"/api/orders/ord_%04x","response_code":%d,"response_flags":%q,"duration":%d}`+"\n",
			begin.Add(time.Duration(i)*700*time.Millisecond).Format(time.RFC3339Nano), 4096+i, status, flags, took)
	}
	nginx := requests(0, 60)
	for _, c := range []struct {
		name, text string
		format     *Format
		reason     string
	}{
		{"envoy", envoy.String(), nil, "Envoy or Istio JSON: "},
		{"nginx", nginx, nil, "nginx combined with request and upstream times: "},
		{"pasted", nginx, pasted, pasted.Title + ": given"},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := write(t, "access.log", []byte(c.text))
			want := incident.NewEvidence()
			gather(t, want, whole, Options{Format: c.format})

			path := filepath.Join(t.TempDir(), "access.log")
			appendTo(t, path, "")
			r := follow(t, newFollow(t, FollowOptions{Path: path, FromStart: true, Options: Options{Format: c.format}}))
			for rest, n := c.text, 0; rest != ""; {
				piece := rest[:min(997, len(rest))] // in the middle of lines
				appendTo(t, path, piece)
				rest = rest[len(piece):]
				n += strings.Count(piece, "\n")
				r.until("a piece", func() bool { return r.ended() == int64(n) })
			}
			r.until("the format", func() bool { return strings.HasPrefix(r.last.Detail, c.reason) })
			r.stop()
			if err := r.end(); err != nil {
				t.Fatal(err)
			}
			// Of a log that grows more requests are kept: those, too, that were the
			// slowest or drawn for a while.
			got, kept := told(r.ev.Snapshot()), len(r.ev.Snapshot().Exemplars())
			all := told(want.Snapshot())
			counts := len(all) - len(want.Snapshot().Exemplars())
			if diff := cmp.Diff(all[:counts], got[:len(got)-kept]); diff != "" {
				t.Errorf("counts (-imported +followed):\n%s", diff)
			}
			for _, e := range all[counts:] {
				if !slices.Contains(got[len(got)-kept:], e) {
					t.Errorf("not kept: %s", e)
				}
			}
		})
	}
}

// A named pipe is refused, and not waited for: opening one blocks until somebody
// writes, which no ctrl+c ends.
func TestFollowRefusesAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r := follow(t, newFollow(t, FollowOptions{Path: path, Poll: time.Millisecond}))
	if err := r.end(); err == nil || !strings.Contains(err.Error(), "is no regular file; pipe it into - instead") {
		t.Error(err)
	}
	if r.last.Name != "" {
		t.Errorf("of a log that cannot be opened it is said that it is %v", r.last.State)
	}
	if _, err := newFollow(t, FollowOptions{Path: path}).Existing(); err == nil {
		t.Error("existing lines of a pipe")
	}
	if look, err := LookAt(path, Options{}, true); err != nil || look.First != Unknown {
		t.Errorf("%+v, %v", look, err)
	}
}
