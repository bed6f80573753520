package gatewaylog

import (
	"errors"
	"fmt"
	"time"
)

const (
	// minFollowLines is how many lines of no known format a followed log may
	// begin with before it is given up at once.
	minFollowLines = 100
	// minIdleLines is how many of them are enough when nothing else comes: a
	// server that has just started writes a banner of some 30 lines and may then
	// wait long for its first request.
	minIdleLines = 50
)

// doubt is what speaks against a followed log having a format that we know.
type doubt struct {
	since time.Time
	why   *UnknownFormatError
}

// wonder notes that the lines so far have no known format.
func (f *Follow) wonder(err error, now time.Time) {
	var why *UnknownFormatError
	if !errors.As(err, &why) || why.Sampled == 0 {
		return
	}
	if f.doubt == nil {
		f.doubt = &doubt{since: now}
	}
	f.doubt.why = why
}

// barren says that not one of the lines is understood.
func (d *doubt) barren() bool {
	return len(d.why.Candidates) == 0 || d.why.Candidates[0].Share == 0
}

func (d *doubt) String() string {
	count := fmt.Sprintf("%d lines so far", d.why.Sampled)
	if d.why.Sampled == 1 {
		count = "1 line so far"
	}
	if d.barren() {
		return fmt.Sprintf("%s, none is understood yet; %v", count, d.why)
	}
	return fmt.Sprintf("%s, too few are understood yet; %v", count, d.why)
}

// giveUp ends the wait for a line that is understood.
func (f *Follow) giveUp(now time.Time) error {
	if f.doubt == nil || len(f.sample) == 0 || now.Sub(f.doubt.since) < f.opt.Decide || !f.doubt.barren() || f.doubt.why.Sampled < minIdleLines {
		return nil
	}
	return f.refuse(f.doubt.why)
}

// conclude decides with what there is, because nothing more comes. whole says
// that the last line is, even without a newline.
func (f *Follow) conclude(whole bool) error {
	if f.in == nil && len(f.sample) > 0 {
		if err := f.begin(whole); err != nil {
			return err
		}
		if f.in == nil && f.doubt != nil {
			return f.refuse(f.doubt.why)
		}
	}
	return f.misfit()
}

// misfit says that no line so far is of the format that was given, which is
// believed, but not blindly.
func (f *Follow) misfit() error {
	if f.in == nil {
		return nil
	}
	s := f.in.Stats()
	if f.gone.Parsed+s.Parsed > 0 || s.Unparsed == 0 {
		return nil
	}
	return fmt.Errorf("%w: none of %s is of the format %s: %s", ErrUnknownFormat, countOf(s.Unparsed, "line"), f.detection.Format.Name, f.in.agg.firstBad())
}

func countOf(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// refuse keeps the first of the lines as evidence of what the log is like, and
// answers why it is not read.
func (f *Follow) refuse(why error) error {
	origin, at, err := f.place()
	if err != nil {
		return errors.Join(why, err)
	}
	agg := NewAggregator(origin, f.routes)
	from := at
	for _, line := range sampleOf(f.sample, true, true) {
		if len(line) > 0 {
			agg.AddUnparsed(line[:min(len(line), maxLine)], at, ErrUnknownFormat)
		}
		at += int64(len(line)) + 1
	}
	f.pending = append(f.pending, agg.Flush(from, at)...)
	f.sample = nil
	return why
}
