package otlp

import (
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
)

// kinds are what a line of OTLP's JSON holds, by its key.
var kinds = map[string]string{"resourceMetrics": "metrics", "resourceSpans": "traces", "resourceLogs": "logs", "resourceProfiles": "profiles"}

// DecodeJSON reads a MetricsData, or an ExportMetricsServiceRequest, which are the
// same in JSON: integers of 64 bits and instants are strings, enums are numbers,
// ids are hexadecimal (those of exemplars, which are read over). Unknown fields are
// ignored. Errors are SyntaxErrors.
func DecodeJSON(text []byte) (*metricspb.MetricsData, error) {
	c := cursor{b: text}
	var data metricspb.MetricsData
	other := ""
	err := c.object(func(key string) error {
		if key == "resourceMetrics" {
			return c.array(func() error {
				rm, err := c.resourceMetrics()
				data.ResourceMetrics = append(data.ResourceMetrics, rm)
				return err
			})
		}
		if kinds[key] != "" {
			other = kinds[key]
		}
		return c.skip()
	})
	if err == nil {
		err = c.end()
	}
	if err == nil && other != "" && len(data.ResourceMetrics) == 0 {
		err = &SyntaxError{Expected: "metrics (resourceMetrics)", Found: other}
	}
	return &data, err
}

func (c *cursor) resourceMetrics() (*metricspb.ResourceMetrics, error) {
	rm := &metricspb.ResourceMetrics{}
	return rm, c.object(func(key string) error {
		switch key {
		case "resource":
			rm.Resource = &resourcepb.Resource{}
			return c.object(func(key string) (err error) {
				if key != "attributes" {
					return c.skip()
				}
				rm.Resource.Attributes, err = c.attributes()
				return err
			})
		case "scopeMetrics":
			return c.array(func() error {
				sm := &metricspb.ScopeMetrics{}
				rm.ScopeMetrics = append(rm.ScopeMetrics, sm)
				return c.object(func(key string) error {
					if key != "metrics" {
						return c.skip()
					}
					return c.array(func() error {
						m, err := c.metric()
						sm.Metrics = append(sm.Metrics, m)
						return err
					})
				})
			})
		}
		return c.skip()
	})
}

func (c *cursor) metric() (*metricspb.Metric, error) {
	m := &metricspb.Metric{}
	return m, c.object(func(key string) (err error) {
		switch key {
		case "name":
			m.Name, err = c.text()
		case "unit":
			if !c.null() {
				m.Unit, err = c.text()
			}
		case "gauge":
			g := &metricspb.Gauge{}
			m.Data = &metricspb.Metric_Gauge{Gauge: g}
			return c.points(func() error { return add(&g.DataPoints, c.numberPoint) }, nil, nil)
		case "sum":
			s := &metricspb.Sum{}
			m.Data = &metricspb.Metric_Sum{Sum: s}
			return c.points(func() error { return add(&s.DataPoints, c.numberPoint) }, &s.AggregationTemporality, &s.IsMonotonic)
		case "histogram":
			h := &metricspb.Histogram{}
			m.Data = &metricspb.Metric_Histogram{Histogram: h}
			return c.points(func() error { return add(&h.DataPoints, c.histogramPoint) }, &h.AggregationTemporality, nil)
		case "exponentialHistogram":
			h := &metricspb.ExponentialHistogram{}
			m.Data = &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: h}
			return c.points(func() error { return add(&h.DataPoints, c.exponentialPoint) }, &h.AggregationTemporality, nil)
		case "summary":
			s := &metricspb.Summary{}
			m.Data = &metricspb.Metric_Summary{Summary: s}
			return c.points(func() error { return add(&s.DataPoints, c.summaryPoint) }, nil, nil)
		default:
			return c.skip()
		}
		return err
	})
}

func add[T any](to *[]*T, read func(*T) error) error {
	p := new(T)
	*to = append(*to, p)
	return read(p)
}

// points reads the data of a metric.
func (c *cursor) points(point func() error, temporality *metricspb.AggregationTemporality, monotonic *bool) error {
	return c.object(func(key string) (err error) {
		switch {
		case key == "dataPoints":
			return c.array(point)
		case key == "aggregationTemporality" && temporality != nil:
			var n int32
			n, err = c.small()
			*temporality = metricspb.AggregationTemporality(n)
		case key == "isMonotonic" && monotonic != nil:
			*monotonic, err = c.boolean()
		default:
			return c.skip()
		}
		return err
	})
}

func (c *cursor) numberPoint(p *metricspb.NumberDataPoint) error {
	return c.object(func(key string) (err error) {
		switch key {
		case "attributes":
			p.Attributes, err = c.attributes()
		case "startTimeUnixNano":
			p.StartTimeUnixNano, err = c.unsigned()
		case "timeUnixNano":
			p.TimeUnixNano, err = c.unsigned()
		case "asDouble":
			var v float64
			v, err = c.float()
			p.Value = &metricspb.NumberDataPoint_AsDouble{AsDouble: v}
		case "asInt":
			var v int64
			v, err = c.signed()
			p.Value = &metricspb.NumberDataPoint_AsInt{AsInt: v}
		case "flags":
			p.Flags, err = c.flags()
		default:
			return c.skip()
		}
		return err
	})
}

