package gatewaylog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
)

// FollowOptions say what to follow, besides how to read it.
type FollowOptions struct {
	Options
	Path   string    // of a file that may be rotated; empty follows Reader
	Reader io.Reader // a stream, such as standard input
	Stream string    // tells a Reader from others of the same name; empty when there is but one
	// FromStart counts the whole file; else only what is newer than Since, or,
	// when that is zero, what is written from now on.
	FromStart bool
	Poll      time.Duration // between looks at the file; 0 is 250 ms
	Emit      time.Duration // between handing out facts; 0 is 1 s
	Decide    time.Duration // from the first lines of no known format to giving up; 0 is 5 s
}

// Follow is a collector that reads a log while it is written. Facts are
// increments: a second that is still filling comes again, from other bytes.
type Follow struct {
	opt    FollowOptions
	routes *Routes
	src    incident.SourceStatus

	detection Detection
	decided   bool  // that detection is by the lines, and not only what was given
	tail      *tail // of a file; kept when Run ends in an error, so that it goes on where it was
	in        *Intake
	sample    []byte     // of a log whose format is not known yet
	doubt     *doubt     // that it has a format we know; nil before the first lines and once it is known
	gone      Stats      // of the files before this one
	endpoints *endpoints // of all of them
	former    []former   // files that the path meant before
	looked    time.Time  // when there was nothing more to read
	pending   []incident.Fact
}

// NewFollow makes a collector; its source is called opt.Name, else by the
// file's base name.
func NewFollow(opt FollowOptions) (*Follow, error) {
	routes, err := NewRoutes(opt.Routes)
	if err != nil {
		return nil, err
	}
	if (opt.Path == "") == (opt.Reader == nil) {
		return nil, errors.New("gateway log: follow a path or a reader")
	}
	if _, err := ParseUnit(opt.Unit); err != nil {
		return nil, fmt.Errorf("gateway log: durations: %w", err)
	}
	if opt.Name == "" {
		opt.Name = "stdin"
		if opt.Path != "" {
			opt.Name = filepath.Base(opt.Path)
		}
	}
	if opt.Poll == 0 {
		opt.Poll = 250 * time.Millisecond
	}
	if opt.Emit == 0 {
		opt.Emit = time.Second
	}
	if opt.Decide == 0 {
		opt.Decide = 5 * time.Second
	}
	f := &Follow{opt: opt, routes: routes, gone: Stats{First: Unknown, Last: Unknown}}
	f.src = incident.SourceStatus{Name: opt.Name, Group: Group, State: incident.SourceOK, Detail: "waiting for the first lines"}
	f.detection.Format = opt.Format
	return f, nil
}

// Source is how the log does.
func (f *Follow) Source() incident.SourceStatus { return f.src }

// Run follows the log until ctx ends or the stream does.
func (f *Follow) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	var err error
	if f.opt.Path != "" {
		err = f.runFile(ctx, out, status)
	} else {
		err = f.runReader(ctx, out, status)
	}
	if err == nil || ctx.Err() != nil && !errors.Is(err, ErrUnknownFormat) {
		return nil
	}
	err = fmt.Errorf("gateway log %s: %w", f.opt.Name, err)
	if errors.Is(err, ErrUnknownFormat) {
		return supervise.Permanent(err)
	}
	return err
}

// runFile looks at the file again and again.
func (f *Follow) runFile(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	poll := time.NewTicker(f.opt.Poll)
	defer poll.Stop()
	emit := time.NewTicker(f.opt.Emit)
	defer emit.Stop()
	defer func() {
		if f.tail != nil {
			f.tail.close()
		}
	}()
	for due := false; ; {
		if err := f.look(ctx); err != nil {
			f.finishFormer(len(f.former))
			if f.now().State == incident.SourceOK {
				f.give(ctx, out) // a look that failed does not say that all is well
			} else {
				f.hand(ctx, out, status)
			}
			return err
		}
		if due { // after the look, so that nothing that is handed out is older than Emit
			due = false
			err := f.giveUp(time.Now())
			f.hand(ctx, out, status)
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			err := f.conclude(false) // a line without its end is still being written
			f.finishFormer(len(f.former))
			f.last(out, status)
			return err
		case <-poll.C:
		case <-emit.C:
			due = true
		}
	}
}

