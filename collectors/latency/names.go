package latency

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// kept are the beginnings of names worth keeping of what a process tells of
// itself, which is mostly the language's runtime: calls, breakers, pools.
var kept = []string{
	"grpc_client_", "grpc_server_", "grpc.client.", "grpc.server.", "rpc_client_", "rpc_server_", "rpc.client.", "rpc.server.",
	"circuit_", "circuit.", "resilience4j_circuitbreaker_", "envoy_cluster_upstream_rq_active",
	"http_server_active_requests", "http.server.active_requests", "pgxpool_", "db_client_connection", "db.client.connection",
	"hikaricp_connections", "go_sql_",
}

// dropped are per message, not per call.
var dropped = []string{"_msg_sent_total", "_msg_received_total", "_msg_sent", "_msg_received", "_created"}

// ErrNames is a description of metric names that cannot be used.
var ErrNames = errors.New("not a description of metric names")

// Names are what a process calls the metrics of its calls, beyond the names that
// are known (incident.AllCallNames). Nil are none.
type Names struct{ own []ownNames }

// ownNames are those of one kind of call.
type ownNames struct {
	started, finished, duration string
	unit                        string // of duration, when nothing else says it
	service, method, status     string // labels
	server                      bool
}

// nameKeys are what a description can say.
const nameKeys = "started, finished, duration, unit, service, method, status, side"

// ParseNames reads descriptions such as
// "started=rpc_begun_total finished=rpc_done_total method=rpc status=outcome" and
// "duration=rpc_took unit=ms method=rpc". The errors are ErrNames.
func ParseNames(texts []string) (*Names, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	n := &Names{}
	for _, text := range texts {
		own, err := parseOwnNames(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrNames, text, err)
		}
		n.own = append(n.own, own)
	}
	return n, nil
}

func parseOwnNames(text string) (ownNames, error) {
	var o ownNames
	for _, word := range strings.Fields(text) {
		key, value, ok := strings.Cut(word, "=")
		if !ok || value == "" {
			return o, fmt.Errorf("found %q, expected KEY=VALUE with one of %s", word, nameKeys)
		}
		field := map[string]*string{
			"started": &o.started, "finished": &o.finished, "duration": &o.duration, "unit": &o.unit,
			"service": &o.service, "method": &o.method, "status": &o.status,
		}[key]
		switch {
		case key == "side" && (value == "client" || value == "server"):
			o.server = value == "server"
		case key == "side":
			return o, fmt.Errorf("found side=%s, expected client or server", value)
		case field == nil:
			return o, fmt.Errorf("found %q, expected one of %s", key, nameKeys)
		default:
			*field = value
		}
	}
	if _, ok := timeUnits[o.unit]; !ok && o.unit != "" {
		return o, fmt.Errorf("found unit=%s, expected ns, us, ms, s or min", o.unit)
	}
	switch {
	case o.started == "" && o.duration == "":
		return o, errors.New("it names neither started= nor duration=")
	case (o.started == "") != (o.finished == ""):
		return o, errors.New("started= and finished= are one another's: calls in flight are their difference")
	case o.started != "" && o.started == o.finished:
		return o, errors.New("started= and finished= are the same metric")
	}
	return o, nil
}

