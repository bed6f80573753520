package main

import (
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/services/lab"
	"tripcurve/sim"
)

// simulated is a scenario of the lab as the simulator takes it. ok is false when
// one of its faults has no counterpart there.
func simulated(sc lab.Scenario) (_ sim.Scenario, ok bool) {
	s := sim.Scenario{
		Name: sc.Name, Seed: sc.Seed, Length: sc.Length,
		Start:     time.Date(2026, 1, 15, 14, 18, 0, 0, time.UTC),
		Checkouts: sim.Ramp(sc.Checkouts), InventoryReads: sim.Ramp(sc.InventoryReads), OrderReads: sim.Ramp(sc.OrderReads),
		Patience: sc.Patience, Edges: sc.Edges,
		World: sim.World{
			// What loopback and an idle Postgres take.
			NetworkDelay: 100 * time.Microsecond, StatementTime: 500 * time.Microsecond,
			PoolSize: sc.World.PoolSize, StreamQuota: sc.World.StreamQuota,
			IdleDrop: sc.World.IdleDrop, MinPing: sc.World.MinPing,
			StockPerSKU: sc.World.StockPerSKU, SKUs: sc.World.SKUs, ReservationTTL: sc.World.ReservationTTL,
		},
	}
	if sc.World.TCPKeepalive > 0 && sc.World.TCPKeepalive < sc.World.IdleDrop {
		s.World.IdleDrop = 0 // the balancer sees the probes: the flow is never idle
	}
	for _, f := range sc.Faults {
		switch f := f.(type) {
		case lab.LockTable:
			s.Faults = append(s.Faults, sim.LockTable{
				At: f.At, Hold: f.Hold, Table: "stock_reservations", Mode: pglock.Share,
				PID: 48291, User: "migrator", Statement: f.Statement,
			})
		case lab.Restart:
			s.Faults = append(s.Faults, sim.RestartService{At: f.At, Service: f.Service})
		default:
			return s, false
		}
	}
	return s, true
}
