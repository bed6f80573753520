package gatewaylog

// windowSeconds is the width of a latency sketch, and of what is kept together.
const windowSeconds = 10

// window is ten seconds of every series.
type window struct {
	at    int64   // unix seconds / 10
	slot  []int32 // by series: 1 + index into cells, 0 for none
	cells []*cell
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
		if i := w.slot[s]; i > 0 {
			return w.cells[i-1]
		}
	}
	a.weight += cellWeight
	return w.cell(s)
}

func (w *window) cell(s int32) *cell {
	if int(s) >= len(w.slot) {
		w.slot = append(w.slot, make([]int32, int(s)+8-len(w.slot))...)
	}
	i := w.slot[s]
	if i == 0 {
		w.cells = append(w.cells, &cell{series: s})
		i = int32(len(w.cells))
		w.slot[s] = i
	}
	return w.cells[i-1]
}

// merge counts other in c as well.
func (c *cell) merge(other *cell) {
	for i := range c.started {
		c.started[i] += other.started[i]
		c.ended[i] += other.ended[i]
	}
	c.durations.merge(&other.durations)
}
