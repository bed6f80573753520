package postgres

import "time"

const (
	// costFactor is the inverse of the share of the wall time that sampling may take, 2 %.
	costFactor = 50
	// mostSaved is the time that cheap samples leave for dear ones, the share of 10 s.
	mostSaved = 10 * time.Second / costFactor
	// longestPause is what a sample's cost puts the next one off at most: who watches an
	// incident needs it, and samples of more than 600 ms then take more than their share.
	longestPause = 30 * time.Second
)

// budget is a token bucket of the time that sampling takes. A single dear sample, which
// comes when a lock is let go and hundreds of sessions begin to run, is paid by the cheap
// ones before it and not by a hole right where the evidence is needed; while all are dear
// each is followed by a pause of fifty times what it took.
type budget struct {
	saved time.Duration // negative: a debt
	at    time.Time     // until when saved is reckoned; zero before the first sample
}

// pause is the distance from the start of a sample, which took so long, to the start of
// the next: every at least.
func (b *budget) pause(began time.Time, took, every time.Duration) time.Duration {
	if !b.at.IsZero() {
		b.saved = min(b.saved+max(0, began.Sub(b.at))/costFactor, mostSaved)
	}
	b.at = began
	b.saved -= took
	owed := -costFactor * b.saved
	if owed > longestPause {
		owed = longestPause
		b.saved = -owed / costFactor
	}
	return max(every, owed)
}
