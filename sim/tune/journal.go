package tune

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// JournalSchema names the shape of a journal's lines.
const JournalSchema = "tripcurve.tune.runs/1"

// Journal is the runs that were made for one problem, one line of JSON each, so that a
// search that was stopped, or killed, goes on where it was: the same search makes the
// same runs, and those that are known are not made again.
type Journal struct {
	known map[unit]Seen
	out   io.Writer
	err   error
}

// head is the first line.
type head struct {
	Schema  string `json:"schema"`
	Problem string `json:"problem"` // of which nothing may have changed
	Program string `json:"program"` // a version
}

// line is one run.
type line struct {
	Setting string `json:"setting"`
	Case    string `json:"case"`
	N       int    `json:"n"`
	Whole   bool   `json:"whole,omitempty"`
	Seen    *Seen  `json:"seen"`
}

// mostLine is the length in bytes above which a line is none of ours.
const mostLine = 4096

// JournalError is a journal that cannot be used, and where that is seen.
type JournalError struct {
	File        string
	Line        int
	Found, Want string
}

func (e *JournalError) Error() string {
	return fmt.Sprintf("%s:%d:1: found %s, expected %s", e.File, e.Line, e.Found, e.Want)
}

// OpenJournal reads what was written for a problem, by this version of the program, and
// goes on writing to out. An empty one is begun. A last line that was not written to its end
// is left out; keep is how many bytes to leave of the file before going on.
func OpenJournal(file string, in io.Reader, problem, program string) (j *Journal, keep int64, err error) {
	j = &Journal{known: map[unit]Seen{}}
	r := bufio.NewReaderSize(in, mostLine)
	for n := 1; ; n++ {
		text, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return j, keep, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, 0, &JournalError{file, n, "a line of more than 4096 bytes", "the runs of a search"}
		case err != nil:
			return nil, 0, fmt.Errorf("%s: %w", file, err)
		}
		if n == 1 {
			err = j.head(file, text, problem, program)
		} else {
			err = j.line(file, n, text)
		}
		if err != nil {
			return nil, 0, err
		}
		keep += int64(len(text))
	}
}

func (j *Journal) head(file string, text []byte, problem, program string) error {
	var h head
	if err := strict(text, &h); err != nil || h.Schema != JournalSchema {
		return &JournalError{file, 1, "something else", `the first line of a search's runs, with the schema "` + JournalSchema + `"`}
	}
	switch {
	case h.Problem != problem:
		return &JournalError{file, 1, "the runs of another problem", "those of this scenario, edge and seed, unchanged; or a new file"}
	case h.Program != program:
		return &JournalError{file, 1, "runs of another version of the program", "those of " + program + ", for another may simulate otherwise; or a new file"}
	}
	return nil
}

func (j *Journal) line(file string, n int, text []byte) error {
	var l line
	if err := strict(text, &l); err != nil {
		return &JournalError{file, n, "no run (" + plain(err) + ")", "setting, case, n and seen"}
	}
	if l.Setting == "" || l.Case == "" || l.N < 1 || l.Seen == nil {
		return &JournalError{file, n, "a run with something left out", "setting, case, n from 1 on, and seen"}
	}
	if s := l.Seen; s.Came < 0 || s.NotServed < 0 || s.Calls < 0 || s.Trips < 0 || s.Wait < 0 || s.Recovery < 0 || s.FalseTrips < 0 || !(s.Lost >= 0 && s.Lost <= 1) {
		return &JournalError{file, n, "a run with a negative figure, or a share above 1", "figures of a run"}
	}
	j.known[unit{l.Setting, l.Case, l.N, l.Whole}] = *l.Seen
	return nil
}

func strict(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value in a line")
	}
	return nil
}

// plain is a decoder's error without its package's name.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "json: ") }

// Write says where the runs go from now on. begin writes the first line of an empty
// file.
func (j *Journal) Write(out io.Writer, begin bool, problem, program string) error {
	j.out = out
	if begin {
		j.write(head{JournalSchema, problem, program})
	}
	return j.err
}

// Known is how many runs it has.
func (j *Journal) Known() int { return len(j.known) }

// Err is the first mistake in writing; nothing is written after it.
func (j *Journal) Err() error { return j.err }

func (j *Journal) fill(seen map[unit]Seen) {
	for u, s := range j.known {
		seen[u] = s
	}
}

func (j *Journal) put(u unit, s Seen) { j.write(line{u.key, u.name, u.n, u.whole, &s}) }

// write puts one line out at once, so that whoever is killed leaves whole lines.
func (j *Journal) write(v any) {
	if j.out == nil || j.err != nil {
		return
	}
	text, err := json.Marshal(v)
	if err == nil {
		_, err = j.out.Write(append(text, '\n'))
	}
	j.err = err
}
