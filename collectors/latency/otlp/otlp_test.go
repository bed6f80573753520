package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"tripcurve/collectors/latency"
	"tripcurve/internal/incident"
)

var t0 = time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)

// nano is an instant some seconds after t0, as OTLP's JSON has it.
func nano(s float64) string {
	return fmt.Sprintf(`"%d"`, t0.Add(time.Duration(s*float64(time.Second))).UnixNano())
}

const method = `{"key":"grpc.method","value":{"stringValue":"inventory.Inventory/Reserve"}}`

// line is one export of the order service: its metrics as JSON.
func line(metrics ...string) string {
	return `{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"order"}},` +
		`{"key":"service.instance.id","value":{"stringValue":"a"}},{"key":"unheard.of","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]},` +
		`"scopeMetrics":[{"scope":{"name":"grpc-go"},"metrics":[` + strings.Join(metrics, ",") + `]}],"later":{"x":[1,"}"]}}]}`
}

// started is the counter of attempts at s seconds; temporality 1 is delta, 2
// cumulative.
func started(temporality int, from, s float64, n int) string {
	return fmt.Sprintf(`{"name":"grpc.client.attempt.started","unit":"{attempt}","sum":{"aggregationTemporality":%d,"isMonotonic":true,`+
		`"dataPoints":[{"attributes":[%s],"startTimeUnixNano":%s,"timeUnixNano":%s,"asInt":"%d"}]}}`, temporality, method, nano(from), nano(s), n)
}

// ended is the histogram of attempts that ended; bounds are 0.1, 1 and 10 s.
func ended(temporality int, from, s float64, status string, counts [4]int, extra string) string {
	total := counts[0] + counts[1] + counts[2] + counts[3]
	return fmt.Sprintf(`{"name":"grpc.client.attempt.duration","unit":"s","histogram":{"aggregationTemporality":%d,"dataPoints":[{"attributes":[%s,`+
		`{"key":"grpc.status","value":{"stringValue":%q}}],"startTimeUnixNano":%s,"timeUnixNano":%s,"count":"%d","sum":%d.5,`+
		`"bucketCounts":["%d","%d","%d","%d"],"explicitBounds":[0.1,1,10],"exemplars":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","asDouble":1}]%s}]}}`,
		temporality, method, status, nano(from), nano(s), total, total, counts[0], counts[1], counts[2], counts[3], extra)
}

