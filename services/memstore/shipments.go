package memstore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"tripcurve/services/warehouse"
)

// Shipments is a warehouse.Shipments.
type Shipments struct {
	mu  sync.Mutex
	all []warehouse.Shipment
}

// NewShipments is a warehouse that has shipped nothing.
func NewShipments() *Shipments { return &Shipments{} }

// Create stores a shipment, or returns the one its key already has.
func (s *Shipments) Create(ctx context.Context, in warehouse.Shipment) (warehouse.Shipment, error) {
	if err := ctx.Err(); err != nil {
		return warehouse.Shipment{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.all {
		if v.Key == in.Key && !v.Same(in) {
			return warehouse.Shipment{}, warehouse.ErrKeyReused
		}
		if v.Key == in.Key {
			return v, nil
		}
	}
	s.all = append(s.all, in)
	return in, nil
}

// Of is the shipments of an order.
func (s *Shipments) Of(ctx context.Context, order string) (all []warehouse.Shipment, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.all {
		if v.OrderID == order {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b warehouse.Shipment) int { return strings.Compare(a.Tracking, b.Tracking) })
	return all, nil
}

// Len is how many shipments were made.
func (s *Shipments) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
