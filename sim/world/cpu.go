package world

import (
	"container/heap"
	"math"
	"time"

	"tripcurve/sim"
	"tripcurve/sim/vtime"
)

// CPU is a number of processor cores that what runs shares alike: one job has a core
// of its own as long as there are no more jobs than cores, and an equal part of all
// cores beyond that (egalitarian processor sharing).
type CPU struct {
	k     *vtime.Kernel
	cores float64
	jobs  jobs       // by what each waits for
	done  float64    // ns of work that every job has had since the processor was last idle
	since vtime.Time // done is of this instant
	n     uint64
	timer vtime.Timer // of the job that ends next
}

// share is one job.
type share struct {
	p    *vtime.Proc
	ends float64 // when CPU.done is so much
	n    uint64
	at   int // in the heap; -1 when it has ended
}

// NewCPU is a processor with so many cores.
func NewCPU(k *vtime.Kernel, cores int) *CPU { return &CPU{k: k, cores: float64(cores)} }

// Jobs is how many run now.
func (c *CPU) Jobs() int { return len(c.jobs) }

// Work takes so much time of one core for the running process, or answers v's error
// when that ends first. v may be nil.
func (c *CPU) Work(v *vtime.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if v != nil && v.Err() != nil {
		return v.Err()
	}
	c.advance()
	c.n++
	j := &share{p: c.k.Current(), ends: c.done + float64(d), n: c.n}
	heap.Push(&c.jobs, j)
	c.schedule()
	why := c.k.ParkUnder(v)
	if j.at >= 0 {
		c.advance()
		heap.Remove(&c.jobs, j.at)
		c.schedule()
	}
	switch why {
	case vtime.Killed:
		c.k.Unwind()
	case vtime.Ended:
		return v.Err()
	default: // done
	}
	return nil
}

// rate is how fast each job goes.
func (c *CPU) rate() float64 { return min(1, c.cores/float64(len(c.jobs))) }

func (c *CPU) advance() {
	now := c.k.Now()
	if len(c.jobs) == 0 {
		c.done = 0
	} else {
		c.done += float64(now-c.since) * c.rate()
	}
	c.since = now
}

func (c *CPU) schedule() {
	c.timer.Stop()
	if len(c.jobs) > 0 {
		left := (c.jobs[0].ends - c.done) / c.rate()
		c.timer = c.k.After(time.Duration(math.Ceil(max(left-0.5, 0))), c)
	}
}

// Run is a job ending, and those that end with it: within half a nanosecond.
func (c *CPU) Run() {
	c.advance()
	for len(c.jobs) > 0 && c.jobs[0].ends-c.done <= 0.5 {
		j := heap.Pop(&c.jobs).(*share)
		j.p.Wake(granted)
	}
	c.schedule()
}

// jobs is a heap: the first ends first, of equals the one that came first.
type jobs []*share

func (h jobs) Len() int { return len(h) }
func (h jobs) Less(i, j int) bool {
	return h[i].ends < h[j].ends || h[i].ends == h[j].ends && h[i].n < h[j].n
}

func (h jobs) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push is for container/heap.
func (h *jobs) Push(x any) {
	j := x.(*share)
	j.at = len(*h)
	*h = append(*h, j)
}

// Pop is for container/heap.
func (h *jobs) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h, j.at = old[:len(old)-1], -1
	return j
}

// labour is what a service's processor has to do for each call before its handler.
type labour struct {
	work sim.Dist
	draw *Stream
	cpu  *CPU // nil where there is no bound on the cores
}

// Compute makes every call of the service take so much processor time, drawn by the
// call alone, before its handler begins; cores of 0 are as many as it takes.
func (s *Service) Compute(work sim.Dist, cores int) {
	s.labour = &labour{work: work, draw: s.w.Stream("work of " + s.Name)}
	if cores > 0 {
		s.labour.cpu = NewCPU(s.w.K, cores)
	}
}

// CPU is the service's processor; nil where it has no bound.
func (s *Service) CPU() *CPU {
	if s.labour == nil {
		return nil
	}
	return s.labour.cpu
}

// compute is that time, in the process of a call.
func (s *Service) compute(v *vtime.Context, tag uint64) error {
	l := s.labour
	d := s.pace.stretch(l.work.Draw(l.draw.At(tag)))
	if l.cpu == nil {
		return sleep(s.w.K, v, d)
	}
	return l.cpu.Work(v, d)
}