// imported is what a file of these lines tells.
func imported(t *testing.T, lines ...string) (*incident.View, Summary) {
	t.Helper()
	ev := incident.NewEvidence()
	sum, err := ImportReader(context.Background(), strings.NewReader(strings.Join(lines, "\n")+"\n"), Options{Name: "m.jsonl"}, func(facts []incident.Fact) error {
		ev.Add(facts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ev.Snapshot(), sum
}

// inFlight is the only flow's calls in flight at each of its samples.
func inFlight(t *testing.T, v *incident.View) []float64 {
	t.Helper()
	flows := v.Flows()
	if len(flows) != 1 || flows[0].Edge() != "order.inventory" || flows[0].Method != "Reserve" {
		t.Fatalf("flows %+v, want order.inventory's", flows)
	}
	var all []float64
	for _, p := range flows[0].Points(incident.Window{From: t0.Add(-time.Hour), To: t0.Add(time.Hour)}) {
		all = append(all, p.InFlight)
	}
	return all
}

// p99 is a quantile's bounds at some seconds after t0; ok is false where nothing
// is told.
func p99(t *testing.T, v *incident.View, s float64) (lo, hi float64, ok bool) {
	t.Helper()
	for _, x := range v.AllSeries() {
		if x.Labels[latency.QuantileLabel] != "0.99" {
			continue
		}
		if x.Labels["grpc.status"] != "" || x.Unit != "s" || x.Caveat != latency.AtEnd {
			t.Errorf("quantile %+v: want it over all outcomes, in s, with its caveat", x)
		}
		for _, p := range x.Points {
			if p.At.Equal(t0.Add(time.Duration(s * float64(time.Second)))) {
				ok = true
				if x.Labels[latency.BoundLabel] == "lo" {
					lo = p.V
				} else {
					hi = p.V
				}
			}
		}
	}
	return lo, hi, ok
}

// hang is 40 s of a night: calls hang from 10 s on, and those that did fail
// together at 40 s.
func hang(temporality int) []string {
	if temporality == 2 {
		return []string{
			line(started(2, -500, 0, 1000), ended(2, -500, 0, "OK", [4]int{1000}, "")),
			line(started(2, -500, 10, 1022), ended(2, -500, 10, "OK", [4]int{1020, 1}, "")),
			line(started(2, -500, 20, 1044), ended(2, -500, 20, "OK", [4]int{1020, 1}, "")),
			line(started(2, -500, 30, 1066), ended(2, -500, 30, "OK", [4]int{1020, 1}, "")),
			line(started(2, -500, 40, 1088), ended(2, -500, 40, "OK", [4]int{1020, 1}, ""), ended(2, -500, 40, "UNAVAILABLE", [4]int{0, 0, 2, 60}, `,"min":7.5,"max":29.75`)),
		}
	}
	return []string{
		line(started(1, -10, 0, 22), ended(1, -10, 0, "OK", [4]int{22}, "")),
		line(started(1, 0, 10, 22), ended(1, 0, 10, "OK", [4]int{20, 1}, "")),
		line(started(1, 10, 20, 22)),
		line(started(1, 20, 30, 22)),
		line(started(1, 30, 40, 22), ended(1, 30, 40, "UNAVAILABLE", [4]int{0, 0, 2, 60}, `,"min":7.5,"max":29.75`)),
	}
}

func TestAHangIsSeenInBothTemporalities(t *testing.T) {
	for temporality, name := range map[int]string{1: "delta", 2: "cumulative"} {
		t.Run(name, func(t *testing.T) {
			v, sum := imported(t, hang(temporality)...)
			if d := cmp.Diff([]float64{0, 1, 23, 45, 5}, inFlight(t, v)); d != "" {
				t.Errorf("in flight (-want +got):\n%s", d)
			}
			if lo, hi, ok := p99(t, v, 10); !ok || lo != 0.1 || hi != 1 {
				t.Errorf("p99 of the calm is %g to %g (%v), want 0.1 to 1", lo, hi, ok)
			}
			for _, s := range []float64{20, 30} {
				if lo, hi, ok := p99(t, v, s); !ok || !math.IsNaN(lo) || !math.IsNaN(hi) {
					t.Errorf("p99 in the hang is %g to %g (%v), want no value", lo, hi, ok)
				}
			}
			// The bucket is open above; the maximum closes it.
			if lo, hi, ok := p99(t, v, 40); !ok || lo != 10 || hi != 29.75 {
				t.Errorf("p99 of what hung is %g to %g (%v), want 10 to 29.75", lo, hi, ok)
			}
			if sum.Series != 3 || sum.Processes != 1 || sum.Unparsed != 0 || sum.Lines != 5 || sum.Rejected != 0 || sum.Again != 0 {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

// TestACappedQuantileIsOpenAbove: without a maximum, a histogram ends at its bound.
func TestACappedQuantileIsOpenAbove(t *testing.T) {
	v, _ := imported(t, line(started(1, 0, 10, 5), ended(1, 0, 10, "OK", [4]int{0, 0, 0, 5}, "")))
	if lo, hi, ok := p99(t, v, 10); !ok || lo != 10 || !math.IsNaN(hi) {
		t.Errorf("p99 %g to %g (%v), want 10 and open above", lo, hi, ok)
	}
}

func TestLinesInAnyOrderTellTheSame(t *testing.T) {
	for _, temporality := range []int{1, 2} {
		want, _ := imported(t, hang(temporality)...)
		for seed := range uint64(5) {
			lines := hang(temporality)
			rand.New(rand.NewPCG(seed, 1)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			got, _ := imported(t, append(lines, lines[0])...) // one is told twice
			if d := cmp.Diff(inFlight(t, want), inFlight(t, got)); d != "" {
				t.Fatalf("temporality %d, seed %d (-want +got):\n%s", temporality, seed, d)
			}
		}
	}
}

func TestARestartAndACounterThatIsBornBig(t *testing.T) {
	v, _ := imported(t,
		line(started(2, -500, 0, 100), ended(2, -500, 0, "OK", [4]int{90}, "")),
		line(started(2, -500, 10, 130), ended(2, -500, 10, "OK", [4]int{90}, ""), ended(2, -500, 10, "UNAVAILABLE", [4]int{0, 0, 0, 25}, "")),
		line(started(2, 15, 20, 6)),
		line(started(2, 15, 30, 17), ended(2, 15, 30, "OK", [4]int{4}, "")))
	if d := cmp.Diff([]float64{10, 15, 0, 6, 13}, inFlight(t, v)); d != "" {
		t.Errorf("in flight, with 0 at the restart (-want +got):\n%s", d)
	}
	if c := v.Changes(); len(c) != 1 || c[0].Kind != incident.Restart || c[0].System != "order" || !c[0].At.Equal(t0.Add(15*time.Second)) {
		t.Errorf("changes %+v, want one restart of order at 15 s", c)
	}
	for _, s := range v.AllSeries() {
		if s.Name == "grpc.client.attempt.duration.count" && s.Labels["grpc.status"] == "UNAVAILABLE" {
			if len(s.Points) != 2 || s.Points[0].V != 0 || !s.Points[0].At.Equal(t0) || s.Points[1].V != 25 {
				t.Errorf("born big: %v, want 0 at the export before and then 25", s.Points)
			}
		}
	}
}

// TestCallsThatBeganBeforeWeLooked: deltas do not tell of them, until they end.
func TestCallsThatBeganBeforeWeLooked(t *testing.T) {
	v, _ := imported(t,
		line(started(1, 0, 10, 2), ended(1, 0, 10, "OK", [4]int{2}, "")),
		line(ended(1, 10, 20, "UNAVAILABLE", [4]int{0, 0, 0, 50}, "")), // nothing began: no point of it
		line(started(1, 20, 30, 7)))
	if d := cmp.Diff([]float64{0, 0, 7}, inFlight(t, v)); d != "" {
		t.Errorf("in flight (-want +got):\n%s", d)
	}
}

// TestTwoProcessesOfOneName stay two if they can be told apart, and are said to be
// several if not.
func TestTwoProcessesOfOneName(t *testing.T) {
	other := func(l string) string { return strings.Replace(l, `"stringValue":"a"`, `"stringValue":"b"`, 1) }
	v, _ := imported(t, line(started(2, -9, 0, 5)), other(line(started(2, -5, 1, 50))), line(started(2, -9, 10, 6)), other(line(started(2, -5, 11, 60))))
	if flows := v.Flows(); len(flows) != 2 || len(v.Changes()) != 0 {
		t.Errorf("%d flows, changes %v, want 2 and none", len(flows), v.Changes())
	}
	_, sum := imported(t, line(started(2, -9, 0, 5)), line(started(2, -5, 1, 50)), line(started(2, -9, 10, 6)), line(started(2, -5, 11, 60)))
	if sum.Again != 1 || !strings.Contains(sum.Source().Detail, "service.instance.id") {
		t.Errorf("%+v: %s", sum, sum.Source().Detail)
	}
}

func TestExponentialHistograms(t *testing.T) {
	point := func(scale, offset int, zero int, counts string, count int) string {
		return fmt.Sprintf(`{"name":"rpc.client.call.duration","unit":"s","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":%s,`+
			`"count":"%d","sum":1,"scale":%d,"zeroCount":"%d","zeroThreshold":0,"positive":{"offset":%d,"bucketCounts":[%s]},"negative":{}}]}}`,
			nano(10), count, scale, zero, offset, counts)
	}
	for _, c := range []struct {
		name   string
		metric string
		lo, hi float64
	}{
		{"scale 0: bucket i holds (2^i, 2^(i+1)]", point(0, 2, 0, `"5"`, 5), 4, 8},
		{"scale 3: 9.05 % wide", point(3, 40, 0, `"0","7"`, 7), math.Exp2(41. / 8), math.Exp2(42. / 8)},
		{"scale -1: base 4", point(-1, 1, 0, `"3"`, 3), 4, 16},
		{"calls of no time", point(0, 2, 9, ``, 9), 0, 1e-9},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, sum := imported(t, line(c.metric))
			lo, hi, ok := p99(t, v, 10)
			if !ok || math.Abs(lo-c.lo) > 1e-9 || math.Abs(hi-c.hi) > 1e-9 {
				t.Errorf("p99 %g to %g (%v), want %g to %g; %+v", lo, hi, ok, c.lo, c.hi, sum)
			}
		})
	}
	for name, metric := range map[string]string{
		"counts do not add up": point(0, 2, 0, `"5"`, 6), "a bound without end": point(0, 2000, 0, `"5"`, 5),
		"a scale that nobody has": point(-2000000000, 2, 0, `"5"`, 5),
	} {
		if _, sum := imported(t, line(metric)); sum.Rejected != 1 || sum.Points != 0 {
			t.Errorf("%s: %+v, want it left out", name, sum)
		}
	}
}

func TestUnitsPointsAndFlags(t *testing.T) {
	histogram := func(name, unit string) string {
		return fmt.Sprintf(`{"name":%q,"unit":%q,"histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":%s,"count":"2","sum":900,"bucketCounts":[0,2],"explicitBounds":[250]}]}}`,
			name, unit, nano(10))
	}
	for _, c := range []struct {
		name, unit, want string
		lo               float64
	}{
		{"rpc.client.duration", "ms", "s", 0.25},
		{"rpc.client.duration", "", "", 250}, // nobody says it: no seconds
		{"rpc.client.duration_milliseconds", "", "s", 0.25},
	} {
		v, _ := imported(t, line(histogram(c.name, c.unit)))
		found := false
		for _, s := range v.AllSeries() {
			if s.Labels[latency.QuantileLabel] == "0.99" && s.Labels[latency.BoundLabel] == "lo" {
				found = true
				if s.Unit != c.want || s.Points[0].V != c.lo {
					t.Errorf("%s in %q: %g %q, want %g %q", c.name, c.unit, s.Points[0].V, s.Unit, c.lo, c.want)
				}
			}
		}
		if !found {
			t.Errorf("%s in %q: no quantile", c.name, c.unit)
		}
	}
	_, sum := imported(t, line(
		fmt.Sprintf(`{"name":"http.server.active_requests","sum":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":%s,"asInt":7},{"timeUnixNano":%s,"flags":1}]}}`, nano(10), nano(20)),
		fmt.Sprintf(`{"name":"go.memory.used","gauge":{"dataPoints":[{"timeUnixNano":%s,"asDouble":7}]}}`, nano(10)),
		`{"name":"rpc.client.x","gauge":{"dataPoints":[{"timeUnixNano":"5","asDouble":"NaN"}]}}`))
	if sum.Points != 1 || sum.Empty != 1 || sum.Other != 1 || sum.Rejected != 1 || !strings.Contains(sum.Reason, "impossible") {
		t.Errorf("summary %+v, want one point each kept, empty, of something else, and of no time", sum)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	good := line(started(2, 0, 1, 5))
	for _, c := range []struct{ bad, want string }{
		{`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":7}]}]}]}`, `m.jsonl:2:58: expected a string, found "7}]}]}]}"`},
		{`{"resourceMetrics":7}`, `m.jsonl:2:20: expected an array, found "7}"`},
		{`{"resourceMetrics":[`, `m.jsonl:2:21: expected an object, found the end of the line`},
		{strings.Replace(good, `"asInt":"5"`, `"asInt":"5.5"`, 1), `expected an integer of 64 bits, found "\"5.5\"`},
		{strings.Replace(good, `"aggregationTemporality":2`, `"aggregationTemporality":"DELTA"`, 1), `expected an integer of 64 bits, found "\"DELTA\"`},
		{`{"resourceSpans":[]}`, `m.jsonl:2:1: expected metrics (resourceMetrics), found traces`},
		{"{", `jq -c`},
		{good + "x", `expected the end of the line, found "x"`},
		{"\x1b[2J", `m.jsonl:2:1: expected an object, found "\x1b[2J"`},
	} {
		_, sum := imported(t, good, c.bad)
		if sum.Unparsed != 1 || sum.Points != 1 || !strings.Contains(sum.FirstUnparsed, c.want) {
			t.Errorf("%.60q: %q, want %q; %+v", c.bad, sum.FirstUnparsed, c.want, sum)
		}
	}
	// The last line may be torn: what is before it is kept.
	v, sum := imported(t, append(hang(2), good[:60])...)
	if sum.Unparsed != 1 || len(v.Exemplars()) != 1 || v.Exemplars()[0].Raw != good[:60] {
		t.Errorf("a torn line: %+v, %+v", sum, v.Exemplars())
	}
}

func TestSniff(t *testing.T) {
	long := `{"resourceMetrics":[` + strings.Repeat(`{"x":"y"},`, 20000)
	for head, want := range map[string]bool{
		hang(1)[0]: true, long: true, "\ufeff " + hang(1)[0]: true, `{"resourceSpans":[]}`: true, `{"schema":1,"resourceLogs":[]}`: true,
		``: false, `{`: false, `{"time":"2026-01-15T14:23:00Z","status":200}`: false, `[{"resourceMetrics":[]}]`: false,
		`{"msg":{"resourceMetrics":[]}}`: false, `10.0.0.7 - - [15/Jan/2026]`: false, `{"a":` + strings.Repeat("[", 99999): false,
	} {
		if got := Sniff([]byte(head)) == nil; got != want {
			t.Errorf("%.60q is OTLP: %v, want %v", head, got, want)
		}
	}
}

func TestPackedFilesAndProgress(t *testing.T) {
	text := []byte(strings.Join(hang(2), "\n"))
	var gz, zs bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = w.Write(text)
	_ = w.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write(text)
	_ = z.Close()
	var id string
	for name, content := range map[string][]byte{"m.jsonl": text, "m.jsonl.gz": gz.Bytes(), "m.jsonl.zst": zs.Bytes()} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if Sniff(Head(bytes.NewReader(content))) != nil {
			t.Errorf("%s is not known for what it is", name)
		}
		var done, total int64
		sum, err := Import(context.Background(), path, Options{Progress: func(d, t int64) { done, total = d, t }}, func([]incident.Fact) error { return nil })
		if err != nil || sum.Lines != 5 || sum.Origin.To != int64(len(text)) || sum.Origin.Name != name {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
		if done != int64(len(content)) || total != int64(len(content)) {
			t.Errorf("%s: progress %d of %d, want %d", name, done, total, len(content))
		}
		if id != "" && sum.Origin.File != id {
			t.Errorf("%s has another identity packed", name)
		}
		id = sum.Origin.File
	}
	if _, err := ImportReader(context.Background(), strings.NewReader(strings.Repeat("x", maxLine+1)), Options{}, nil); err == nil || !strings.Contains(err.Error(), "stdin:1: the line is longer than 16 MiB") {
		t.Errorf("an endless line: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := ImportReader(ctx, bytes.NewReader(text), Options{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestDecodeJSONAgreesWithProtobuf: what Google's own reader reads, ids aside.
func TestDecodeJSONAgreesWithProtobuf(t *testing.T) {
	all := append(hang(1), hang(2)...)
	all = append(all, line(
		`{"name":"s","summary":{"dataPoints":[{"timeUnixNano":"1","count":"3","sum":4.5,"quantileValues":[{"quantile":0.5,"value":1}]}]}}`,
		`{"name":"e","description":"\u00e9\n\ud83d\ude00","exponentialHistogram":{"dataPoints":[{"count":"1","scale":-2,"zeroCount":1,"zeroThreshold":1e-7,"min":0,"max":0,"negative":{"offset":-3,"bucketCounts":["0"]}}]}}`,
		`{"name":"g\\\"","gauge":{"dataPoints":[{"asDouble":"-Infinity","attributes":[{"key":"b","value":{"boolValue":true}},{"key":"i","value":{"intValue":"-9"}},{"key":"d","value":{"doubleValue":1e3}}]},{"asInt":-7}]}}`))
	for _, text := range all {
		got, err := DecodeJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var want metricspb.MetricsData
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&want, got, protocmp.Transform(),
			protocmp.IgnoreFields(&metricspb.HistogramDataPoint{}, "exemplars"), protocmp.IgnoreFields(&metricspb.Metric{}, "description"),
			protocmp.IgnoreFields(&metricspb.ScopeMetrics{}, "scope"), protocmp.IgnoreFields(&metricspb.SummaryDataPoint{}, "quantile_values"),
			protocmp.FilterField(&metricspb.ResourceMetrics{}, "resource", cmp.Ignore())); d != "" {
			t.Errorf("(-protobuf +ours):\n%s", d)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	for _, s := range append(hang(1), hang(2)...) {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"resourceMetrics":[null,{"scopeMetrics":[{"metrics":[{"exponentialHistogram":{"dataPoints":[{"scale":20,"positive":{"offset":2147483647,"bucketCounts":[1]}}]}}]}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		data, err := DecodeJSON(text)
		if err != nil {
			var s *SyntaxError
			if !errors.As(err, &s) || s.At < 0 || s.At > len(text) {
				t.Fatalf("%v is no error with a place", err)
			}
			return
		}
		if !json.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool { return r == '\uFFFD' }) {
			// Numbers may have more zeros, and stand in quotes with a sign, than JSON has it.
			if bytes.ContainsAny(text, ".0+") {
				return
			}
			t.Fatalf("%q is no JSON, and was read", text)
		}
		r := NewReading(incident.Origin{Group: "grpc", Name: "fuzz"}, nil)
		for _, rm := range data.GetResourceMetrics() {
			for _, fact := range r.Add(rm, time.Time{}) {
				s, ok := fact.(incident.Series)
				if !ok {
					continue
				}
				for _, p := range s.Points {
					if math.IsInf(p.V, 0) || p.At.Before(earliest.Add(-time.Hour)) || p.At.After(latest) {
						t.Fatalf("%s tells %v", s.Name, p)
					}
				}
			}
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(strings.Join(hang(1), "\n")))
	f.Add([]byte(strings.Join(hang(2), "\r\n") + "\n{\n\n"))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = Sniff(Head(bytes.NewReader(text)))
		ev := incident.NewEvidence()
		sum, err := ImportReader(context.Background(), bytes.NewReader(text), Options{}, func(facts []incident.Fact) error {
			ev.Add(facts...)
			return nil
		})
		if strings.ContainsFunc(sum.Source().Detail+sum.FirstUnparsed, func(r rune) bool { return r < ' ' || r == 0x202e }) {
			t.Fatalf("%q has control characters", sum.Source().Detail)
		}
		if err != nil {
			return
		}
		for _, f := range ev.Snapshot().Flows() {
			for _, p := range f.Points(incident.Window{From: earliest, To: latest}) {
				if !(p.InFlight >= 0) {
					t.Fatalf("%g calls in flight", p.InFlight)
				}
			}
		}
	})
}
