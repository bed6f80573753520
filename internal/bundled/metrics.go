package bundled

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/collectors/latency"
	"tripcurve/internal/datadog"
	"tripcurve/internal/incident"
	"tripcurve/services/gateway"
	"tripcurve/sim"
)

// appendExposition appends the counters of one service as go-grpc-middleware
// exports them, in the text format that /metrics answers with.
func appendExposition(dst []byte, counts []sim.MethodCounts) []byte {
	metric := func(name string, c sim.MethodCounts) {
		service, method, _ := strings.Cut(strings.TrimPrefix(c.Method, "/"), "/")
		dst = append(append(dst, name...), `{client="`...)
		dst = append(append(dst, c.Service...), `",grpc_method="`...)
		dst = append(append(dst, method...), `",grpc_service="`...)
		dst = append(append(dst, service...), `",grpc_type="unary"`...)
	}
	dst = append(dst, "# TYPE grpc_client_started_total counter\n"...)
	for _, c := range counts {
		metric("grpc_client_started_total", c)
		dst = append(strconv.AppendInt(append(dst, "} "...), c.Started, 10), '\n')
	}
	dst = append(dst, "# TYPE grpc_client_handled_total counter\n"...)
	for _, c := range counts {
		for _, h := range c.Handled {
			metric("grpc_client_handled_total", c)
			dst = append(append(append(dst, `,grpc_code="`...), h.Code...), `"} `...)
			dst = append(strconv.AppendInt(dst, h.Count, 10), '\n')
		}
	}
	dst = append(dst, "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds "...)
	return append(strconv.AppendInt(dst, counts[0].Since.Unix(), 10), '\n')
}

// tracerStep is the rollup of the Datadog series.
const tracerStep = 20 * time.Second

// tracer is the gateway's own tracer: it times inventory.Reserve over all tries
// of a checkout, for a try that is abandoned has no end of its own. That is how a
// client without a deadline could show 30,000 ms.
type tracer struct {
	took map[int64][]time.Duration // by step since 1970
}

func (t *tracer) observe(e gateway.AccessEntry) {
	if e.Route != "/api/orders" || e.Method != "POST" {
		return
	}
	if t.took == nil {
		t.took = map[int64][]time.Duration{}
	}
	step := e.Start.Add(e.Took).UnixNano() / int64(tracerStep)
	t.took[step] = append(t.took[step], e.Took)
}

// facts writes the answer that Datadog would give to a metrics query and reads
// it with the collector's reader.
func (t *tracer) facts() ([]incident.Fact, error) {
	if len(t.took) == 0 {
		return nil, nil
	}
	steps := make([]int64, 0, len(t.took))
	for s := range t.took {
		steps = append(steps, s)
	}
	slices.Sort(steps)
	points := make([][2]any, 0, len(steps))
	for s := steps[0]; s <= steps[len(steps)-1]; s++ {
		ms := float64(s) * float64(tracerStep.Milliseconds())
		took := t.took[s]
		if len(took) == 0 {
			points = append(points, [2]any{ms, nil})
			continue
		}
		slices.Sort(took)
		rank := int(math.Ceil(0.99*float64(len(took)))) - 1
		points = append(points, [2]any{ms, float64(took[rank].Microseconds()) / 1000})
	}
	const query = "p99:grpc.client.duration{method:inventory.reserve}"
	body, err := json.Marshal(map[string]any{
		"status": "ok",
		"query":  query,
		"series": []map[string]any{{
			"metric": "grpc.client.duration", "display_name": "grpc.client.duration", "expression": query,
			"scope": "method:inventory.reserve", "tag_set": []string{"method:inventory.reserve"},
			"interval": int(tracerStep.Seconds()), "length": len(points),
			"unit":      []any{map[string]any{"family": "time", "name": "millisecond", "short_name": "ms", "plural": "milliseconds", "scale_factor": 0.001}, nil},
			"pointlist": points,
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("datadog answer: %w", err)
	}
	series, err := datadog.DecodeQuery(body)
	if err != nil {
		return nil, err
	}
	return latency.FromDatadog(series, datadogSource, "ms"), nil
}