func (c *cursor) flags() (uint32, error) {
	n, err := c.small()
	return uint32(n), err
}

// optional reads a number that may be missing.
func (c *cursor) optional() (*float64, error) {
	if c.null() {
		return nil, nil
	}
	v, err := c.float()
	return &v, err
}

func (c *cursor) histogramPoint(p *metricspb.HistogramDataPoint) error {
	return c.object(func(key string) (err error) {
		switch key {
		case "attributes":
			p.Attributes, err = c.attributes()
		case "startTimeUnixNano":
			p.StartTimeUnixNano, err = c.unsigned()
		case "timeUnixNano":
			p.TimeUnixNano, err = c.unsigned()
		case "count":
			p.Count, err = c.unsigned()
		case "sum":
			p.Sum, err = c.optional()
		case "min":
			p.Min, err = c.optional()
		case "max":
			p.Max, err = c.optional()
		case "bucketCounts":
			p.BucketCounts, err = c.counts()
		case "explicitBounds":
			return c.array(func() error {
				v, err := c.float()
				p.ExplicitBounds = append(p.ExplicitBounds, v)
				return err
			})
		case "flags":
			p.Flags, err = c.flags()
		default:
			return c.skip()
		}
		return err
	})
}

func (c *cursor) counts() (all []uint64, err error) {
	return all, c.array(func() error {
		n, err := c.unsigned()
		all = append(all, n)
		return err
	})
}

func (c *cursor) exponentialPoint(p *metricspb.ExponentialHistogramDataPoint) error {
	return c.object(func(key string) (err error) {
		switch key {
		case "attributes":
			p.Attributes, err = c.attributes()
		case "startTimeUnixNano":
			p.StartTimeUnixNano, err = c.unsigned()
		case "timeUnixNano":
			p.TimeUnixNano, err = c.unsigned()
		case "count":
			p.Count, err = c.unsigned()
		case "sum":
			p.Sum, err = c.optional()
		case "min":
			p.Min, err = c.optional()
		case "max":
			p.Max, err = c.optional()
		case "scale":
			p.Scale, err = c.small()
		case "zeroCount":
			p.ZeroCount, err = c.unsigned()
		case "zeroThreshold":
			p.ZeroThreshold, err = c.float()
		case "positive":
			p.Positive, err = c.buckets()
		case "negative":
			p.Negative, err = c.buckets()
		case "flags":
			p.Flags, err = c.flags()
		default:
			return c.skip()
		}
		return err
	})
}

func (c *cursor) buckets() (*metricspb.ExponentialHistogramDataPoint_Buckets, error) {
	b := &metricspb.ExponentialHistogramDataPoint_Buckets{}
	return b, c.object(func(key string) (err error) {
		switch key {
		case "offset":
			b.Offset, err = c.small()
		case "bucketCounts":
			b.BucketCounts, err = c.counts()
		default:
			return c.skip()
		}
		return err
	})
}

func (c *cursor) summaryPoint(p *metricspb.SummaryDataPoint) error {
	return c.object(func(key string) (err error) {
		switch key {
		case "attributes":
			p.Attributes, err = c.attributes()
		case "startTimeUnixNano":
			p.StartTimeUnixNano, err = c.unsigned()
		case "timeUnixNano":
			p.TimeUnixNano, err = c.unsigned()
		case "count":
			p.Count, err = c.unsigned()
		case "sum":
			p.Sum, err = c.float()
		case "flags":
			p.Flags, err = c.flags()
		default:
			return c.skip()
		}
		return err
	})
}

func (c *cursor) attributes() (all []*commonpb.KeyValue, err error) {
	return all, c.array(func() error {
		kv := &commonpb.KeyValue{}
		all = append(all, kv)
		return c.object(func(key string) (err error) {
			switch key {
			case "key":
				kv.Key, err = c.text()
			case "value":
				kv.Value, err = c.any()
			default:
				return c.skip()
			}
			return err
		})
	})
}

// any reads a value that may be a label; arrays and maps are none.
func (c *cursor) any() (*commonpb.AnyValue, error) {
	v := &commonpb.AnyValue{}
	return v, c.object(func(key string) error {
		switch key {
		case "stringValue":
			s, err := c.text()
			v.Value = &commonpb.AnyValue_StringValue{StringValue: s}
			return err
		case "boolValue":
			b, err := c.boolean()
			v.Value = &commonpb.AnyValue_BoolValue{BoolValue: b}
			return err
		case "intValue":
			n, err := c.signed()
			v.Value = &commonpb.AnyValue_IntValue{IntValue: n}
			return err
		case "doubleValue":
			f, err := c.float()
			v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: f}
			return err
		}
		return c.skip()
	})
}
