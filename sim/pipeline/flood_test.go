package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A pipeline that falls behind for good is ended with words, long before the memory
// is full; a caller who calls the run off still hears of that and nothing else.
func TestFloodEnds(t *testing.T) {
	p := gatewayModel(1000, time.Second)
	p.Services[1].Workers, p.Policies = 1, nil
	_, err := Run(t.Context(), p, Options{most: 4096})
	var many *TooManyError
	if !errors.As(err, &many) || many.Most != 4096 || many.After < 2*time.Second || many.After > 3*time.Second {
		t.Errorf("error %v, want one of more than 4096, two for each customer, after some 2 s", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, p, Options{most: 4096}); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: error %v, want %v", err, context.Canceled)
	}
}
