package gatewaylog

import (
	"bytes"
	"time"

	"tripcurve/internal/incident"
)

// flagOutcomes is how Envoy's response flags read. URX is missing: retries were
// used up, and what the tries died of says more. Flags that describe no failure
// (DI, RFCF) and unknown ones leave the word to the status.
var flagOutcomes = map[string]incident.Outcome{
	"UT": incident.UpstreamTimeout, "SI": incident.UpstreamTimeout, "UMSDR": incident.UpstreamTimeout, "DT": incident.UpstreamTimeout,
	"UO": incident.Overload, "OM": incident.Overload, "DO": incident.Overload,
	"UF": incident.UpstreamConnect, "DF": incident.UpstreamConnect,
	"UC": incident.UpstreamReset, "UR": incident.UpstreamReset, "LR": incident.UpstreamReset, "UPE": incident.UpstreamReset,
	"UH": incident.NoHealthy, "LH": incident.NoHealthy,
	"NR": incident.NoRoute, "NC": incident.NoRoute,
	"DC": incident.ClientAbort, "DPE": incident.ClientError,
	"RL": incident.RateLimited, "RLSE": incident.LocalReply,
	"UAEX": incident.LocalReply, "IH": incident.LocalReply, "NFCF": incident.LocalReply, "FI": incident.LocalReply,
}

// detailOutcomes is how the beginnings of Envoy's RESPONSE_CODE_DETAILS read:
// who said the status, and why.
var detailOutcomes = []struct {
	prefix  string
	outcome incident.Outcome
}{
	{"response_timeout", incident.UpstreamTimeout},
	{"upstream_response_timeout", incident.UpstreamTimeout},
	{"upstream_per_try_timeout", incident.UpstreamTimeout},
	{"upstream_max_stream_duration_reached", incident.UpstreamTimeout},
	{"stream_idle_timeout", incident.UpstreamTimeout},
	{"overflow", incident.Overload},
	{"overload", incident.Overload},
	{"no_healthy_upstream", incident.NoHealthy},
	{"route_not_found", incident.NoRoute},
	{"cluster_not_found", incident.NoRoute},
	{"request_rate_limited", incident.RateLimited},
	{"rate_limited", incident.RateLimited},
	{"downstream_remote_disconnect", incident.ClientAbort},
	{"downstream_local_disconnect", incident.ClientAbort},
	{"direct_response", incident.LocalReply},
}

// resetReasons are the words in upstream_reset_before_response_started{...}.
var resetReasons = []struct {
	word    string
	outcome incident.Outcome
}{
	{"overflow", incident.Overload},
	{"timeout", incident.UpstreamTimeout},
	{"connection_failure", incident.UpstreamConnect},
	{"connection failure", incident.UpstreamConnect},
}

// outcomeOf derives how the request ended. Flags speak first, for they say why;
// then the details; then the status.
func outcomeOf(r *Record, nginx bool) incident.Outcome {
	if len(r.Flags) > 0 {
		if o, ok := flagOutcome(r.Flags); ok {
			return o
		}
	}
	if len(r.Details) > 0 && (r.Status >= 400 || r.Status == 0) {
		if o, ok := detailOutcome(r.Details); ok {
			return o
		}
	}
	switch s := r.Status; {
	case s == 0 || s == 499 || s == 460: // nothing was sent, nginx's and ALB's "client closed first"
		return incident.ClientAbort
	case s < 400:
		return grpcOutcome(r.GRPCStatus)
	case s == 429:
		return incident.RateLimited
	case s == 444: // nginx closed the connection on purpose
		return incident.LocalReply
	case s < 500:
		return incident.ClientError
	case s == 502:
		return badGateway(r)
	case s == 503 && r.NoUpstream:
		if nginx { // limit_req, limit_conn
			return incident.Overload
		}
		return incident.LocalReply
	case s == 504:
		return incident.UpstreamTimeout
	}
	return incident.ServerError
}

// flagOutcome reads comma-separated flags: the first that says why.
func flagOutcome(flags []byte) (incident.Outcome, bool) {
	retried := false
	for more := true; more; {
		var flag []byte
		flag, flags, more = bytes.Cut(flags, []byte(","))
		if o, ok := flagOutcomes[string(flag)]; ok {
			return o, true
		}
		retried = retried || string(flag) == "URX"
	}
	return incident.ServerError, retried
}

func detailOutcome(details []byte) (incident.Outcome, bool) {
	if rest, ok := bytes.CutPrefix(details, []byte("upstream_reset_")); ok {
		for _, reason := range resetReasons {
			if bytes.Contains(rest, []byte(reason.word)) {
				return reason.outcome, true
			}
		}
		return incident.UpstreamReset, true
	}
	for _, d := range detailOutcomes {
		if bytes.HasPrefix(details, []byte(d.prefix)) {
			return d.outcome, true
		}
	}
	return incident.OK, false // via_upstream and unknown ones: the status speaks
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
