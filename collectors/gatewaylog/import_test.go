package gatewaylog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
)

// gather imports into evidence.
func gather(t *testing.T, ev *incident.Evidence, path string, opt Options) Summary {
	t.Helper()
	s, err := Import(context.Background(), path, opt, func(facts []incident.Fact) error {
		ev.Add(facts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is evidence as text, to compare.
func told(v *incident.View) []string {
	var lines []string
	for _, b := range v.Buckets() {
		lines = append(lines, fmt.Sprintf("%s %s %d %s started %d ended %d", b.At.Format(time.TimeOnly), b.Endpoint, b.Status, b.Outcome, b.Started, b.Ended))
	}
	for _, l := range v.Latencies() {
		q := l.Sketch.Quantile(0.5)
		lines = append(lines, fmt.Sprintf("%s %s %s %d took %v", l.At.Format(time.TimeOnly), l.Endpoint, l.Outcome, l.Sketch.Count(), q.Hi.Round(time.Millisecond)))
	}
	for _, e := range v.Exemplars() {
		lines = append(lines, fmt.Sprintf("%s %s %d-%d %s", e.Kind, e.Endpoint, e.Origin.From, e.Origin.To, e.Note))
	}
	return lines
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const threeLines = `198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /api/orders HTTP/1.1" 502 157 "-" "ShopApp" 30.002 30.000 10.0.3.15:8080 502
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET /api/orders/ord_9c4d1e HTTP/1.1" 200 81 "-" "ShopApp" 0.012 0.012 10.0.3.15:8080 200

this is no log line
198.51.100.7 - - [15/Jan/2026:14:23:32 +0000] "POST /api/orders HTTP/1.1" 502 157 "-" "ShopApp" 30.001 30.000 10.0.3.15:8080 502
`

func TestImportCountsByStartAndByEnd(t *testing.T) {
	ev := incident.NewEvidence()
	s := gather(t, ev, write(t, "access.log", []byte(threeLines)), Options{})
	want := []string{
		"14:23:00 POST /api/orders 502 upstream_timeout started 1 ended 0",
		"14:23:01 POST /api/orders 502 upstream_timeout started 1 ended 0",
		"14:23:30 GET /api/orders/:id 200 ok started 1 ended 0",
		"14:23:31 POST /api/orders 502 upstream_timeout started 0 ended 1",
		"14:23:31 GET /api/orders/:id 200 ok started 0 ended 1",
		"14:23:32 POST /api/orders 502 upstream_timeout started 0 ended 1",
		"14:23:30 POST /api/orders upstream_timeout 2 took 30.573s",
		"14:23:30 GET /api/orders/:id ok 1 took 12ms",
		"unparsed   266-286 column 1: expected $remote_addr and then \" - \", found \"this is no log line\"",
		"first_failing POST /api/orders 0-129 ",
		"slowest POST /api/orders 0-129 ",
		"sampled POST /api/orders 0-129 ",
		"last_failing POST /api/orders 286-415 ",
		"slowest POST /api/orders 286-415 ",
		"sampled POST /api/orders 286-415 ",
		"slowest GET /api/orders/:id 129-265 ",
		"sampled GET /api/orders/:id 129-265 ",
	}
	if diff := cmp.Diff(want, told(ev.Snapshot())); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
	if s.Lines != 5 || s.Parsed != 3 || s.Unparsed != 1 || s.Skipped != 1 || s.Bytes != int64(len(threeLines)) || s.Detection.Format.Name != "nginx_timed" {
		t.Errorf("summary %+v", s.Stats)
	}
	wantDetail := "nginx combined with request and upstream times: 75.0 % of 4 sampled lines; a line's time is the end of its request, durations in s; 5 lines, 1 not understood"
	if got := s.Source(); got.Detail != wantDetail || got.State != incident.SourceDone || !got.LastAt.Equal(s.Last.Time()) {
		t.Errorf("source %+v", got)
	}
}

// The same log plain, compressed, cut anywhere and read by any number of workers
// gives the same facts from the same bytes.
func TestImportDoesNotDependOnTheWayIn(t *testing.T) {
	plainPath := filepath.Join(t.TempDir(), "access.log")
	writeLog(t, plainPath, 130_000)
	text, err := os.ReadFile(plainPath)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, strings.Repeat("x", maxLine+100)+"\n"+threeLines...)
	text = text[:len(text)-1] // no newline at the end
	if len(text) < parallelSize {
		t.Fatalf("%d bytes are too few for two workers", len(text))
	}
	dir := t.TempDir()
	var gz, zst bytes.Buffer
	zw := gzip.NewWriter(&gz)
	_, _ = zw.Write(text[:len(text)/2])
	_ = zw.Close()
	zw.Reset(&gz) // members may be concatenated
	_, _ = zw.Write(text[len(text)/2:])
	_ = zw.Close()
	enc, _ := zstd.NewWriter(&zst)
	_, _ = enc.Write(text)
	_ = enc.Close()
	for name, b := range map[string][]byte{"access.log": text, "access.log.gz": gz.Bytes(), "access.log.zst": zst.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one := incident.NewEvidence()
	want := gather(t, one, filepath.Join(dir, "access.log"), Options{Name: "access.log", Workers: 1})
	for _, c := range []struct {
		file    string
		workers int
	}{{"access.log", 2}, {"access.log", 3}, {"access.log.gz", 0}, {"access.log.zst", 0}} {
		ev := incident.NewEvidence()
		got := gather(t, ev, filepath.Join(dir, c.file), Options{Name: "access.log", Workers: c.workers})
		if diff := cmp.Diff(told(one.Snapshot()), told(ev.Snapshot())); diff != "" {
			t.Errorf("%s, %d workers (-want +got):\n%.2000s", c.file, c.workers, diff)
		}
		if got.Stats != want.Stats || got.Origin != want.Origin || got.TooLong != 1 {
			t.Errorf("%s, %d workers: %+v, want %+v", c.file, c.workers, got.Stats, want.Stats)
		}
	}
	var in *Intake
	pieces := incident.NewEvidence()
	in = NewIntake(want.Detection.Format, incident.Origin{Group: Group, Name: "access.log", File: want.Origin.File}, nil, 0)
	rng := rand.New(rand.NewPCG(9, 9))
	for rest := text; len(rest) > 0; {
		n := min(len(rest), 1+rng.IntN(70_000))
		_, _ = in.Write(rest[:n])
		rest = rest[n:]
	}
	in.Close()
	pieces.Add(in.Flush()...)
	if diff := cmp.Diff(told(one.Snapshot()), told(pieces.Snapshot())); diff != "" {
		t.Errorf("in pieces (-want +got):\n%.2000s", diff)
	}
}

// Every line is taken once, by the span in which it begins, wherever spans meet.
func TestSpansMeetAnywhere(t *testing.T) {
	text := threeLines + "\r\n" + strings.TrimSuffix(threeLines, "\n")
	size := int64(len(text))
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		t.Fatal(err)
	}
	read := func(cuts ...int64) (Stats, []string) {
		in := NewIntake(format, incident.Origin{Group: Group, Name: "access.log", File: "x"}, nil, 0)
		went := int64(0)
		r := spanReader{in: in, f: strings.NewReader(text), size: size, block: make([]byte, 100)}
		r.went = func(n int64) error {
			went += n
			return nil
		}
		for i := len(cuts) - 1; i > 0; i-- { // the last one first: who reads what does not matter
			if err := r.read(cuts[i-1], cuts[i]); err != nil {
				t.Fatal(err)
			}
		}
		if went != size {
			t.Fatalf("%d of %d bytes were read", went, size)
		}
		ev := incident.NewEvidence()
		ev.Add(in.agg.Flush(0, size)...)
		return in.agg.Stats(), told(ev.Snapshot())
	}
	stats, want := read(0, size)
	if stats.Parsed < 6 || stats.Unparsed == 0 || stats.Skipped == 0 {
		t.Fatalf("%+v", stats)
	}
	single := []int64{0}
	for at := int64(1); at <= size; at++ {
		single = append(single, at)
		got, facts := read(0, at, size)
		if got != stats {
			t.Errorf("cut at %d: %+v, want %+v", at, got, stats)
		}
		if diff := cmp.Diff(want, facts); diff != "" {
			t.Errorf("cut at %d (-want +got):\n%.2000s", at, diff)
		}
	}
	if got, facts := read(single...); got != stats || !cmp.Equal(want, facts) {
		t.Errorf("byte by byte: %+v, want %+v", got, stats)
	}
}

func TestReadingAgainAddsNothing(t *testing.T) {
	more := strings.ReplaceAll(threeLines, ":14:23:", ":14:24:")
	path := write(t, "access.log", []byte(threeLines))
	ev := incident.NewEvidence()
	gather(t, ev, path, Options{})
	before := told(ev.Snapshot())
	gather(t, ev, path, Options{})
	if diff := cmp.Diff(before, told(ev.Snapshot())); diff != "" {
		t.Fatalf("the second time (-first +second):\n%s", diff)
	}

	// It has grown, was renamed and compressed: what it began with is known.
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	_, _ = zw.Write([]byte(threeLines + more))
	_ = zw.Close()
	s := gather(t, ev, write(t, "access.log.1.gz", gz.Bytes()), Options{Known: logfile.KnownOf(ev.Snapshot(), Group)})
	if !s.Known || s.Origin.Name != "access.log" {
		t.Errorf("not known again: %+v", s.Origin)
	}
	fresh := incident.NewEvidence()
	gather(t, fresh, write(t, "access.log", []byte(threeLines+more)), Options{})
	if diff := cmp.Diff(told(fresh.Snapshot()), told(ev.Snapshot())); diff != "" {
		t.Errorf("grown (-at once +in two):\n%s", diff)
	}

	// Another host's log of the same name stays another.
	gather(t, ev, write(t, "access.log", []byte(strings.ReplaceAll(threeLines, "ShopApp", "Other"))), Options{})
	count := func(v *incident.View) (n int64) {
		for _, b := range v.Buckets() {
			n += b.Ended
		}
		return n
	}
	if got, want := count(ev.Snapshot()), count(fresh.Snapshot())+3; got != want {
		t.Errorf("%d requests with the other host's, want %d", got, want)
	}
}

func TestImportRefuses(t *testing.T) {
	syslog := strings.Repeat("Jan 15 14:23:31 web1 sshd[2213]: Accepted publickey for deploy from 198.51.100.7\n", 30)
	for _, c := range []struct {
		name, want string
		text       []byte
	}{
		{"empty.log", "unknown format: no lines", nil},
		{"auth.log", "unknown format: of 30 lines ", []byte(syslog)},
		{"auth.log", "reads 0 % (column ", []byte(syslog)},
		{"broken.gz", "gzip: invalid", []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9}},
	} {
		path := write(t, c.name, c.text)
		_, err := Import(context.Background(), path, Options{}, func([]incident.Fact) error { return nil })
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if c.want != "gzip: invalid" && !errors.Is(err, ErrUnknownFormat) {
			t.Errorf("%s: %v is not ErrUnknownFormat", c.name, err)
		}
	}
	if _, err := Import(context.Background(), filepath.Join(t.TempDir(), "none.log"), Options{}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestTruncatedArchiveKeepsWhatItHad(t *testing.T) {
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		fmt.Fprintf(zw, "198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] \"GET /api/orders/%x HTTP/1.1\" 200 157 \"-\" \"-\"\n", rng.Uint64())
	}
	_ = zw.Close()
	ev := incident.NewEvidence()
	s := gather(t, ev, write(t, "access.log.gz", gz.Bytes()[:gz.Len()/2]), Options{})
	if s.Truncated == "" || s.Parsed < 500 || s.Parsed > 1500 || !strings.Contains(s.Source().Detail, "cut off: unexpected EOF") {
		t.Errorf("%d lines, truncated %q", s.Parsed, s.Truncated)
	}
}

func TestMixedFamilyIsRead(t *testing.T) {
	plainLine := `198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET /a HTTP/1.1" 200 157 "-" "-"`
	text := strings.Repeat(strings.SplitAfter(threeLines, "\n")[0], 6) + strings.Repeat(plainLine+"\n", 4)
	s := gather(t, incident.NewEvidence(), write(t, "access.log", []byte(text)), Options{})
	if s.Detection.Format.Name != "nginx_timed" || s.Parsed != 10 {
		t.Errorf("%s reads %d lines", s.Detection.Format.Name, s.Parsed)
	}
}

func TestImportSinceAndProgress(t *testing.T) {
	var done, total int64
	s := gather(t, incident.NewEvidence(), write(t, "access.log", []byte(threeLines)), Options{
		Since:    time.Date(2026, 1, 15, 14, 23, 32, 0, time.UTC),
		Progress: func(d, n int64) { done, total = d, n },
	})
	if s.Parsed != 1 || s.Skipped != 3 {
		t.Errorf("%+v", s.Stats)
	}
	if done != int64(len(threeLines)) || total != done {
		t.Errorf("progress %d of %d", done, total)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := ImportReader(ctx, strings.NewReader(threeLines), Options{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
}

// Facts of a followed log are increments that add up to what reading it at once gives.
func TestIncrementsAddUp(t *testing.T) {
	f, err := FormatByName("nginx_timed")
	if err != nil {
		t.Fatal(err)
	}
	origin := incident.Origin{Group: Group, Name: "access.log", File: "x"}
	once, often := incident.NewEvidence(), incident.NewEvidence()
	in := NewIntake(f, origin, nil, 0)
	_, _ = in.Write([]byte(threeLines))
	once.Add(in.Flush()...)
	in = NewIntake(f, origin, nil, 0)
	for i := range len(threeLines) {
		_, _ = in.Write([]byte(threeLines[i : i+1]))
		often.Add(in.Flush()...)
	}
	if diff := cmp.Diff(told(once.Snapshot()), told(often.Snapshot())); diff != "" {
		t.Errorf("-once +often:\n%s", diff)
	}
	if facts := in.Flush(); len(facts) != 0 {
		t.Errorf("a flush without news gave %d facts", len(facts))
	}
}

func TestTemplatesLearnedLateRelabel(t *testing.T) {
	f, err := FormatByName("nginx_combined")
	if err != nil {
		t.Fatal(err)
	}
	in := NewIntake(f, incident.Origin{Group: Group, Name: "access.log"}, nil, 0)
	for i := range 100 {
		fmt.Fprintf(in, "198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] \"GET /wiki/%s HTTP/1.1\" 502 157 \"-\" \"-\"\n", letters(i))
	}
	ev := incident.NewEvidence()
	ev.Add(in.Flush()...)
	want := []incident.Endpoint{{Method: "GET", Route: "/wiki/:id"}}
	if diff := cmp.Diff(want, ev.Snapshot().Endpoints()); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	if b := ev.Snapshot().Buckets(); len(b) != 1 || b[0].Ended != 100 || b[0].Started != 0 {
		t.Errorf("buckets %+v", b)
	}
}

func TestCredentialsAreMaskedAtIngest(t *testing.T) {
	line := `198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET /login?token=s3cr3tvalue&x=1 HTTP/1.1" 502 157 "-" "-"` + "\n"
	ev := incident.NewEvidence()
	gather(t, ev, write(t, "access.log", []byte(line+line+"torn /login?token=s3cr3tvalue\n")), Options{})
	all := ev.Snapshot().Exemplars()
	if len(all) == 0 {
		t.Fatal("no exemplars")
	}
	for _, e := range all {
		if strings.Contains(e.Raw+e.Note, "s3cr3t") {
			t.Errorf("%s keeps a credential: %s %s", e.Kind, e.Raw, e.Note)
		}
	}
}
