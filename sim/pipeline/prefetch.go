package pipeline

import "tripcurve/sim/vtime"

// fetcher is what prefetching needs. With a hundred thousand requests under way they are
// tens of megabytes, and every event of a request that has waited for a while begins with
// fetching half a dozen objects from memory, each named by the one before. Read for a
// hundred events together, those of one kind after those of another, the fetches overlap.
type fetcher struct {
	at   []int32 // objects of one kind
	read uint64  // a sum of what was read, so that the reads are made
}

// fetchDepth is how many callers of an endpoint are read; those above answer later.
const fetchDepth = 4

// Prefetch reads what the events will need: the endpoints that go on, and those who wait
// for their answers.
func (m *machine) Prefetch(next []vtime.Posted) {
	at, read := m.fetch.at[:0], uint64(0)
	for _, e := range next {
		switch i := int32(e.Arg); e.Op >> epochBits {
		case evFrame:
			at = append(at, i)
		case evArrive:
			read += m.tries.at(i).id
		case evUser:
			read += m.sessions.at(i).tag
		}
	}
	m.fetch.at = at
	for range fetchDepth {
		tries := at[:0]
		for _, i := range at {
			f := m.frames.at(i)
			read += uint64(f.calls) // in its second cache line
			switch {
			case f.try != none:
				tries = append(tries, f.try)
			case f.session != none:
				read += m.sessions.at(f.session).tag
			}
		}
		calls := tries[:0]
		for _, i := range tries {
			t := m.tries.at(i)
			if t.prev != none {
				read += m.tries.at(t.prev).id
			}
			if t.next != none {
				read += m.tries.at(t.next).id
			}
			if t.call != none {
				calls = append(calls, t.call)
			}
		}
		at = calls[:0]
		for _, i := range calls {
			if f := m.calls.at(i).frame; f != none {
				at = append(at, f)
			}
		}
	}
	m.fetch.read += read
}
