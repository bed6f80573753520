package gatewaylog

import (
	"testing"
	"time"

	"tripcurve/internal/incident"
)

func TestOutcomes(t *testing.T) {
	tables, err := outcomeTables()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		r    Record
		want incident.Outcome
	}{
		{"fine", Record{Status: 201}, incident.OK},
		{"not modified", Record{Status: 304}, incident.OK},
		{"not found", Record{Status: 404}, incident.ClientError},
		{"client gone, nginx", Record{Status: 499}, incident.ClientAbort},
		{"nothing sent", Record{Status: 0}, incident.ClientAbort},
		{"closed on purpose", Record{Status: 444}, incident.LocalReply},
		{"too many", Record{Status: 429}, incident.RateLimited},
		{"application error", Record{Status: 500}, incident.ServerError},
		{"refused at once", Record{Status: 502, Took: time.Millisecond}, incident.UpstreamReset},
		{"died at any instant", Record{Status: 502, Took: 12345 * time.Millisecond}, incident.UpstreamReset},
		{"ended by a timer", Record{Status: 502, Took: 30_001 * time.Millisecond}, incident.UpstreamTimeout},
		{"last try timed out", Record{Status: 502, UpstreamStatus: 504}, incident.UpstreamTimeout},
		{"unavailable, upstream said so", Record{Status: 503, Upstream: []byte("a:1")}, incident.ServerError},
		{"limited by nginx", Record{Status: 503, NoUpstream: true}, incident.Overload},
		{"timed out", Record{Status: 504}, incident.UpstreamTimeout},
		{"UT", Record{Status: 504, Flags: []byte("UT")}, incident.UpstreamTimeout},
		{"UT as 502", Record{Status: 502, Flags: []byte("UT")}, incident.UpstreamTimeout},
		{"UO", Record{Status: 503, Flags: []byte("UO")}, incident.Overload},
		{"UF", Record{Status: 503, Flags: []byte("UF,URX")}, incident.UpstreamConnect},
		{"UC", Record{Status: 503, Flags: []byte("UC")}, incident.UpstreamReset},
		{"UH", Record{Status: 503, Flags: []byte("UH")}, incident.NoHealthy},
		{"NR", Record{Status: 404, Flags: []byte("NR")}, incident.NoRoute},
		{"DC", Record{Status: 0, Flags: []byte("DC")}, incident.ClientAbort},
		{"RL", Record{Status: 429, Flags: []byte("RL")}, incident.RateLimited},
		{"URX alone", Record{Status: 503, Flags: []byte("URX")}, incident.ServerError},
		{"fault injected", Record{Status: 503, Flags: []byte("FI")}, incident.LocalReply},
		{"delay injected, answered", Record{Status: 200, Flags: []byte("DI")}, incident.OK},
		{"unknown flag", Record{Status: 504, Flags: []byte("ZZ")}, incident.UpstreamTimeout},
		{"details: timeout", Record{Status: 502, Details: []byte("response_timeout")}, incident.UpstreamTimeout},
		{"details: refused", Record{Status: 503, Details: []byte("upstream_reset_before_response_started{connection_failure}")}, incident.UpstreamConnect},
		{"details: reset", Record{Status: 503, Details: []byte("upstream_reset_after_response_started{connection_termination}")}, incident.UpstreamReset},
		{"details: application", Record{Status: 503, Details: []byte("via_upstream")}, incident.ServerError},
		{"details: fine", Record{Status: 200, Details: []byte("via_upstream")}, incident.OK},
		{"gRPC deadline", Record{Status: 200, GRPCStatus: 4}, incident.UpstreamTimeout},
		{"gRPC not found", Record{Status: 200, GRPCStatus: 5}, incident.ClientError},
	} {
		table := tables["nginx"]
		if c.r.Flags != nil || c.r.Details != nil {
			table = tables["envoy"]
		}
		if got := outcomeOf(&c.r, table); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := outcomeOf(&Record{Status: 503, NoUpstream: true}, tables["envoy"]); got != incident.LocalReply {
		t.Errorf("503 without upstream at another proxy: %v", got)
	}
}
