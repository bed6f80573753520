package gatewaylog

// windowSeconds is the width of a latency sketch, and of what is kept together.
const windowSeconds = 10

// window is ten seconds of every series.
type window struct {
	at    int64   // unix seconds / 10
	slot  []*cell // by series; nil for none
	cells []*cell // in the order in which they came
}

// cell counts one series in one window.
type cell struct {
	series         int32
	started, ended [windowSeconds]uint32
	durations
}

// second is a second of the log, and where requests of it are counted.
type second struct {
	at     int64   // unix seconds
	window *window // nil for none
	nth    int     // of the window's seconds
}

// second is where requests of an instant are counted: a window, and the number of the
// second in it.
func (a *Aggregator) second(i Instant) (w *window, nth int) {
	at := i.second()
	hot := &a.hot[uint64(at)%uint64(len(a.hot))]
	if hot.window == nil || hot.at != at {
		*hot = a.findSecond(at)
	}
	return hot.window, hot.nth
}

func (a *Aggregator) findSecond(at int64) second {
	ten := floorDiv(at, windowSeconds)
	return second{at: at, window: a.window(ten), nth: int(at - ten*windowSeconds)}
}

// window is the one that begins at ten times so many unix seconds.
func (a *Aggregator) window(at int64) *window {
	w := a.windows[at]
	if w == nil {
		w = &window{at: at}
		a.windows[at] = w
	}
	return w
}

// cell is where a series is counted in a window.
func (a *Aggregator) cell(w *window, s int32) *cell {
	if int(s) < len(w.slot) {
		if c := w.slot[s]; c != nil {
			return c
		}
	}
	slots := cap(w.slot)
	c := w.cell(s)
	a.weight += cellWeight + 8*int64(cap(w.slot)-slots)
	return c
}

func (w *window) cell(s int32) *cell {
	if int(s) >= len(w.slot) {
		w.slot = append(w.slot, make([]*cell, int(s)+8-len(w.slot))...)
	}
	c := w.slot[s]
	if c == nil {
		c = &cell{series: s}
		w.slot[s] = c
		w.cells = append(w.cells, c)
	}
	return c
}

// merge counts other in c as well.
func (c *cell) merge(other *cell) {
	for i := range c.started {
		c.started[i] += other.started[i]
		c.ended[i] += other.ended[i]
	}
	c.durations.merge(&other.durations)
}
