package policy

import (
	"fmt"
	"time"
)

// Losses are, in words, what a library cannot express of a Neutral policy, in the order
// in which it was found.
type Losses []string

// Add is one more, formatted as by fmt.Sprintf.
func (l *Losses) Add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// Milliseconds is d, not below 0, rounded up to the whole milliseconds that many libraries count
// in; what that changes of name is a loss.
func (l *Losses) Milliseconds(d time.Duration, name string) time.Duration {
	up := d.Truncate(time.Millisecond)
	if up < d {
		up += time.Millisecond
		l.Add("%s %s becomes %s: whole milliseconds only", name, d, up)
	}
	return max(up, 0)
}
