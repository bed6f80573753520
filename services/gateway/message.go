package gateway

import (
	"time"

	"tripcurve/services/host"
)

// Route is one of the four endpoints.
type Route uint8

const (
	NoRoute Route = iota // a path or method that the gateway does not have
	PostOrder
	GetOrder
	GetStock
	PostIntent
)

// endpoints is the table of routes: the router, the log and openapi.yaml agree on it.
var endpoints = [...]struct{ method, template, edge string }{
	NoRoute:    {},
	PostOrder:  {"POST", "/api/orders", EdgeOrder},
	GetOrder:   {"GET", "/api/orders/:id", EdgeOrderRead},
	GetStock:   {"GET", "/api/inventory/:sku", EdgeInventory},
	PostIntent: {"POST", "/api/payments/intent", EdgePayment},
}

// Method is the HTTP method.
func (r Route) Method() string { return endpoints[r].method }

// Template is the path with its parameter as :name.
func (r Route) Template() string { return endpoints[r].template }

// Request is one request below HTTP and JSON.
type Request struct {
	Route    Route
	Checkout Checkout // PostOrder
	Intent   Intent   // PostIntent
	ID       string   // GetOrder: the order's id; GetStock: the sku
	// Key is the client's Idempotency-Key; empty when it sent none.
	Key string
	// Trace is where the tries are taken down, before their answer is read for the
	// last time; nil is one of the request's own.
	Trace *host.Trace
}

// Checkout is the body of POST /api/orders.
type Checkout struct {
	CartID          string  `json:"cartId"`
	ShippingAddress Address `json:"shippingAddress"`
	PaymentMethod   string  `json:"paymentMethod"`
	UserID          string  `json:"userId,omitempty"`
}

// Address is where an order goes.
type Address struct {
	Line1 string `json:"line1"`
	City  string `json:"city"`
	State string `json:"state"`
	Zip   string `json:"zip"`
}

// Intent is the body of POST /api/payments/intent.
type Intent struct {
	Amount   Cents    `json:"amount"`
	Currency string   `json:"currency"`
	Metadata Metadata `json:"metadata"`
}

// Metadata is what the shop wants to find again on the intent.
type Metadata struct {
	ReservationID string `json:"reservationId"`
}

// Response is the answer below HTTP and JSON, with what the access log needs.
type Response struct {
	Route  Route
	Status int // HTTP
	// Code is the pipeline's word for an error; empty on success.
	Code string
	// Mistake is what of the request will not do; zero says nothing.
	Mistake host.Mistake
	// RetryAfter is what a 503 asks the client to wait; 0 says nothing.
	RetryAfter time.Duration
	Order      Order         // PostOrder, GetOrder
	Stock      Stock         // GetStock
	Intent     IntentCreated // PostIntent

	// Rejected is the breaker library's code, and RejectedBy the edge, when the
	// last try ended in a rejection, here or further down.
	Rejected, RejectedBy string
	// Flags are Envoy's response flags, comma-separated; empty is none.
	Flags string
	// Tries are the attempts on the upstream; none when the gateway itself answered.
	Tries []host.Attempt
	Start time.Time
	Took  time.Duration
}

// OK says whether the request was granted: with 2xx.
func (r *Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Order is an order as clients see it: POST answers the first four fields.
type Order struct {
	OrderID, Status, ClientSecret string
	ExpiresAt                     time.Time
	ReservationID, TrackingNumber string
	Total                         Cents
}

// Stock is what is left of one sku.
type Stock struct {
	SKU       string `json:"sku"`
	Available int    `json:"available"`
}

// IntentCreated is the answer of POST /api/payments/intent.
type IntentCreated struct {
	ID           string `json:"id"`
	ClientSecret string `json:"clientSecret"`
}
