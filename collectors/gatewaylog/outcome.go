package gatewaylog

import (
	"time"

	"tripcurve/internal/incident"
)

// outcomeOf derives how the request ended. Flags speak first, for they say why;
// then the details; then the status.
func outcomeOf(r *Record, t *outcomeTable) incident.Outcome {
	if len(r.Flags) > 0 {
		if o, ok := t.ofFlags(r.Flags, r.NoUpstream); ok {
			return o
		}
	}
	if len(r.Details) > 0 && (r.Status >= 400 || r.Status == 0) {
		if o, ok := t.ofDetails(r.Details, r.Status); ok {
			return o
		}
	}
	s := r.Status
	if s < 400 && s > 0 {
		return grpcOutcome(r.GRPCStatus)
	}
	if t.upstreamSpeaks && s >= 500 && s != 504 && r.UpstreamStatus == s {
		return incident.ServerError
	}
	if r.NoUpstream {
		if o, ok := t.unserved[s]; ok {
			return o
		}
	}
	if o, ok := t.statuses[s]; ok {
		return o
	}
	switch {
	case s == 0 || s == 499: // nothing was sent; nginx's "client closed", which others took over
		return incident.ClientAbort
	case s == 429:
		return incident.RateLimited
	case s < 500:
		return incident.ClientError
	case s == 502:
		return badGateway(r)
	case s == 503 && r.NoUpstream:
		return incident.LocalReply
	case s == 504:
		return incident.UpstreamTimeout
	}
	return incident.ServerError
}

// A 502 that lasted a whole number of seconds, from one up and to a tenth, was
// ended by somebody's timer: connections are refused and reset at any instant.
const timerSlack = 100 * time.Millisecond

// badGateway tells the ways to a 502 apart as far as the log allows.
func badGateway(r *Record) incident.Outcome {
	switch {
	case r.UpstreamStatus == 504:
		return incident.UpstreamTimeout
	case r.ConnectFailed:
		return incident.UpstreamConnect
	case r.Took >= time.Second && r.Took%time.Second < timerSlack:
		return incident.UpstreamTimeout
	}
	return incident.UpstreamReset
}

// grpcOutcome reads the status of a gRPC call, which HTTP calls 200 whatever it is.
func grpcOutcome(code int) incident.Outcome {
	switch code {
	case -1, 0:
		return incident.OK
	case 1: // CANCELED
		return incident.ClientAbort
	case 4: // DEADLINE_EXCEEDED
		return incident.UpstreamTimeout
	case 8: // RESOURCE_EXHAUSTED
		return incident.Overload
	case 14: // UNAVAILABLE
		return incident.UpstreamConnect
	case 3, 5, 6, 7, 9, 10, 11, 16:
		return incident.ClientError
	}
	return incident.ServerError
}
