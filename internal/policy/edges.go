package policy

// Edges is the policy of every edge of a pipeline, by name. The bundled order
// pipeline has:
//
//	gateway.order          POST /api/orders
//	gateway.order_read     GET /api/orders/:id
//	gateway.inventory      GET /api/inventory/:sku
//	gateway.payment        POST /api/payments/intent
//	order.inventory        Reserve
//	order.payment          CreateIntent
//	inventory.postgres     every statement of the inventory service
//	fulfillment.warehouse  CreateShipment
//	fulfillment.inventory  Confirm
type Edges map[string]Policy

// Clone is a deep copy.
func (e Edges) Clone() Edges {
	c := make(Edges, len(e))
	for name, p := range e {
		params := p.Breaker.Params
		if params != nil {
			p.Breaker.Params = make(map[string]string, len(params))
			for k, v := range params {
				p.Breaker.Params[k] = v
			}
		}
		c[name] = p
	}
	return c
}
