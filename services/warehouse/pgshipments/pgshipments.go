// Package pgshipments is the warehouse's database on Postgres.
package pgshipments

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tripcurve/services/pgkit"
	"tripcurve/services/warehouse"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations is the schema.
var Migrations = pgkit.Migrations{Set: "shipments", Files: files}

// Shipments is a warehouse.Shipments.
type Shipments struct{ db *pgkit.DB }

// New is the shipments of a database that has the schema.
func New(db *pgkit.DB) *Shipments { return &Shipments{db: db} }

// read reads a shipment's columns.
func read(r pgx.CollectableRow) (s warehouse.Shipment, err error) {
	return s, r.Scan(&s.Tracking, &s.Key, &s.OrderID, &s.Speed, &s.Items, &s.Address)
}

// Create stores a shipment, or returns the one its key already has.
func (p *Shipments) Create(ctx context.Context, s warehouse.Shipment) (warehouse.Shipment, error) {
	items := s.Items
	if items == nil {
		items = []warehouse.Item{} // NULL is not a list
	}
	stored := s
	err := p.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		n, err := pgkit.Exec(ctx, c, warehouse.ShipmentInsert, s.Tracking, s.Key, s.OrderID, s.Speed, items, s.Address)
		if err != nil || n > 0 {
			return err
		}
		stored, _, err = pgkit.One(ctx, c, warehouse.ShipmentByKey, read, s.Key)
		if err == nil && !stored.Same(s) {
			err = warehouse.ErrKeyReused
		}
		return err
	})
	if err != nil {
		return warehouse.Shipment{}, fmt.Errorf("shipment of order %s: %w", s.OrderID, err)
	}
	return stored, nil
}

// Of is the shipments of an order.
func (p *Shipments) Of(ctx context.Context, order string) (all []warehouse.Shipment, err error) {
	err = p.db.Alone(ctx, func(ctx context.Context, c pgkit.Conn) error {
		all, err = pgkit.All(ctx, c, warehouse.ShipmentsByOrder, read, order)
		return err
	})
	return all, err
}
