// Package verify holds a run of the lab against the simulation of the same
// scenario: the same customers, faults and policies, once for real and once in
// virtual time.
package verify

import (
	"errors"
	"fmt"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/services/lab"
	"tripcurve/sim"
)

// ErrNoCounterpart is a scenario of the lab with something that the simulator
// does not know.
var ErrNoCounterpart = errors.New("the simulator has no counterpart")

const (
	// What loopback and an idle Postgres take.
	networkDelay  = 100 * time.Microsecond
	statementTime = 500 * time.Microsecond
	// cancelTime is a connection of its own for the request to cancel, and a rollback.
	cancelTime = 3 * time.Millisecond
	// second is how long after the first of two sessions the other one comes, so
	// that it queues behind.
	second = 10 * time.Millisecond

	table = "stock_reservations"
)

// Simulated is a scenario of the lab as the simulator takes it, with the very
// customers that come to the lab.
func Simulated(sc lab.Scenario) (sim.Scenario, error) {
	s, err := empty(sc)
	if err != nil {
		return s, err
	}
	for _, a := range sc.Arrivals() {
		s.Arrivals = append(s.Arrivals, sim.Arrival(a))
	}
	return s, nil
}

// Simulable says whether the simulator has a counterpart of all that a scenario does;
// unlike Simulated it draws no customers, which takes milliseconds.
func Simulable(sc lab.Scenario) bool {
	_, err := empty(sc)
	return err == nil
}

// empty is a scenario to which nobody comes yet.
func empty(sc lab.Scenario) (sim.Scenario, error) {
	s := sim.Scenario{
		Name: sc.Name, Seed: sc.Seed, Length: sc.Length,
		Start:     time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC),
		Checkouts: sim.Ramp(sc.Checkouts), InventoryReads: sim.Ramp(sc.InventoryReads), OrderReads: sim.Ramp(sc.OrderReads),
		Patience: sc.Patience, Checkout: sc.Checkout, Edges: sc.Edges,
		World: sim.World{
			NetworkDelay: networkDelay, StatementTime: statementTime, CancelTime: cancelTime,
			PoolSize: sc.World.PoolSize, StreamQuota: sc.World.StreamQuota,
			IdleDrop: sc.World.IdleDrop, MinPing: sc.World.MinPing,
			StockPerSKU: sc.World.StockPerSKU, SKUs: sc.World.SKUs, ReservationTTL: sc.World.ReservationTTL,
		},
	}
	if c := sc.Customers; c.GiveUp > 0 || c.Tries > 1 {
		return s, fmt.Errorf("%w of customers who give up or try again", ErrNoCounterpart)
	}
	if d := sc.World.UserTimeout; d > 0 {
		return s, fmt.Errorf("%w of a TCP that is told to give up after %s", ErrNoCounterpart, d)
	}
	for _, f := range sc.Faults {
		faults, ok := counterpart(f)
		if !ok {
			return s, fmt.Errorf("%w of this: %s", ErrNoCounterpart, f)
		}
		s.Faults = append(s.Faults, faults...)
	}
	return s, nil
}

// counterpart is what a fault of the lab is in the simulator.
func counterpart(f lab.Fault) (_ []sim.Fault, ok bool) {
	hold := func(at, d time.Duration, mode pglock.Mode, pid int, user, statement string) sim.Fault {
		return sim.LockTable{At: at, Hold: d, Table: table, Mode: mode, PID: pid, User: user, Statement: statement}
	}
	const first, migration = 48290, 48291
	switch f := f.(type) {
	case lab.LockTable:
		return []sim.Fault{hold(f.At, f.Hold, pglock.Share, migration, "migrator", f.Statement)}, true
	case lab.QueuedExclusive:
		return []sim.Fault{
			hold(f.At, f.Hold, pglock.AccessShare, first, "report", "SELECT count(*) FROM "+table),
			hold(f.At+second, f.Hold, pglock.AccessExclusive, migration, "migrator", f.Statement),
		}, true
	case lab.IdleInTransaction:
		return []sim.Fault{
			hold(f.At, f.Hold, pglock.RowExclusive, first, "backoffice", "UPDATE "+table),
			hold(f.At+second, f.Hold, pglock.Share, migration, "migrator", f.Statement),
		}, true
	case lab.Restart:
		return []sim.Fault{sim.RestartService{At: f.At, Service: f.Service, WhileFailing: true}}, true
	case lab.Crash:
		return []sim.Fault{sim.RestartService{At: f.At, Service: f.Service}}, true
	case lab.BlackHole:
		// What is dialled while the hole lasts is lost too, but nobody dials: nobody knows.
		return []sim.Fault{sim.BlackHole{At: f.At}}, true
	case lab.Traffic:
		return nil, true // its customers are in the list
	}
	return nil, false
}
