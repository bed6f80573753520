package bundled

import (
	"time"

	"tripcurve/internal/incident"
	"tripcurve/sim"
)

// The database's limits (assumed: the postmortem does not state them).
const (
	maxConnections      = 200
	reservedConnections = 3 // PostgreSQL's default
)

// Sources of what somebody asked for after the night.
const (
	workerSource = "fulfillment"
	booksSource  = "orphan query"
)

// settings are the server's, as the Postgres collector's second connection reads
// them.
func settings(sc sim.Scenario) []incident.Fact {
	origin := incident.Origin{Group: "postgres", Name: pgSource}
	fact := func(name string, v float64) incident.Fact {
		return incident.Series{
			Name: incident.SettingSeries, Labels: map[string]string{"name": name}, Unit: "1", Kind: incident.Gauge,
			Points: []incident.Point{{At: sc.Start.Add(time.Second), V: v}}, Origin: origin,
		}
	}
	return []incident.Fact{fact("max_connections", maxConnections), fact("superuser_reserved_connections", reservedConnections)}
}

// books are what became of jobs and reservations, counted when the run was over:
// the worker's counters, and a query for reservations that no order names.
func books(sc sim.Scenario, res *sim.Result) []incident.Fact {
	end := sc.Start.Add(sc.Length)
	counter := func(name string, n int) incident.Fact {
		return incident.Series{
			Name: name, Unit: "1", Kind: incident.Counter, Points: []incident.Point{{At: sc.Start, V: 0}, {At: end, V: float64(n)}},
			Origin: incident.Origin{Group: "worker", Name: workerSource}, Caveat: "read at the beginning and at the end",
		}
	}
	return []incident.Fact{
		counter("fulfillment.shipped", res.Fulfilment.Shipped),
		counter("fulfillment.failed", res.Fulfilment.Failed),
		incident.Series{
			Name: incident.OrphanSeries, Unit: "1", Kind: incident.Gauge,
			Points: []incident.Point{{At: end, V: float64(res.Orphans - res.OrphansSwept)}},
			Origin: incident.Origin{Group: "query", Name: booksSource}, Caveat: "asked of both databases at the end",
		},
	}
}
