package datadog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
)

// Series is one line of the answer to a metrics query.
type Series struct {
	Metric     string            // "grpc.client.duration"
	Expression string            // as evaluated: "p99:grpc.client.duration{service:gateway}"
	Tags       map[string]string // the query's group: {"service": "gateway"}; a tag without value has ""
	Unit       Unit
	Points     []Point // in order of time
}

// Unit is what the values measure; its zero value is unknown.
type Unit struct {
	Family string  // "time", "bytes", "percentage"
	Name   string  // "millisecond"
	Short  string  // "ms"
	Scale  float64 // to the family's base unit: 0.001 for milliseconds
}

// Point is one value. NaN is an instant at which Datadog says it has none.
type Point struct {
	At time.Time
	V  float64
}

// DecodeQuery reads the body of an answer of GET /api/v1/query, such as a
// recorded one.
func DecodeQuery(body []byte) ([]Series, error) {
	var r datadogV1.MetricsQueryResponse
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShape, err)
	}
	return seriesOf(r)
}

// seriesOf checks what the client does not: an answer with HTTP status 200 can
// still say error, and an unexpected type leaves its object empty.
func seriesOf(r datadogV1.MetricsQueryResponse) ([]Series, error) {
	if r.UnparsedObject != nil {
		return nil, fmt.Errorf("%w: not of the shape of a metrics query", ErrShape)
	}
	if s := r.GetStatus(); s != "" && s != "ok" {
		text := r.GetError()
		if text == "" {
			text = r.GetMessage()
		}
		return nil, &QueryError{What: "query", Status: s, Text: text}
	}
	var all []Series
	for i := range r.Series {
		s, err := seriesFrom(&r.Series[i])
		if err != nil {
			return nil, fmt.Errorf("%w: series %d: %w", ErrShape, i, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func seriesFrom(m *datadogV1.MetricsQueryMetadata) (Series, error) {
	if m.UnparsedObject != nil {
		return Series{}, errors.New("a field is not of the documented type")
	}
	s := Series{Metric: m.GetMetric(), Expression: m.GetExpression(), Tags: tags(m.TagSet, m.GetScope())}
	// The second unit is the "per" of a rate.
	if len(m.Unit) > 0 && m.Unit[0].UnparsedObject == nil {
		u := m.Unit[0]
		s.Unit = Unit{Family: u.GetFamily(), Name: u.GetName(), Short: u.GetShortName(), Scale: u.GetScaleFactor()}
	}
	for i, p := range m.Pointlist {
		if len(p) != 2 || p[0] == nil {
			return Series{}, fmt.Errorf("point %d is no pair of time and value", i)
		}
		pt := Point{At: time.UnixMilli(int64(*p[0])).UTC(), V: math.NaN()}
		if p[1] != nil {
			pt.V = *p[1]
		}
		s.Points = append(s.Points, pt)
	}
	return s, nil
}

// tags are a series' group; the scope says the same in answers without a set.
func tags(set []string, scope string) map[string]string {
	if len(set) == 0 && scope != "" && scope != "*" {
		set = strings.Split(scope, ",")
	}
	if len(set) == 0 {
		return nil
	}
	m := make(map[string]string, len(set))
	for _, tag := range set {
		k, v, _ := strings.Cut(strings.TrimSpace(tag), ":")
		m[k] = v
	}
	return m
}
