package sim

import "time"

// hanging is how long a checkout may be without an answer before Recovery takes it
// for one that gets none: twice what a gateway waits that tries three times 10 s.
const hanging = 60

// Recovery is how the run came out of what went wrong in it. failed says that
// something did: a checkout was not served, or hung. recovered says that checkouts
// succeeded for good again before the run ended, and took how long that was after
// the trigger's end (after the first failure where the run has no lock); 0 when
// they did so before. Without recovered took is how long it was watched in vain.
func (r *Result) Recovery() (took time.Duration, recovered, failed bool) {
	if r.Orders.Failed == 0 && !r.hangs() {
		return 0, false, false
	}
	from, end := r.LockTo, r.RecoveredAt
	if from.IsZero() {
		from = r.firstFailed()
	}
	if recovered = !end.IsZero(); !recovered {
		end = r.Start.Add(r.Length)
	}
	return max(0, end.Sub(from)), recovered, true
}

// Unanswered counts the checkouts that had waited longer than their patience when the
// run ended.
func (r *Result) Unanswered(patience time.Duration) int {
	begun := 0
	for i, n := range r.Started {
		if time.Duration(i+1)*time.Second+patience <= r.Length {
			begun += n
		}
	}
	return max(0, begun-(r.Orders.Started-r.Orders.InFlightLeft))
}

// hangs says that fewer checkouts were answered in all than had begun a minute
// before the end.
func (r *Result) hangs() bool {
	begun := 0
	for _, n := range r.Started[:max(len(r.Started)-hanging, 0)] {
		begun += n
	}
	return begun > r.Orders.Started-r.Orders.InFlightLeft
}

// firstFailed is when the first failing checkout began, or else the first second
// in which one was late; the run's beginning when they only hung.
func (r *Result) firstFailed() time.Time {
	for _, e := range r.Endpoints {
		if e.Method == "POST" && e.Route == "/api/orders" && e.Failed > 0 {
			return e.FirstFailed
		}
	}
	for i, n := range r.Late {
		if n > 0 {
			return r.Start.Add(time.Duration(i) * time.Second)
		}
	}
	return r.Start
}
