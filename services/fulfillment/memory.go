package fulfillment

import (
	"context"
	"fmt"
	"sync"
)

// Memory is a Warehouse that keeps its shipments in memory.
type Memory struct {
	mu    sync.Mutex
	made  map[string]made // by order
	calls int
}

type made struct {
	Shipment
	tracking string
}

// NewMemory is a warehouse that has shipped nothing.
func NewMemory() *Memory { return &Memory{made: map[string]made{}} }

// CreateShipment makes one shipment per order.
func (m *Memory) CreateShipment(ctx context.Context, s Shipment) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	known, ok := m.made[s.OrderID]
	if !ok {
		known = made{s, fmt.Sprintf("1Z%010d", len(m.made)+1)}
		m.made[s.OrderID] = known
	}
	return known.tracking, nil
}

// Shipment is the shipment of an order and its tracking number; false when there
// is none.
func (m *Memory) Shipment(id string) (s Shipment, tracking string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.made[id]
	return k.Shipment, k.tracking, ok
}

// Count is how many shipments were made, and how often one was asked for.
func (m *Memory) Count() (shipments, calls int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.made), m.calls
}
