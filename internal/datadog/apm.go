package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// apmPrefix begins a query of what Datadog counts of spans, which needs no name of
// a metric and which v1 cannot ask: "apm:latency_p99 service:order env:prod".
const apmPrefix = "apm:"

// ErrQuery is a query that cannot be asked.
var ErrQuery = errors.New("not a query")

// apmStats are those of the data source apm_resource_stats.
var apmStats = []string{
	"errors", "error_rate", "hits", "latency_avg", "latency_distribution", "latency_max", "latency_p50", "latency_p75", "latency_p90",
	"latency_p95", "latency_p99",
}

// apmQuery is one of these queries; its JSON is the API's.
type apmQuery struct {
	Source    string   `json:"data_source"`
	Name      string   `json:"name"`
	Stat      string   `json:"stat"`
	Env       string   `json:"env"`
	Service   string   `json:"service"`
	Operation string   `json:"operation_name,omitempty"`
	Resource  string   `json:"resource_name,omitempty"`
	GroupBy   []string `json:"group_by,omitempty"`
}

// CheckQuery says whether a query can be asked; the error is ErrQuery. What a metric
// query means is Datadog's to say.
func CheckQuery(query string) error {
	if strings.TrimSpace(query) == "" {
		return fmt.Errorf("%w: it is empty", ErrQuery)
	}
	if strings.HasPrefix(query, apmPrefix) {
		_, err := parseAPM(query)
		return err
	}
	return nil
}

// parseAPM reads "apm:STAT KEY:VALUE ..."; a resource may have blanks and comes last.
func parseAPM(query string) (apmQuery, error) {
	q := apmQuery{Source: "apm_resource_stats", Name: "a", GroupBy: []string{"resource_name"}}
	rest := strings.TrimPrefix(query, apmPrefix)
	if before, resource, ok := strings.Cut(rest, " resource:"); ok {
		rest, q.Resource = before, strings.TrimSpace(resource)
	}
	words := strings.Fields(rest)
	if len(words) == 0 || !slices.Contains(apmStats, words[0]) {
		return q, fmt.Errorf("%w: %q: expected apm: and one of %s", ErrQuery, query, strings.Join(apmStats, ", "))
	}
	q.Stat = words[0]
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, ":")
		to := map[string]*string{"service": &q.Service, "env": &q.Env, "operation": &q.Operation}[key]
		if to == nil || value == "" {
			return q, fmt.Errorf("%w: %q: found %q, expected service:NAME, env:NAME, operation:NAME or resource:NAME", ErrQuery, query, w)
		}
		*to = value
	}
	if q.Service == "" || q.Env == "" {
		return q, fmt.Errorf("%w: %q: expected service:NAME and env:NAME", ErrQuery, query)
	}
	return q, nil
}

// The v2 query's request.
type (
	timeseriesRequest struct {
		Data struct {
			Type       string `json:"type"`
			Attributes struct {
				Formulas []formula  `json:"formulas"`
				From     int64      `json:"from"` // ms
				To       int64      `json:"to"`
				Queries  []apmQuery `json:"queries"`
			} `json:"attributes"`
		} `json:"data"`
	}
	formula struct {
		Formula string `json:"formula"`
	}
)

// queryAPM asks for the series of a query of spans.
func (c *Client) queryAPM(ctx context.Context, from, to time.Time, query string) ([]Series, error) {
	q, err := parseAPM(query)
	if err != nil {
		return nil, err
	}
	var req timeseriesRequest
	req.Data.Type = "timeseries_request"
	a := &req.Data.Attributes
	a.Formulas, a.From, a.To, a.Queries = []formula{{"a"}}, from.UnixMilli(), to.UnixMilli(), []apmQuery{q}
	_, body, err := c.post(ctx, "ask", "v2.MetricsApi.QueryTimeseriesData", "/api/v2/query/timeseries", &req,
		[2]string{"apiKeyAuth", "DD-API-KEY"}, [2]string{"appKeyAuth", "DD-APPLICATION-KEY"})
	if err != nil {
		return nil, err
	}
	all, err := DecodeTimeseries(body)
	if err != nil {
		return nil, c.scrubbed(err)
	}
	for i := range all {
		all[i].Metric, all[i].Expression = "apm."+q.Stat, query
		if all[i].Tags == nil {
			all[i].Tags = map[string]string{}
		}
		all[i].Tags["service"] = q.Service
	}
	return all, nil
}

// DecodeTimeseries reads the body of an answer of POST /api/v2/query/timeseries,
// such as a recorded one.
func DecodeTimeseries(body []byte) ([]Series, error) {
	var r struct {
		Data struct {
			Attributes *struct {
				Series []struct {
					GroupTags []string `json:"group_tags"`
					Unit      []*struct {
						Family string  `json:"family"`
						Name   string  `json:"name"`
						Short  string  `json:"short_name"`
						Scale  float64 `json:"scale_factor"`
					} `json:"unit"`
				} `json:"series"`
				Times  []int64      `json:"times"`
				Values [][]*float64 `json:"values"`
			} `json:"attributes"`
		} `json:"data"`
		Errors string `json:"errors"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShape, err)
	}
	if r.Errors != "" {
		return nil, &QueryError{What: "query", Status: "error", Text: r.Errors}
	}
	a := r.Data.Attributes
	if a == nil {
		return nil, fmt.Errorf("%w: not of the shape of a timeseries", ErrShape)
	}
	if len(a.Values) != len(a.Series) {
		return nil, fmt.Errorf("%w: values of %d series, of which %d are named", ErrShape, len(a.Values), len(a.Series))
	}
	var all []Series
	for i, s := range a.Series {
		if len(a.Values[i]) != len(a.Times) {
			return nil, fmt.Errorf("%w: series %d: %d values at %d times", ErrShape, i, len(a.Values[i]), len(a.Times))
		}
		one := Series{Tags: tags(s.GroupTags, "")}
		if len(s.Unit) > 0 && s.Unit[0] != nil {
			u := s.Unit[0]
			one.Unit = Unit{Family: u.Family, Name: u.Name, Short: u.Short, Scale: u.Scale}
		}
		for j, ms := range a.Times {
			v := math.NaN()
			if a.Values[i][j] != nil {
				v = *a.Values[i][j]
			}
			one.Points = append(one.Points, Point{At: time.UnixMilli(ms).UTC(), V: v})
		}
		slices.SortStableFunc(one.Points, func(x, y Point) int { return x.At.Compare(y.At) })
		all = append(all, one)
	}
	return all, nil
}
