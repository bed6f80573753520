package world

import (
	"context"
	"errors"
	"time"

	"tripcurve/services/host"
	"tripcurve/sim/vtime"
)

// Limits are how long the sessions of a pool wait and work; 0 is for ever.
type Limits struct {
	PoolWait  time.Duration // for a free connection
	Lock      time.Duration // lock_timeout: one wait for a table lock
	Statement time.Duration // statement_timeout: one statement, its lock wait included
}

// What the pool and the server say of them.
var (
	errPoolWait  = errors.New("no connection of the pool was free in time")
	errLock      = errors.New("canceling statement due to lock timeout")
	errStatement = errors.New("canceling statement due to statement timeout")
)

// within does something under a time limit beside that of c, which may be nil; when
// that limit ends it, the answer is own. A limit of 0 is none.
func within(k *vtime.Kernel, c *vtime.Context, limit time.Duration, own error, do func(c *vtime.Context) error) error {
	if limit == 0 {
		return do(c)
	}
	var parent context.Context = c
	if c == nil {
		parent = vtime.Detached(context.Background())
	}
	bounded := k.WithTimeout(parent, limit)
	defer bounded.Cancel()
	err := do(bounded)
	if err != nil && bounded.Err() != nil && (c == nil || c.Err() == nil) {
		return own
	}
	return err
}

// acquire takes a connection of the pool.
func (d *Database) acquire(c *vtime.Context) error {
	return within(d.w.K, c, d.limits.PoolWait, errPoolWait, d.Pool.Acquire)
}

// execWithin is a statement under the pool's limits.
func (x *tx) execWithin(st *host.Statement, t *Table) error {
	k, l := x.d.w.K, x.d.limits
	err := within(k, x.c, l.Statement, errStatement, func(c *vtime.Context) error {
		err := within(k, c, l.Lock, errLock, func(c *vtime.Context) error { return x.d.lock(x.s, t, st.Lock, c) })
		if err != nil {
			return err
		}
		return sleep(k, c, x.d.pace.stretch(x.d.time.Draw(x.draw())))
	})
	x.cut = x.cut || err != nil
	return err
}
