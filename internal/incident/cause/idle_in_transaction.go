package cause

import "fmt"

// idleRule names sessions that hold locks in a transaction and do nothing. They are
// found as every root of lock waits is; what they need is another remedy, and they
// are never part of the usual work.
const idleRule = "idle_in_transaction"

const (
	idleWhy   = "it is idle in transaction: it holds its locks and does nothing"
	neverIdle = "set idle_in_transaction_session_timeout"
)

// idly is what stands behind the holder's name in a claim.
func (h *holder) idly() string {
	if h.idle {
		return ", idle in transaction,"
	}
	return ""
}

// endIdle is what frees those who wait for a session that runs nothing.
func (h *holder) endIdle() string {
	return fmt.Sprintf("select pg_terminate_backend(%d);\n-- ends the session; its transaction is rolled back. pg_cancel_backend would not: nothing is running.", h.session.PID)
}
