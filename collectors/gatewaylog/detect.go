package gatewaylog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrUnknownFormat says that no format fits a log.
var ErrUnknownFormat = errors.New("unknown format")

const (
	sampleLines = 1000
	sampleHead  = 1 << 20  // bytes
	sampleElse  = 64 << 10 // bytes, of the middle and of the end
	// acceptShare is the least share of sampled lines that the family of a
	// format must read.
	acceptShare = 0.6
)

// Detection says which format a log has, and why we believe it.
type Detection struct {
	Format     *Format
	Share      float64 // of the sampled lines that it reads, 0..1; 1 for a format that was given
	Sampled    int
	Candidates []Candidate // best first
	Reason     string      // one line
}

// Candidate is how well one format fits.
type Candidate struct {
	Name  string
	Share float64    // 0..1
	Error *LineError // of the first line that it does not read; nil when it reads all
}

// UnknownFormatError lists the formats that came closest.
type UnknownFormatError struct {
	Sampled    int
	Candidates []Candidate // the best three
}

func (e *UnknownFormatError) Unwrap() error { return ErrUnknownFormat }

func (e *UnknownFormatError) Error() string {
	if e.Sampled == 0 {
		return ErrUnknownFormat.Error() + ": no lines"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v: of %d lines", ErrUnknownFormat, e.Sampled)
	for i, c := range e.Candidates {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s reads %.0f %%", c.Name, 100*c.Share)
		if c.Error != nil {
			fmt.Fprintf(&b, " (%v)", c.Error)
		}
	}
	return b.String()
}

// Detect finds the format of sampled lines.
func Detect(lines [][]byte) (Detection, error) {
	formats, err := Formats()
	if err != nil {
		return Detection{}, err
	}
	lines = slices.DeleteFunc(slices.Clone(lines), func(l []byte) bool { return len(bytes.TrimSpace(l)) == 0 })
	d := Detection{Sampled: len(lines)}
	for _, f := range formats {
		d.Candidates = append(d.Candidates, try(f, lines))
	}
	// Formats come with the richer ones first; a stable sort keeps that among equals.
	order := slices.Clone(formats)
	index := map[string]Candidate{}
	for _, c := range d.Candidates {
		index[c.Name] = c
	}
	slices.SortStableFunc(order, func(a, b *Format) int { return compareShares(index[b.Name], index[a.Name]) })
	slices.SortStableFunc(d.Candidates, func(a, b Candidate) int { return compareShares(b, a) })
	d.Format = order[0]
	d.Share = index[d.Format.Name].Share
	family := d.Share
	for _, f := range d.Format.relatives { // lines of one family are apart: nobody is counted twice
		family += index[f.Name].Share
	}
	if family < acceptShare || len(lines) == 0 {
		return Detection{}, &UnknownFormatError{Sampled: len(lines), Candidates: closest(d.Candidates)}
	}
	d.Reason = fmt.Sprintf("%s: %.1f %% of %d sampled lines; %s", d.Format.Title, 100*d.Share, len(lines), d.Format.reading())
	return d, nil
}

// reading says what the format's numbers are taken for, so that a wrong guess can be seen.
func (f *Format) reading() string {
	s := "a line's time is the " + f.Means() + " of its request"
	if !f.Timed() {
		return s + ", durations are not logged"
	}
	unit := f.Took.Unit
	if f.Vocabulary == "nginx" {
		unit = "s"
	}
	return s + ", durations in " + unit
}

// given is the detection of a format that the user named.
func given(f *Format) Detection {
	return Detection{Format: f, Share: 1, Reason: f.Title + ": given; " + f.reading()}
}

func compareShares(a, b Candidate) int {
	switch {
	case a.Share < b.Share:
		return -1
	case a.Share > b.Share:
		return 1
	}
	return 0
}

// closest are the best three; where nothing fits at all, those that got furthest.
func closest(all []Candidate) []Candidate {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Candidate) int {
		if c := compareShares(b, a); c != 0 {
			return c
		}
		return b.column() - a.column()
	})
	return all[:min(3, len(all))]
}

func (c Candidate) column() int {
	if c.Error == nil {
		return 0
	}
	return c.Error.Column
}

// try is how many of the lines one format reads by itself.
func try(f *Format, lines [][]byte) Candidate {
	alone := *f
	alone.relatives = nil
	d := NewDecoder(&alone)
	c := Candidate{Name: f.Name}
	var r Record
	fit := 0
	for _, line := range lines {
		err := d.Decode(line, &r)
		if err == nil && plausible(&r) {
			fit++
			continue
		}
		if c.Error == nil && !errors.As(err, &c.Error) {
			c.Error = lineError(line, 0, "a plausible status and duration")
		}
	}
	if len(lines) > 0 {
		c.Share = float64(fit) / float64(len(lines))
	}
	return c
}

func plausible(r *Record) bool {
	return r.Status < 600 && r.Took < 24*time.Hour
}

// sampleOf cuts a block of bytes into lines; what is cut off at either end is
// left out, but for a block that begins a file or is all of it.
func sampleOf(block []byte, begins, ends bool) [][]byte {
	if !begins {
		i := bytes.IndexByte(block, '\n')
		if i < 0 {
			return nil
		}
		block = block[i+1:]
	}
	var lines [][]byte
	for len(block) > 0 && len(lines) < sampleLines {
		i := bytes.IndexByte(block, '\n')
		if i < 0 {
			if ends {
				lines = append(lines, block)
			}
			break
		}
		lines = append(lines, block[:i])
		block = block[i+1:]
	}
	return lines
}
