package warehouse

import (
	"context"
	"errors"
	"slices"

	"tripcurve/services/order"
)

// The speeds of a shipment.
const (
	Express  = "express"
	Standard = "standard"
)

// Shipments is the warehouse's database: one shipment per idempotency key. Both
// worlds pass the same suite (shipmentstest.Run).
type Shipments interface {
	// Create stores a shipment, or returns the one its key already has. ErrKeyReused
	// when that one is another order's or has another speed.
	Create(ctx context.Context, s Shipment) (Shipment, error)
	// Of is the shipments of an order, in the order of their tracking numbers: none
	// or one, unless it was asked for under two keys.
	Of(ctx context.Context, order string) ([]Shipment, error)
}

// Shipment is a parcel on its way.
type Shipment struct {
	Tracking string
	Key      string
	OrderID  string
	Speed    string
	Items    []Item
	Address  order.Address
}

// Item is one line of what is packed.
type Item struct {
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

// Same says whether two are asked for the same thing.
func (s Shipment) Same(o Shipment) bool {
	return s.OrderID == o.OrderID && s.Speed == o.Speed && s.Address == o.Address && slices.Equal(s.Items, o.Items)
}

// ErrKeyReused is an idempotency key that stands for another shipment.
var ErrKeyReused = errors.New("idempotency key was used for another shipment")
