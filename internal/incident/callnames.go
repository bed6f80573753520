package incident

import (
	"slices"
	"strings"
)

// CallNames is how one instrumentation names what it tells of gRPC calls.
type CallNames struct {
	Preset string // "go-grpc-middleware"
	Server bool   // told by the process that is called
	// Started and Finished are counters; empty where the instrumentation has none,
	// and then a call that hangs is nowhere in it.
	Started, Finished string
	Duration          string // histogram, or distribution, of calls that ended
	Unit              string // of Duration: "s", "ms"
	// Service and Method are labels; with no Service label the method's holds both,
	// "inventory.Inventory/Reserve".
	Service, Method string
	Status          []string // labels that say how a call ended
}

// Counters of calls from sources that have no names for them of their own:
// channelz, and metrics whose names the user gives.
const (
	CallsStarted        = "calls.started"
	CallsFinished       = "calls.finished"
	ServerCallsStarted  = "server.calls.started"
	ServerCallsFinished = "server.calls.finished"
	CallService         = "grpc_service"
	CallMethod          = "grpc_method"
	CallCode            = "grpc_code"
	CallResult          = "result" // "succeeded" or "failed", where no code is known
	CallTarget          = "target" // what a channel connects to, where no method is known
)

// presets are the names in the wild, one row for each instrumentation; those of
// OpenTelemetry as OTLP has them.
var presets = []CallNames{
	{
		Preset: "go-grpc-middleware", Started: "grpc_client_started_total", Finished: "grpc_client_handled_total",
		Duration: "grpc_client_handling_seconds", Unit: "s", Service: CallService, Method: CallMethod, Status: []string{CallCode},
	},
	{
		Preset: "go-grpc-middleware", Server: true, Started: "grpc_server_started_total", Finished: "grpc_server_handled_total",
		Duration: "grpc_server_handling_seconds", Unit: "s", Service: CallService, Method: CallMethod, Status: []string{CallCode},
	},
	// gRFC A66. Attempts: with retries or hedging one call is several of them.
	{
		Preset: "grpc-a66", Started: "grpc.client.attempt.started", Finished: "grpc.client.attempt.duration.count",
		Duration: "grpc.client.attempt.duration", Unit: "s", Method: "grpc.method", Status: []string{"grpc.status"},
	},
	{Preset: "grpc-a66", Duration: "grpc.client.call.duration", Unit: "s", Method: "grpc.method", Status: []string{"grpc.status"}},
	{
		Preset: "grpc-a66", Server: true, Started: "grpc.server.call.started", Finished: "grpc.server.call.duration.count",
		Duration: "grpc.server.call.duration", Unit: "s", Method: "grpc.method", Status: []string{"grpc.status"},
	},
	// Up to 1.38 of the semantic conventions.
	{
		Preset: "semconv-old", Duration: "rpc.client.duration", Unit: "ms",
		Service: "rpc.service", Method: "rpc.method", Status: []string{"rpc.grpc.status_code"},
	},
	{
		Preset: "semconv-old", Server: true, Duration: "rpc.server.duration", Unit: "ms",
		Service: "rpc.service", Method: "rpc.method", Status: []string{"rpc.grpc.status_code"},
	},
	// From 1.39 on; the label without "response" is of what follows 1.44.
	{
		Preset: "semconv", Duration: "rpc.client.call.duration", Unit: "s",
		Method: "rpc.method", Status: []string{"rpc.response.status_code", "rpc.status_code", "error.type"},
	},
	{
		Preset: "semconv", Server: true, Duration: "rpc.server.call.duration", Unit: "s",
		Method: "rpc.method", Status: []string{"rpc.response.status_code", "rpc.status_code", "error.type"},
	},
	// Naming schemas v0 and v1 of the tracers; spans are sent when they end.
	{Preset: "datadog-apm", Duration: "trace.grpc.client", Unit: "s", Method: "resource_name", Status: []string{"rpc.grpc.status_code"}},
	{Preset: "datadog-apm", Duration: "trace.grpc.client.request", Unit: "s", Method: "resource_name", Status: []string{"rpc.grpc.status_code"}},
	{Preset: "datadog-apm", Server: true, Duration: "trace.grpc.server", Unit: "s", Method: "resource_name", Status: []string{"rpc.grpc.status_code"}},
	{Preset: "datadog-apm", Server: true, Duration: "trace.grpc.server.request", Unit: "s", Method: "resource_name", Status: []string{"rpc.grpc.status_code"}},
	// The metric of INC-2847's document, a user's own.
	{Preset: "inc-2847", Duration: "grpc.client.duration", Unit: "ms"},
	{
		Preset: "tripcurve", Started: CallsStarted, Finished: CallsFinished,
		Service: CallService, Method: CallMethod, Status: []string{CallCode, CallResult},
	},
	{
		Preset: "tripcurve", Server: true, Started: ServerCallsStarted, Finished: ServerCallsFinished,
		Service: CallService, Method: CallMethod, Status: []string{CallCode, CallResult},
	},
}

// allCallNames are the presets with the names that Prometheus makes of dotted ones.
var allCallNames = func() []CallNames {
	all := slices.Clone(presets)
	for _, p := range presets {
		if p.Preset == "grpc-a66" || strings.HasPrefix(p.Preset, "semconv") {
			all = append(all, p.prometheus(true), p.prometheus(false))
		}
	}
	return all
}()

// AllCallNames are the names of all presets, as OTLP and as Prometheus spell them.
func AllCallNames() []CallNames { return slices.Clone(allCallNames) }

// prometheus is the names as Prometheus's exporters write them: a counter ends in
// _total, a unit is appended, and dots become underscores unless they are kept, as
// Prometheus 3 can.
func (n CallNames) prometheus(dots bool) CallNames {
	name := func(s string) string {
		if dots {
			return s
		}
		return strings.ReplaceAll(s, ".", "_")
	}
	unit := map[string]string{"s": "_seconds", "ms": "_milliseconds"}[n.Unit]
	if n.Started != "" {
		n.Started = name(n.Started) + "_total"
		n.Finished = name(n.Duration) + unit + "_count"
	}
	n.Duration = name(n.Duration) + unit
	n.Service, n.Method = name(n.Service), name(n.Method)
	n.Status = slices.Clone(n.Status)
	for i := range n.Status {
		n.Status[i] = name(n.Status[i])
	}
	return n
}

// CallNamesOf is the preset that has a metric of this name; of a histogram its
// count and sum are known too.
func CallNamesOf(metric string) (CallNames, bool) {
	n, ok := callNamesBy[metric]
	return n, ok
}

var callNamesBy = func() map[string]CallNames {
	by := map[string]CallNames{}
	for _, n := range allCallNames {
		for _, name := range []string{n.Started, n.Finished, n.Duration} {
			if name != "" {
				by[name] = n
			}
		}
	}
	return by
}()

// StatusLabels are the labels that say how a call ended, of all presets.
func StatusLabels() []string { return slices.Clone(statusLabels) }

var statusLabels = func() []string {
	var all []string
	for _, n := range allCallNames {
		for _, l := range n.Status {
			if !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	return all
}()

// MethodOf is the service and the method that a series' labels name, by whichever
// preset they are; empty where none does.
func MethodOf(labels map[string]string) (service, method string) {
	for _, n := range allCallNames {
		if n.Method == "" || labels[n.Method] == "" {
			continue
		}
		service, method = "", labels[n.Method]
		if n.Service != "" {
			service = labels[n.Service]
		}
		if service == "" {
			service, method, _ = strings.Cut(strings.TrimPrefix(method, "/"), "/")
		}
		return service, method
	}
	return "", ""
}
