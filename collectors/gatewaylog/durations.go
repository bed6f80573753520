package gatewaylog

import (
	"encoding/binary"
	"sync"
	"time"

	"tripcurve/internal/incident/sketch"
)

// durations are how long the requests of a cell took, exact to the microsecond until
// they are in the sketch. Most logs write milliseconds, so that the same few durations
// come again and again: where there are many, those are counted, which spares memory
// and most logarithms.
type durations struct {
	took   []uint32          // microseconds
	ms     *[countedMS]int32 // how many of each whole number of milliseconds; nil while there are few
	sketch *sketch.Sketch    // of all that are in neither
}

const (
	// countedMS is below how many milliseconds durations are counted.
	countedMS = 1024
	// fewDurations is how many durations are kept one by one before they are counted, and
	// maxLoose how many that cannot be counted: below it a list is smaller than a sketch.
	fewDurations = 256
	maxLoose     = 1024
)

// none says that there are none.
func (c *durations) none() bool { return c.sketch == nil && c.ms == nil && len(c.took) == 0 }

// countedAs is the number of milliseconds that a duration is counted as where there are
// many; -1 for one that is not a whole number of them, or has too many.
func countedAs(took time.Duration) int {
	if ms := took / time.Millisecond; uint64(ms) < countedMS && ms*time.Millisecond == took {
		return int(ms)
	}
	return -1
}

// add keeps one duration; it says by how many bytes the cell has grown.
func (c *durations) add(took time.Duration) (grew int64) {
	us := took.Microseconds()
	if us > 1<<32-1 { // 71 minutes
		grew = c.makeSketch()
		c.sketch.Add(took)
		return grew
	}
	return c.addMicroseconds(uint32(us))
}

func (c *durations) addMicroseconds(us uint32) (grew int64) {
	if c.ms == nil {
		if len(c.took) < fewDurations {
			room := cap(c.took)
			c.took = append(c.took, us)
			return 4 * int64(cap(c.took)-room)
		}
		grew = c.countMS()
	}
	if ms := us / 1000; ms < countedMS && ms*1000 == us {
		c.ms[ms]++
		return grew
	}
	if len(c.took) == maxLoose {
		grew += c.settleLoose()
	}
	room := cap(c.took)
	c.took = append(c.took, us)
	return grew + 4*int64(cap(c.took)-room)
}

// countMS counts whole milliseconds from now on, and those that there are.
func (c *durations) countMS() (grew int64) {
	if c.ms != nil {
		return 0
	}
	loose := c.took
	c.took, c.ms, grew = nil, counted.Get().(*[countedMS]int32), 4*countedMS-4*int64(cap(loose))
	for _, us := range loose {
		grew += c.addMicroseconds(us)
	}
	return grew
}

// counted are counts of milliseconds that are all zero, to be used again: windows come and
// go faster than garbage should be collected.
var counted = sync.Pool{New: func() any { return new([countedMS]int32) }}

// free gives up what is counted.
func (c *durations) free() {
	if c.ms != nil {
		clear(c.ms[:])
		counted.Put(c.ms)
		c.ms = nil
	}
}

func (c *durations) makeSketch() (grew int64) {
	if c.sketch == nil {
		c.sketch, grew = sketch.New(), sketchWeight
	}
	return grew
}

// settleLoose moves the durations that are kept one by one into the sketch, those that
// come again at once.
func (c *durations) settleLoose() (grew int64) {
	if len(c.took) == 0 {
		return 0
	}
	grew = c.makeSketch()
	var count [countedMS]uint16
	seen := make([]uint16, 0, maxLoose)
	for _, us := range c.took {
		ms := us / 1000
		if ms*1000 != us || ms >= countedMS {
			c.sketch.Add(time.Duration(us) * time.Microsecond)
			continue
		}
		if count[ms] == 0 {
			seen = append(seen, uint16(ms))
		}
		count[ms]++
	}
	for _, ms := range seen {
		c.sketch.AddN(time.Duration(ms)*time.Millisecond, int64(count[ms]))
	}
	c.took = c.took[:0]
	return grew
}

// settle moves all durations into the sketch, which it makes when there is none.
func (c *durations) settle() {
	c.makeSketch()
	c.settleLoose()
	if c.ms != nil {
		c.sketch.AddMilliseconds(c.ms[:])
		c.free()
	}
}

// merge takes those of other in as well, which must not be used afterwards.
func (c *durations) merge(other *durations) {
	for _, us := range other.took {
		c.addMicroseconds(us)
	}
	if other.ms != nil {
		c.countMS()
		for ms, n := range other.ms {
			c.ms[ms] += n
		}
		other.free()
	}
	if other.sketch != nil {
		c.mergeSketch(other.sketch)
	}
}

func (c *durations) mergeSketch(s *sketch.Sketch) {
	if c.sketch == nil {
		c.sketch = s
		return
	}
	if both, err := c.sketch.Merge(s); err == nil { // it always is of the same accuracy
		c.sketch = both.(*sketch.Sketch)
	}
}

// appendTo writes them.
func (c *durations) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(c.took)))
	for _, us := range c.took {
		b = binary.AppendUvarint(b, uint64(us))
	}
	var bins []byte
	if c.sketch != nil {
		bins, _ = c.sketch.MarshalBinary() // which has no error to give
	}
	b = binary.AppendUvarint(b, uint64(len(bins)))
	b = append(b, bins...)
	if c.ms != nil {
		for ms, n := range c.ms {
			if n > 0 {
				b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(n)), uint64(ms))
			}
		}
	}
	return append(b, 0)
}
