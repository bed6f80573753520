package incident

import (
	"slices"
	"testing"
)

func TestPresetsAreSpelledAsOTLPAndAsPrometheus(t *testing.T) {
	for started, finished := range map[string]string{
		"grpc_client_started_total":         "grpc_client_handled_total",
		"grpc_server_started_total":         "grpc_server_handled_total",
		"grpc.client.attempt.started":       "grpc.client.attempt.duration.count",
		"grpc_client_attempt_started_total": "grpc_client_attempt_duration_seconds_count",
		"grpc.client.attempt.started_total": "grpc.client.attempt.duration_seconds_count",
		"grpc_server_call_started_total":    "grpc_server_call_duration_seconds_count",
		CallsStarted:                        CallsFinished,
	} {
		if n, ok := CallNamesOf(started); !ok || n.Started != started || n.Finished != finished {
			t.Errorf("%s is finished by %q, want %q", started, n.Finished, finished)
		}
	}
	for duration, unit := range map[string]string{
		"rpc_client_duration_milliseconds": "ms", "rpc.client.call.duration": "s", "rpc_server_call_duration_seconds": "s", "trace.grpc.client": "s",
	} {
		if n, ok := CallNamesOf(duration); !ok || n.Unit != unit || n.Started != "" {
			t.Errorf("%s: %+v", duration, n)
		}
	}
	for _, l := range []string{"grpc_code", "grpc.status", "grpc_status", "rpc_grpc_status_code", "rpc_response_status_code", "rpc_status_code", "error_type"} {
		if !slices.Contains(StatusLabels(), l) {
			t.Errorf("%s does not say how a call ended", l)
		}
	}
}

func TestMethodOf(t *testing.T) {
	for _, labels := range []map[string]string{
		{"grpc_service": "inventory.Inventory", "grpc_method": "Reserve"},
		{"grpc.method": "inventory.Inventory/Reserve"},
		{"grpc_method": "/inventory.Inventory/Reserve"},
		{"rpc.service": "inventory.Inventory", "rpc.method": "Reserve"},
		{"rpc_method": "inventory.Inventory/Reserve"},
		{"resource_name": "inventory.Inventory/Reserve"},
	} {
		if s, m := MethodOf(labels); s != "inventory.Inventory" || m != "Reserve" {
			t.Errorf("%v: %q, %q", labels, s, m)
		}
	}
}

// TestFlowsOfServers: who is called tells of calls that no caller counts.
func TestFlowsOfServers(t *testing.T) {
	add := func(ev *Evidence, source, name string, v float64) {
		ev.Add(Series{
			Name: name, Labels: map[string]string{"grpc_service": "a.A", "grpc_method": "M"}, Kind: Counter, Unit: "1",
			Origin: Origin{Group: "grpc", Name: source}, Points: []Point{{sec(0), v}},
		})
	}
	ev := NewEvidence()
	add(ev, "a", "grpc_server_started_total", 9)
	add(ev, "a", "grpc_server_handled_total", 2)
	flows := ev.Snapshot().Flows()
	if len(flows) != 1 || !flows[0].Server || flows[0].Edge() != "callers.a" || flows[0].Name() != "a.A/M" {
		t.Fatalf("flows %+v", flows)
	}
	if p := flows[0].Points(during(0, 1)); len(p) != 1 || p[0].InFlight != 7 {
		t.Errorf("points %+v, want 7 in flight", p)
	}
	add(ev, "order", "grpc_client_started_total", 9)
	if flows := ev.Snapshot().Flows(); len(flows) != 1 || flows[0].Server || flows[0].Caller != "order" {
		t.Errorf("the same calls, counted by their caller too, are told twice: %+v", flows)
	}
}
