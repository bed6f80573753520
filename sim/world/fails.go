package world

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fails is a service that turns some of its calls away by itself.
type fails struct {
	share float64 // 0..1
	draw  *Stream
}

var failed = status.Error(codes.Unavailable, "the service fails")

// Fail makes a share of the service's calls be answered UNAVAILABLE as soon as they
// reach it, drawn by the call alone; 0 makes none.
func (s *Service) Fail(share float64) {
	if s.fails == nil {
		s.fails = &fails{draw: s.w.Stream("failing calls of " + s.Name)}
	}
	s.fails.share = share
}
