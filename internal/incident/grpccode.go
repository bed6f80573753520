package incident

import (
	"slices"
	"strconv"
	"strings"
)

// GRPCCode is a gRPC status code, 0 to 16, however its source spells it.
type GRPCCode uint8

// Codes that somebody asks for by name.
const (
	GRPCOK               GRPCCode = 0
	GRPCDeadlineExceeded GRPCCode = 4
)

var grpcCodes = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

// String is the code as gRPC's own documents spell it.
func (c GRPCCode) String() string { return word(grpcCodes[:], uint8(c), "grpc code") }

// ParseGRPCCode reads a code as sources spell it: Go's names ("DeadlineExceeded",
// "Canceled"), those of gRPC's documents ("DEADLINE_EXCEEDED", "CANCELLED"), and
// numbers ("4").
func ParseGRPCCode(s string) (GRPCCode, bool) {
	if len(s) > 32 {
		return 0, false
	}
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return GRPCCode(n), int(n) < len(grpcCodes)
	}
	c, ok := grpcCodeBy[foldCode(s)]
	return c, ok
}

func foldCode(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

var grpcCodeBy = func() map[string]GRPCCode {
	by := map[string]GRPCCode{"canceled": 1}
	for i, name := range grpcCodes {
		by[foldCode(name)] = GRPCCode(i)
	}
	return by
}()

// Failed says that the called service, or the way to it, failed the call. What
// its caller did wrong or gave up is not the service's failure.
func (c GRPCCode) Failed() bool {
	return slices.Contains(failedCodes, c)
}

// failedCodes are UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED,
// INTERNAL, UNAVAILABLE and DATA_LOSS.
var failedCodes = []GRPCCode{2, GRPCDeadlineExceeded, 8, 12, 13, 14, 15}
