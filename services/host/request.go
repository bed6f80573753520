package host

import "context"

type requestKey struct{}

// WithRequestID carries the id of the customer's request along, so that what
// every service says of it can be put together again.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID is the id that ctx carries; empty when it has none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