// look reads what was written since the last look.
func (f *Follow) look(ctx context.Context) error {
	if f.tail == nil {
		t, err := openTail(f.opt.Path)
		if err != nil {
			return err
		}
		f.tail = t
		if !f.opt.FromStart {
			if err := f.skipOld(); err != nil {
				return err
			}
		}
	}
	if err := f.lookBehind(time.Now()); err != nil {
		return err
	}
	for ctx.Err() == nil {
		block, event, err := f.tail.next()
		if err != nil {
			return err
		}
		switch event {
		case tailBytes:
			if err := f.take(block); err != nil {
				return err
			}
		case tailQuiet:
			f.looked = time.Now()
			return nil
		case tailRotated, tailTruncated:
			if err := f.turn(event, time.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// take gives bytes to the intake, which begins with the first lines whose
// format is known.
func (f *Follow) take(block []byte) error {
	if f.in != nil {
		_, _ = f.in.Write(block) // never fails
		return nil
	}
	f.sample = append(f.sample, block...)
	return f.begin(false)
}

// begin makes the intake, once enough is known: the format, and for a file
// which one it is. At the end of a stream what there is must do.
func (f *Follow) begin(end bool) error {
	lines := bytes.Count(f.sample, []byte("\n"))
	if lines == 0 && !end && len(f.sample) <= maxLine {
		return nil
	}
	if !f.decided {
		d, err := decide(sampleOf(f.sample, true, end), f.opt.Options)
		if err != nil {
			f.wonder(err, time.Now())
			if !end && len(f.sample) < sampleHead && lines < minFollowLines {
				return nil // a few odd lines first are no reason to give up
			}
			return f.refuse(err)
		}
		f.detection, f.doubt, f.decided = d, nil, true
	}
	origin, at, err := f.place()
	if err != nil {
		return err
	}
	f.in = NewIntake(f.detection.Format, origin, f.routes, at)
	f.in.Since(f.opt.Since)
	if f.endpoints == nil {
		f.endpoints = f.in.agg.endpoints
	}
	f.in.agg.endpoints = f.endpoints // what was learned of the files before
	f.learn()
	place := origin
	place.From = at
	if l, ok := f.opt.logFile(f.opt.Path, place); ok {
		f.pending = append(f.pending, l)
	}
	_, _ = f.in.Write(f.sample)
	f.sample = nil
	return nil
}

// place is where the sample stands.
func (f *Follow) place() (incident.Origin, int64, error) {
	origin := incident.Origin{Group: Group, Name: f.opt.Name}
	if f.tail == nil || f.tail.file == nil {
		origin.File = f.opt.Stream
		return origin, 0, nil
	}
	file, err := f.tail.identity(f.opt.Name, f.opt.Known)
	origin.File = file.File // but not its name: a followed log has one
	return origin, f.tail.offset - int64(len(f.sample)), err
}

// learn shows the endpoints what was skipped over, so that the first templates
// need no correction later: counts that were handed out cannot be re-labelled.
func (f *Follow) learn() {
	if f.tail == nil {
		return
	}
	var r Record
	d := NewDecoder(f.detection.Format)
	lines := sampleOf(f.tail.seen, true, false)
	if f.detection.Wrapped != "" {
		lines, _ = unwrapped(lines)
	}
	for _, line := range lines {
		if d.Decode(line, &r) == nil {
			f.in.agg.endpoints.of(&r)
		}
	}
	if len(f.tail.seen) > 0 {
		f.endpoints.stats = EndpointStats{}
	}
	f.tail.seen = nil
}

// gap marks the lines that were written between the copy and the truncation of
// a log, which nobody can read: not before the last look at it.
func (f *Follow) gap(now time.Time) incident.Episode {
	from := now
	if !f.looked.IsZero() {
		from = f.looked
	}
	return incident.Episode{
		Kind: incident.Gap, From: from.UTC(), To: now.UTC(), Text: "log truncated: lines written meanwhile are lost",
		Origin: incident.Origin{Group: Group, Name: f.opt.Name},
	}
}

// hand gives out what was counted, and the status.
func (f *Follow) hand(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) {
	if !f.give(ctx, out) {
		return
	}
	f.src = f.now()
	select {
	case status <- f.src:
	case <-ctx.Done():
	}
}

// give gives out what was counted since; false when ctx ended before, and it is kept.
func (f *Follow) give(ctx context.Context, out chan<- []incident.Fact) bool {
	facts := f.pending
	f.pending = nil
	for i := range f.former {
		facts = append(facts, f.former[i].in.Flush()...)
	}
	if f.in != nil {
		facts = append(facts, f.in.Flush()...)
	}
	if len(facts) > 0 {
		select {
		case out <- facts:
		case <-ctx.Done():
			f.pending = facts
			return false
		}
	}
	return true
}

// lastWait bounds handing out the last facts after the context has ended.
const lastWait = 2 * time.Second

// last gives out what was counted, and the status, when ctx has ended.
func (f *Follow) last(out chan<- []incident.Fact, status chan<- incident.SourceStatus) {
	ctx, stop := context.WithTimeout(context.Background(), lastWait)
	defer stop()
	f.hand(ctx, out, status)
}

// now is the status as it stands.
func (f *Follow) now() incident.SourceStatus {
	s := incident.SourceStatus{Name: f.opt.Name, Group: Group, State: incident.SourceOK, Detail: f.src.Detail}
	total := f.gone
	if f.in != nil {
		total.merge(f.in.Stats())
	}
	for i := range f.former {
		total.merge(f.former[i].in.Stats())
	}
	if f.endpoints != nil {
		total.Endpoints = f.endpoints.stats
	}
	if f.decided {
		s.Detail = fmt.Sprintf("%s; %d lines", f.detection.Reason, total.Lines)
		if total.Unparsed > 0 {
			s.Detail += fmt.Sprintf(", %d not understood", total.Unparsed)
		}
		s.Detail += total.unmatched() + total.overflowed() + total.oddities()
		if err := f.misfit(); err != nil {
			s.State = incident.SourceStale
			s.Detail = fmt.Sprintf("%s; %v", f.detection.Reason, err)
		}
	}
	if f.doubt != nil {
		s.State, s.Detail = incident.SourceStale, f.doubt.String()
	}
	if f.tail != nil && f.tail.missing {
		s.State = incident.SourceStale
		s.Detail += "; the file is gone, waiting for a new one"
	}
	if total.Last != Unknown {
		s.LastAt = total.Last.Time()
	}
	return s
}

// runReader follows a stream.
func (f *Follow) runReader(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	blocks := make(chan []byte)
	var failure error
	go func() {
		defer close(blocks)
		failure = pump(ctx, f.opt.Reader, blocks)
	}()
	emit := time.NewTicker(f.opt.Emit)
	defer emit.Stop()
	for {
		select {
		case <-ctx.Done(): // the pump ends with its next Read
			err := f.conclude(false)
			f.last(out, status)
			return err
		case block, ok := <-blocks:
			if !ok {
				err := f.finish()
				f.hand(ctx, out, status)
				return errors.Join(failure, err)
			}
			if err := f.take(block); err != nil {
				f.hand(ctx, out, status)
				return err
			}
		case <-emit.C:
			err := f.giveUp(time.Now())
			f.hand(ctx, out, status)
			if err != nil {
				return err
			}
		}
	}
}

// finish takes the last line of a stream that has ended.
func (f *Follow) finish() error {
	err := f.conclude(true)
	if f.in == nil {
		return err
	}
	f.in.Close()
	return f.misfit() // the last line may be the first that is understood
}

// pump reads r to its end. A Read that is waiting cannot be interrupted, so the
// pump outlives ctx until it returns.
func pump(ctx context.Context, r io.Reader, blocks chan<- []byte) error {
	block := make([]byte, 64<<10)
	for {
		n, err := r.Read(block)
		if n > 0 {
			select {
			case blocks <- bytes.Clone(block[:n]):
			case <-ctx.Done():
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// skipOld moves to the first line that is to be counted: the end of the file, or
// about where Since is.
func (f *Follow) skipOld() error {
	at, err := f.tail.whole()
	if err != nil {
		return err
	}
	if len(f.tail.seen) > 0 {
		d, err := decide(sampleOf(f.tail.seen, true, false), f.opt.Options)
		if err == nil {
			f.detection, f.decided = d, true
		} else {
			// The lines that come will tell, in a new format perhaps: what was
			// skipped over says nothing about them.
			f.wonder(err, time.Now())
			f.tail.seen = nil
		}
	}
	switch {
	case f.opt.Since.IsZero():
	case f.detection.Format == nil:
		at, f.doubt = 0, nil // all of it comes
	default:
		at, err = search(f.tail.file, NewDecoder(f.detection.Format), Instant(f.opt.Since.UnixNano()), at)
		if err != nil {
			return err
		}
	}
	f.tail.offset = at
	return nil
}

var _ supervise.Collector = (*Follow)(nil)

// isGone says that a path has no file, as in the middle of a rotation.
func isGone(err error) bool { return errors.Is(err, os.ErrNotExist) }
