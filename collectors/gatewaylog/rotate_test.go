package gatewaylog

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
)

// torture writes a log as the worst of servers does, and rotates it; a follower looks
// at it between any two steps, or not. Each request ends in a second of its own.
type torture struct {
	t    *testing.T
	rng  *rand.Rand
	path string
	log  *os.File
	f    *Follow
	ev   *incident.Evidence

	next    int
	must    map[int]bool // requests that have to be counted once
	may     map[int]bool // those that may be lost, but not doubled
	odd     int64        // lines that are none
	tooLong int64
	gaps    int // marked
	wants   int // truncations
	rotated []string
}

func (w *torture) look(odds int) {
	w.t.Helper()
	if w.rng.IntN(odds) > 0 {
		return
	}
	if err := w.f.look(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	if w.rng.IntN(3) == 0 {
		w.gather()
	}
}

func (w *torture) gather() {
	facts := w.f.pending
	w.f.pending = nil
	for i := range w.f.former {
		facts = append(facts, w.f.former[i].in.Flush()...)
	}
	if w.f.in != nil {
		facts = append(facts, w.f.in.Flush()...)
	}
	for _, x := range facts {
		if e, ok := x.(incident.Episode); ok && e.Kind == incident.Gap {
			w.gaps++
		}
	}
	w.ev.Add(facts...)
}

// line is the next request, with its newline; agent bytes of it are the client's name.
func (w *torture) line(where map[int]bool, agent int) string {
	i := w.next
	w.next++
	where[i] = true
	at := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second).Format("02/Jan/2006:15:04:05 -0700")
	return fmt.Sprintf("198.51.100.7 - - [%s] \"POST /api/orders HTTP/1.1\" 502 157 \"-\" \"%s\" 0.002 0.002 10.0.3.15:8080 502\n", at, strings.Repeat("S", agent))
}

// write puts text into the log in pieces, with looks in between.
func (w *torture) write(text string) {
	w.t.Helper()
	for text != "" {
		n := len(text)
		if w.rng.IntN(4) == 0 {
			n = 1 + w.rng.IntN(n)
		}
		if _, err := io.WriteString(w.log, text[:n]); err != nil {
			w.t.Fatal(err)
		}
		text = text[n:]
		w.look(6)
	}
}

func (w *torture) traffic() {
	for range w.rng.IntN(8) {
		switch w.rng.IntN(60) {
		case 0: // as long as a line may be
			w.write(w.line(w.must, maxLine-len(requests(0, 1))+len("ShopApp\n")))
		case 1:
			w.write(strings.Repeat("x", maxLine+1+w.rng.IntN(9000)) + "\n")
			w.odd++
			w.tooLong++
		case 2: // two writers
			one := w.line(map[int]bool{}, 7)
			w.write(one[:20+w.rng.IntN(40)] + w.line(map[int]bool{}, 7))
			w.odd++
		default:
			w.write(w.line(w.must, w.rng.IntN(50)))
		}
	}
}

func (w *torture) open() {
	log, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	w.log = log
}

// rename rotates as logrotate does with create: the server notices late.
func (w *torture) rename(to string) {
	unfinished, end := "", ""
	switch w.rng.IntN(3) {
	case 0: // the server was in the middle of a line
		line := w.line(w.must, 9)
		n := 1 + w.rng.IntN(len(line)-1)
		unfinished, end = line[:n], line[n:]
	case 1: // and never wrote its newline
		unfinished = strings.TrimSuffix(w.line(w.must, 9), "\n")
	}
	w.write(unfinished)
	if err := os.Rename(w.path, to); err != nil {
		w.t.Fatal(err)
	}
	w.look(3)
	old := w.log
	w.open() // the new file is there, and empty
	w.log, old = old, w.log
	w.look(2)
	w.write(end)
	if end != "" || unfinished == "" {
		w.traffic()
	}
	w.look(2)
	if err := w.log.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.log = old
}

// copyTruncate rotates as logrotate does with copytruncate.
func (w *torture) copyTruncate(to string) {
	text, err := os.ReadFile(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.look(3)
	for range w.rng.IntN(3) { // between the copy and the truncation
		w.write(w.line(w.may, 9))
	}
	if err := os.Truncate(w.path, 0); err != nil {
		w.t.Fatal(err)
	}
	w.wants++
	w.look(2)
}

// counted fails unless every request is counted as often as it has to be.
func (w *torture) counted(when string) (lost int64) {
	w.t.Helper()
	got := map[int]int64{}
	for _, b := range w.ev.Snapshot().Buckets() {
		if b.Ended > 0 {
			got[int(b.At.Sub(time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC))/time.Second)] += b.Ended
		}
	}
	bad := 0
	for i := range w.next {
		n := got[i]
		if bad < 10 && (w.must[i] && n != 1 || !w.must[i] && n > 1 || !w.must[i] && !w.may[i] && n > 0) {
			bad++
			w.t.Errorf("%s: request %d of %d counted %d times, must %v, may %v", when, i, w.next, n, w.must[i], w.may[i])
		}
		if w.may[i] && n == 0 {
			lost++
		}
	}
	return lost
}

