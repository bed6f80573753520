package telemetry

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

const (
	// readyEvery is between two looks at what a service stands on.
	readyEvery = 2 * time.Second
	// readyTimeout bounds one look; what answers later is not ready.
	readyTimeout = time.Second
)

// Health answers grpc.health.v1 for a process: not serving until it is ready, and
// not serving any more from Close on.
type Health struct {
	server *health.Server

	mu    sync.Mutex
	names []string
	ready bool
}

func newHealth() *Health {
	h := &Health{server: health.NewServer()}
	h.add("") // the process as a whole
	return h
}

// add a name that may be asked for.
func (h *Health) add(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = append(h.names, name)
	h.server.SetServingStatus(name, serving(h.ready))
}

// set what is answered, and say whether that is new.
func (h *Health) set(ready bool) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = ready != h.ready
	h.ready = ready
	for _, name := range h.names {
		h.server.SetServingStatus(name, serving(ready))
	}
	return changed
}

func serving(ready bool) healthpb.HealthCheckResponse_ServingStatus {
	if ready {
		return healthpb.HealthCheckResponse_SERVING
	}
	return healthpb.HealthCheckResponse_NOT_SERVING
}

// Close answers not serving from now on, whatever is found out later.
func (h *Health) Close() { h.server.Shutdown() }

// RegisterHealth lets s answer for the process and for the services registered
// on s so far.
func (t *Telemetry) RegisterHealth(s *grpc.Server) {
	for name := range s.GetServiceInfo() {
		t.health.add(name)
	}
	healthpb.RegisterHealthServer(s, t.health.server)
}

// NotServing is answered from now on: the process is about to end.
func (t *Telemetry) NotServing() { t.health.Close() }

// Ready watches whether the process can serve, until ctx ends: whether check, such
// as a ping of its database, answers in time. nil is always ready. It returns when
// the first answer is there; wait waits for the end.
func (t *Telemetry) Ready(ctx context.Context, check func(context.Context) error) (wait func()) {
	if check == nil {
		t.health.set(true)
		return func() {}
	}
	t.look(ctx, check)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(readyEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				t.look(ctx, check)
			}
		}
	}()
	return func() { <-ended }
}

// look once.
func (t *Telemetry) look(ctx context.Context, check func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := check(bounded)
	switch changed := ctx.Err() == nil && t.health.set(err == nil); {
	case !changed:
	case err != nil:
		t.log.Warn("not ready", "error", err)
	default:
		t.log.Info("ready")
	}
}
