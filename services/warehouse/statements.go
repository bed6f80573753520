package warehouse

import (
	"tripcurve/internal/pglock"
	"tripcurve/services/host"
)

const (
	shipments = "shipments"
	// columns are those of a shipment as they are read.
	columns = `tracking_number, idempotency_key, order_id, speed, items, address`
)

// What the service does to its database, declared once.
var (
	// ShipmentInsert stores a shipment unless its idempotency key has one. It waits
	// for a shipment of the same key whose transaction is under way.
	ShipmentInsert = host.Statement{
		Name: "shipment_insert",
		SQL: `INSERT INTO shipments (tracking_number, idempotency_key, order_id, speed, items, address)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (idempotency_key) DO NOTHING`,
		Table: shipments, Lock: pglock.RowExclusive,
	}
	// ShipmentByKey reads the shipment of an idempotency key.
	ShipmentByKey = host.Statement{
		Name:  "shipment_by_key",
		SQL:   `SELECT ` + columns + ` FROM shipments WHERE idempotency_key = $1`,
		Table: shipments, Lock: pglock.AccessShare,
	}
	// ShipmentsByOrder reads the shipments of an order.
	ShipmentsByOrder = host.Statement{
		Name:  "shipments_by_order",
		SQL:   `SELECT ` + columns + ` FROM shipments WHERE order_id = $1 ORDER BY tracking_number`,
		Table: shipments, Lock: pglock.AccessShare,
	}
)

// Statements are all of the service's.
func Statements() []host.Statement {
	return []host.Statement{ShipmentInsert, ShipmentByKey, ShipmentsByOrder}
}