// A thousand rotations, by rename and by copying and truncating, with unfinished, torn
// and endless lines and without last newlines: nothing is lost and nothing doubled, but
// for what was written between a copy and its truncation, and that is marked.
func TestThousandRotations(t *testing.T) {
	for _, seed := range []uint64{2847, 48291} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { rotateOften(t, seed, 500) })
	}
}

func rotateOften(t *testing.T, seed uint64, rotations int) {
	dir := t.TempDir()
	w := &torture{
		t: t, rng: rand.New(rand.NewPCG(seed, 1000)), path: filepath.Join(dir, "access.log"), ev: incident.NewEvidence(),
		must: map[int]bool{}, may: map[int]bool{},
	}
	w.open()
	w.f = newFollow(t, FollowOptions{Path: w.path, FromStart: true})
	for i := range rotations {
		// The follower looks more often than the log is rotated: nobody could tell else.
		w.write(w.line(w.must, 7))
		w.look(1)
		w.traffic()
		to := filepath.Join(dir, fmt.Sprintf("access.log.%d", rotations-i))
		if w.rng.IntN(2) == 0 {
			w.rename(to)
		} else {
			w.copyTruncate(to)
		}
		w.rotated = append(w.rotated, to)
		if len(w.rotated) > 20 && w.rng.IntN(3) > 0 { // old ones are compressed or deleted
			if err := os.Remove(w.rotated[0]); err != nil {
				t.Fatal(err)
			}
			w.rotated = w.rotated[1:]
		}
	}
	w.write(w.line(w.must, 7))
	w.look(1)
	w.f.finishFormer(len(w.f.former))
	w.gather()
	lost := w.counted("followed")
	if w.gaps != w.wants {
		t.Errorf("%d gaps are marked, want %d", w.gaps, w.wants)
	}
	total := w.f.gone
	total.merge(w.f.in.Stats())
	// Of the lost lines some were read in part.
	if total.Unparsed < w.odd || total.Unparsed > w.odd+lost || total.TooLong != w.tooLong || total.Lines != total.Parsed+total.Unparsed {
		t.Errorf("%d lines not understood, want %d and some of %d; %d too long, want %d", total.Unparsed, w.odd, lost, total.TooLong, w.tooLong)
	}
	if w.next < 5*rotations || w.tooLong == 0 {
		t.Errorf("only %d requests, %d endless lines", w.next, w.tooLong)
	}
	// What was followed and is there yet is not counted again by an import.
	known := logfile.KnownOf(w.ev.Snapshot(), Group)
	for _, path := range w.rotated {
		gather(t, w.ev, path, Options{Known: known})
	}
	w.counted("imported afterwards")
}

// A server that does not append goes on where it was after a truncation: the zeros in
// front are no line.
func TestFollowOverAHole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	f := newFollow(t, FollowOptions{Path: path, FromStart: true})
	put := func(text string) {
		t.Helper()
		if _, err := io.WriteString(log, text); err != nil {
			t.Fatal(err)
		}
		if err := f.look(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	put(requests(0, 5000)) // more than one block
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	put(requests(5000, 2))
	put(requests(5002, 1))
	total := f.gone
	total.merge(f.in.Stats())
	if total.Parsed != 5003 || total.Lines != 5003 {
		t.Errorf("%+v", total)
	}
}

// A log that was rotated while nobody looked is read on under its new name.
func TestFollowAgainAfterARotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	appendTo(t, path, requests(0, 5))
	f := newFollow(t, FollowOptions{Path: path, FromStart: true})
	first := follow(t, f)
	first.until("the first lines", func() bool { return first.ended() == 5 })
	first.stop()
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, requests(5, 3))
	if err := os.Rename(path, path+"-20260115"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path+"-20260116", requests(100, 9)) // another one
	appendTo(t, path, requests(8, 4))
	second := follow(t, f)
	second.until("both files", func() bool { return second.ended() == 7 })
	second.stop()
	if err := second.end(); err != nil || second.ended() != 7 || second.gaps != 0 {
		t.Errorf("%d requests, %d gaps, %v", second.ended(), second.gaps, err)
	}
}
