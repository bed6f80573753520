package gatewaylog

import (
	"errors"
	"time"
)

// A server may go on writing to its log after it was renamed, until it is told or its
// last request is done. So a file that the path meant before is read on for a while.
const (
	maxFormer  = 4
	formerTime = 5 * time.Minute
	// quietTime is after how long without news its last line is whole, even without a
	// newline.
	quietTime = 5 * time.Second
)

// former is a file that the path meant before.
type former struct {
	tail  *tail
	in    *Intake
	until time.Time
	news  time.Time // when something was read last
}

// turn goes on with a new file, or with the same one from its beginning.
func (f *Follow) turn(event tailEvent, now time.Time) error {
	if event == tailTruncated {
		return f.truncated(now)
	}
	if err := f.conclude(true); err != nil && !errors.Is(err, ErrUnknownFormat) { // the new file may tell
		return err
	}
	old, in := *f.tail, f.in
	if old.file == nil && in != nil { // Run ended and was started again meanwhile
		if found := f.tail.formerly(); found != nil {
			old = *found
		}
	}
	f.in, f.sample, f.doubt = nil, nil, nil
	f.tail.file = nil // it is the former one's from now on
	if in != nil && old.file != nil {
		f.former = append(f.former, former{&old, in, now.Add(formerTime), now})
		f.finishFormer(len(f.former) - maxFormer)
	} else {
		old.close()
		f.leave(in)
	}
	return f.tail.restart(tailRotated)
}

// truncated begins the file anew. Who copies and truncates a log leaves the copy
// beside it: what was not read yet stands there, but for what was written between the
// copy and the truncation.
func (f *Follow) truncated(now time.Time) error {
	var err error
	if copied := f.tail.formerly(); copied != nil {
		err = f.takeRest(copied)
	} else {
		err = f.conclude(false)
	}
	if err != nil && !errors.Is(err, ErrUnknownFormat) {
		return err
	}
	if f.in != nil {
		f.in.tear()
	}
	f.leave(f.in)
	f.pending = append(f.pending, f.gap(now))
	f.in, f.sample, f.doubt = nil, nil, nil
	return f.tail.restart(tailTruncated)
}

// takeRest takes the rest of a copy as if the file had it yet; what cannot be read of
// it is in the gap.
func (f *Follow) takeRest(copied *tail) error {
	live := f.tail.file
	f.tail.file = copied.file
	defer func() {
		f.tail.file = live
		copied.close()
	}()
	for {
		block, event, err := copied.more()
		if event != tailBytes || err != nil {
			return f.conclude(false)
		}
		f.tail.offset = copied.offset
		if err := f.take(block); err != nil {
			return err
		}
	}
}

// leave takes over what an intake has counted; its last line is whole.
func (f *Follow) leave(in *Intake) {
	if in == nil {
		return
	}
	in.Close()
	f.pending = append(f.pending, in.Flush()...)
	f.gone.merge(in.Stats())
}

// lookBehind reads what was written to the former files meanwhile.
func (f *Follow) lookBehind(now time.Time) error {
	done := 0
	for i := range f.former {
		o := &f.former[i]
		for {
			block, event, err := o.tail.more()
			if err != nil {
				return err
			}
			if event != tailBytes { // truncated: nobody writes to it any more
				break
			}
			o.news = now
			_, _ = o.in.Write(block) // never fails
		}
		if now.Sub(o.news) >= quietTime {
			o.in.Close()
		}
		if done == i && !now.Before(o.until) {
			done++
		}
	}
	f.finishFormer(done)
	return nil
}

// finishFormer leaves the oldest n of the former files.
func (f *Follow) finishFormer(n int) {
	for range n {
		o := f.former[0]
		f.former = f.former[1:]
		o.tail.close()
		f.leave(o.in)
	}
}
