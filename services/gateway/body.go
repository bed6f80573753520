package gateway

import (
	"encoding/json"
	"time"
)

// The bodies, under the wire names of the original.
type (
	orderCreated struct {
		OrderID      string `json:"orderId"`
		Status       string `json:"status"`
		ClientSecret string `json:"clientSecret"`
		ExpiresAt    string `json:"expiresAt"`
	}
	orderAccepted struct {
		OrderID string `json:"orderId"`
		Status  string `json:"status"`
	}
	orderRead struct {
		OrderID        string `json:"orderId"`
		Status         string `json:"status"`
		ReservationID  string `json:"reservationId"`
		Total          Cents  `json:"total"`
		TrackingNumber string `json:"trackingNumber,omitempty"`
	}
	problem struct {
		Error   string `json:"error"`
		Message string `json:"message"`
		// Of a request that will not do: what was found where, and what belongs there.
		Field    string `json:"field,omitempty"`
		Found    string `json:"found,omitempty"`
		Expected string `json:"expected,omitempty"`
	}
)

// messages are what customers read, by status.
var messages = map[int]string{
	400: "the request is not valid",
	404: "not found",
	405: "method not allowed",
	409: "out of stock",
	413: "the request is too large",
	415: "the request is not JSON",
	502: "temporarily unavailable",
	503: "temporarily unavailable",
	504: "timed out",
}

// keyReused is the payment service's word for an Idempotency-Key that was used for
// another intent.
const keyReused = "idempotency_key_reused"

// AppendBody appends the answer's JSON body.
func (r Response) AppendBody(dst []byte) []byte {
	var v any
	switch {
	case r.Code == keyReused:
		v = problem{Error: r.Code, Message: "the key belongs to another request"}
	case r.Code != "":
		v = problem{Error: r.Code, Message: messages[r.Status], Field: r.Mistake.Field, Found: r.Mistake.Found, Expected: r.Mistake.Expected}
	case r.Route == PostOrder && r.Status == 202:
		v = orderAccepted{OrderID: r.Order.OrderID, Status: r.Order.Status}
	case r.Route == PostOrder:
		v = orderCreated{
			OrderID: r.Order.OrderID, Status: r.Order.Status, ClientSecret: r.Order.ClientSecret,
			ExpiresAt: r.Order.ExpiresAt.UTC().Format(time.RFC3339),
		}
	case r.Route == GetOrder:
		v = orderRead{
			OrderID: r.Order.OrderID, Status: r.Order.Status, ReservationID: r.Order.ReservationID,
			Total: r.Order.Total, TrackingNumber: r.Order.TrackingNumber,
		}
	case r.Route == GetStock:
		v = r.Stock
	case r.Route == PostIntent:
		v = r.Intent
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and integers only: cannot happen
	}
	return append(dst, b...)
}