// timeUnits are units of time, and what one of them is in seconds: those of this
// program, and those of UCUM, which OTLP has.
var timeUnits = map[string]float64{"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60}

// Wanted says whether a metric of this name is kept.
func (n *Names) Wanted(name string) bool {
	if n.of(name) != nil {
		return true
	}
	has := func(f func(string, string) bool) func(string) bool {
		return func(part string) bool { return f(name, part) }
	}
	return slices.ContainsFunc(kept, has(strings.HasPrefix)) && !slices.ContainsFunc(dropped, has(strings.HasSuffix))
}

// all are the metrics that the user named.
func (n *Names) all() []string {
	if n == nil {
		return nil
	}
	var all []string
	for _, o := range n.own {
		for _, name := range []string{o.started, o.finished, o.duration} {
			if name != "" {
				all = append(all, name)
			}
		}
	}
	return all
}

// of is whose metric it is; nil when the user named none like it. Parts of a
// histogram are its own.
func (n *Names) of(name string) *ownNames {
	if n == nil {
		return nil
	}
	for i := range n.own {
		o := &n.own[i]
		base := name
		for _, part := range []string{"_bucket", "_count", "_sum", ".count", ".sum"} {
			base = strings.TrimSuffix(base, part)
		}
		if name == o.started || name == o.finished || name == o.duration || base == o.duration || base != name && base == histogramOfCount(o.finished) {
			return o
		}
	}
	return nil
}

// histogramOfCount is the histogram whose count a metric is; empty for others.
func histogramOfCount(name string) string {
	for _, part := range []string{"_count", ".count"} {
		if base, ok := strings.CutSuffix(name, part); ok {
			return base
		}
	}
	return ""
}

// Told is a counter under the name by which flows know it: started and finished
// calls that the user named. Others stay as they are.
func (n *Names) Told(name string, labels map[string]string) (as string, with map[string]string, caveat string) {
	o := n.of(name)
	if o == nil {
		return name, labels, ""
	}
	with = o.labels(labels)
	switch {
	case name == o.started && o.server:
		as = incident.ServerCallsStarted
	case name == o.started:
		as = incident.CallsStarted
	case name == o.finished && o.server:
		as = incident.ServerCallsFinished
	case name == o.finished:
		as = incident.CallsFinished
	default:
		return name, with, ""
	}
	if name == o.started {
		delete(with, incident.CallCode) // a call that began has no outcome
	}
	return as, with, "read from " + redact.Line(name)
}

// labels are a metric's with those of service, method and status as flows have
// them.
func (o *ownNames) labels(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	for _, l := range []struct{ from, to string }{
		{o.service, incident.CallService}, {o.method, incident.CallMethod}, {o.status, incident.CallCode},
	} {
		if v, ok := labels[l.from]; ok && l.from != "" && l.from != l.to {
			delete(out, l.from)
			out[l.to] = v
		}
	}
	return out
}

// Unit is a histogram's unit and the factor to seconds: as its source says it, as
// its name does, as the user does; empty and 0 when nobody does, and then no
// seconds may be shown.
func (n *Names) Unit(name, said string) (unit string, scale float64) {
	if said = usualUnit(said); said != "" {
		return said, timeUnits[said]
	}
	if unit, scale = histogramUnit(name); scale != 0 {
		return unit, scale
	}
	if o := n.of(name); o != nil && o.unit != "" {
		return o.unit, timeUnits[o.unit]
	}
	return "", 0
}

// usualUnit is a unit as series have it; {call} and the like are counts.
func usualUnit(said string) string {
	switch {
	case said == "By":
		return "bytes"
	case strings.HasPrefix(said, "{"):
		return "1"
	case len(said) > 16:
		return ""
	}
	return said
}

// WithoutStatus is a histogram's labels but for how calls ended: one quantile is
// told of all of them.
func (n *Names) WithoutStatus(name string, labels map[string]string) map[string]string {
	group := maps.Clone(labels)
	if o := n.of(name); o != nil {
		group = o.labels(labels)
	}
	for _, l := range incident.StatusLabels() {
		delete(group, l)
	}
	return group
}

// histogramUnit is a histogram's unit by its name, and the factor to seconds; 0
// when the name does not say.
func histogramUnit(name string) (unit string, scale float64) {
	switch {
	case strings.HasSuffix(name, "_seconds"):
		return "s", 1
	case strings.HasSuffix(name, "_milliseconds"), strings.HasSuffix(name, ".ms"), strings.HasSuffix(name, "_ms"):
		return "ms", 1e-3
	}
	return "", 0
}

func unitOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	switch {
	case strings.HasSuffix(name, "_seconds"):
		return "s"
	case strings.HasSuffix(name, "_milliseconds"):
		return "ms"
	case strings.HasSuffix(name, "_bytes"):
		return "bytes"
	}
	return "1"
}
