package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats/opentelemetry"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"tripcurve/collectors/latency"
	"tripcurve/internal/incident"
)

// listening is a receiver that runs, and what it told.
type listening struct {
	*Receiver
	url   string
	end   context.CancelFunc
	ended chan error

	mu     sync.Mutex
	ev     *incident.Evidence
	status incident.SourceStatus
}

func listen(t *testing.T, cfg ReceiverConfig) *listening {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	r, err := NewReceiver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	l := &listening{Receiver: r, end: end, ended: make(chan error, 1), ev: incident.NewEvidence()}
	out, status := make(chan []incident.Fact), make(chan incident.SourceStatus)
	go func() { l.ended <- r.Run(ctx, out, status); close(out) }()
	listens := make(chan struct{})
	go func() {
		for first := true; ; {
			select {
			case facts, ok := <-out:
				if !ok {
					return
				}
				l.mu.Lock()
				l.ev.Add(facts...)
				l.mu.Unlock()
			case s := <-status:
				l.mu.Lock()
				l.status = s
				l.mu.Unlock()
				if first {
					first = false
					close(listens)
				}
			}
		}
	}()
	select {
	case <-listens:
	case err := <-l.ended:
		t.Fatal(err)
	}
	l.url = "http://" + r.Addr()
	if cfg.TLS.Given() {
		l.url = "https://" + r.Addr()
	}
	t.Cleanup(func() {
		end()
		select {
		case <-l.ended:
		case <-time.After(10 * time.Second):
			t.Error("the receiver does not end with its context")
		}
	})
	return l
}

func (l *listening) view() (*incident.View, incident.SourceStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ev.Snapshot(), l.status
}

// post sends a body to /v1/metrics.
func (l *listening) post(t *testing.T, body []byte, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, l.url+"/v1/metrics", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// hanging is a gRPC service that holds every call while its gate is shut.
type hanging struct {
	health.UnimplementedHealthServer
	mu   sync.Mutex
	gate chan struct{} // nil is open
	in   int
}

func (h *hanging) Check(ctx context.Context, _ *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	h.mu.Lock()
	gate := h.gate
	h.in++
	h.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	return &health.HealthCheckResponse{}, nil
}

func (h *hanging) shut() (open func()) {
	gate := make(chan struct{})
	h.mu.Lock()
	h.gate = gate
	h.mu.Unlock()
	return sync.OnceFunc(func() {
		h.mu.Lock()
		h.gate = nil
		h.mu.Unlock()
		close(gate)
	})
}

func (h *hanging) calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.in
}

// TestTheSDKsExportersWhileCallsHang: OpenTelemetry's own exporters, over gRPC and
// HTTP, packed, tell of a real client whose calls hang.
func TestTheSDKsExportersWhileCallsHang(t *testing.T) {
	for _, transport := range []string{"grpc", "http"} {
		for _, temporality := range []metricdata.Temporality{metricdata.CumulativeTemporality, metricdata.DeltaTemporality} {
			t.Run(transport+" "+temporality.String(), func(t *testing.T) {
				l := listen(t, ReceiverConfig{})
				whileCallsHang(t, l, exporterTo(t, transport, temporality, l.Addr()))
			})
		}
	}
}

func exporterTo(t *testing.T, transport string, temporality metricdata.Temporality, addr string) metric.Exporter {
	t.Helper()
	kind := func(metric.InstrumentKind) metricdata.Temporality { return temporality }
	var e metric.Exporter
	var err error
	if transport == "grpc" {
		e, err = otlpmetricgrpc.New(context.Background(), otlpmetricgrpc.WithEndpoint(addr), otlpmetricgrpc.WithInsecure(),
			otlpmetricgrpc.WithCompressor("gzip"), otlpmetricgrpc.WithTemporalitySelector(kind))
	} else {
		e, err = otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpoint(addr), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression), otlpmetrichttp.WithTemporalitySelector(kind))
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func whileCallsHang(t *testing.T, l *listening, exporter metric.Exporter) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, srv := &hanging{}, grpc.NewServer()
	health.RegisterHealthServer(srv, server)
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(srv.Stop)

	provider := metric.NewMeterProvider(
		metric.WithResource(resource.NewSchemaless()),
		metric.WithReader(metric.NewPeriodicReader(exporter, metric.WithInterval(time.Hour))))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(func() { cancel(); _ = provider.Shutdown(context.Background()) })
	conn, err := grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		opentelemetry.DialOption(opentelemetry.Options{MetricsOptions: opentelemetry.MetricsOptions{MeterProvider: provider}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := health.NewHealthClient(conn)

	// export sends what the SDK has, and says what there is to be seen of it.
	export := func() (inFlight float64, lo float64, told bool) {
		t.Helper()
		if err := provider.ForceFlush(ctx); err != nil {
			t.Fatal(err)
		}
		v, status := l.view()
		if status.State != incident.SourceOK {
			t.Errorf("status %+v after an export", status)
		}
		flows := v.Flows()
		if len(flows) != 1 || flows[0].Name() != "grpc.health.v1.Health/Check" {
			t.Fatalf("flows %+v", flows)
		}
		points := flows[0].Points(incident.Window{From: earliest, To: latest})
		last := points[len(points)-1]
		for _, s := range v.AllSeries() {
			if s.Name == "grpc.client.attempt.duration" && s.Labels[latency.QuantileLabel] == "0.99" && s.Labels[latency.BoundLabel] == "lo" {
				p := s.Points[len(s.Points)-1]
				return last.InFlight, p.V, p.At.Equal(last.At)
			}
		}
		return last.InFlight, 0, false
	}
	call := func() {
		if _, err := client.Check(ctx, &health.HealthCheckRequest{}); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		call()
	}
	if n, _, _ := export(); n != 0 {
		t.Errorf("%g calls in flight, none is", n)
	}
	call()
	if n, p99, told := export(); n != 0 || !told || math.IsNaN(p99) {
		t.Errorf("%g in flight, p99 from %g (%v): want none, and a p99", n, p99, told)
	}
	open := server.shut()
	defer open()
	var calls sync.WaitGroup
	for round := 1; round <= 2; round++ {
		for range 7 {
			calls.Go(call)
		}
		for deadline := time.Now().Add(10 * time.Second); server.calls() < 4+7*round; <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the calls do not arrive")
			}
		}
		if n, p99, told := export(); n != float64(7*round) || !told || !math.IsNaN(p99) {
			t.Errorf("%g in flight, p99 from %g (%v): want %d, and no p99, for none ended", n, p99, told, 7*round)
		}
	}
	open()
	calls.Wait()
	if n, p99, told := export(); n != 0 || !told || math.IsNaN(p99) {
		t.Errorf("%g in flight, p99 from %g (%v) when all have ended", n, p99, told)
	}
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// now is a line whose times are near to ours.
func now(l string) string {
	return strings.ReplaceAll(l, strings.Trim(nano(1), `"`), fmt.Sprint(time.Now().UnixNano()))
}

func TestHTTP(t *testing.T) {
	l := listen(t, ReceiverConfig{MaxBody: 10_000})
	good := []byte(now(line(started(2, 1, 1, 5))))
	bad := []byte(line(started(2, 1, 1, 5))) // of January
	for _, c := range []struct {
		name   string
		body   []byte
		header []string
		code   int
		want   string
	}{
		{"JSON", good, []string{"Content-Type", "application/json; charset=utf-8"}, 200, `{}`},
		{"packed", packed(good), []string{"Content-Type", typeJSON, "Content-Encoding", "gzip"}, 200, `{}`},
		{"a time that cannot be", bad, []string{"Content-Type", typeJSON}, 200, `"rejectedDataPoints":"1"`},
		{"nothing", nil, []string{"Content-Type", typeProtobuf}, 200, ""},
		{"no protobuf", []byte("\xff\xff"), []string{"Content-Type", typeProtobuf}, 400, "not an ExportMetricsServiceRequest"},
		{"no JSON", []byte(`{"resourceMetrics":7}`), []string{"Content-Type", typeJSON}, 400, `byte 19: expected an array`},
		{"no gzip", good, []string{"Content-Type", typeJSON, "Content-Encoding", "gzip"}, 400, "not in gzip"},
		{"half of gzip", packed(good)[:50], []string{"Content-Type", typeJSON, "Content-Encoding", "gzip"}, 400, "cannot be read whole"},
		{"another encoding", good, []string{"Content-Type", typeJSON, "Content-Encoding", "br"}, 415, "expected the encoding gzip"},
		{"another type", good, []string{"Content-Type", "text/plain"}, 415, "expected application/x-protobuf or application/json"},
		{"too long", make([]byte, 10_001), []string{"Content-Type", typeProtobuf}, 413, "at most 10000 bytes"},
		{"a bomb", packed(make([]byte, 5_000_000)), []string{"Content-Type", typeProtobuf, "Content-Encoding", "gzip"}, 413, "at most 10000 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, text := l.post(t, c.body, c.header...)
			text = strings.ReplaceAll(strings.ReplaceAll(text, `": "`, `":"`), `\"`, `"`) // protojson's spaces are of chance
			if resp.StatusCode != c.code || !strings.Contains(text, c.want) {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, text, c.code, c.want)
			}
			if retry := resp.Header.Get("Retry-After"); retry != "" {
				t.Errorf("asked to come again in %s s: nothing would be better then", retry)
			}
		})
	}
	for path, code := range map[string]int{"/v1/metrics": 405, "/v1/traces": 404, "/v1/logs": 404, "/": 404} {
		resp, err := http.Get(l.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != code {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, code)
		}
	}
	if _, s := l.view(); s.State != incident.SourceOK || !strings.Contains(s.Detail, "1 series of 1 process on 127.0.0.1:") || !strings.Contains(s.Detail, "1 points left out: a point's time is") {
		t.Errorf("status %+v", s)
	}
}

// TestMessagesOfMessages: what is small on the wire and large in memory is refused
// before it is decoded; what real exporters send is not.
func TestMessagesOfMessages(t *testing.T) {
	l := listen(t, ReceiverConfig{})
	deep := []byte{}
	for range 100 { // an array in an array in ...
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), deep)
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), deep)
	}
	for _, number := range []protowire.Number{2, 1, 1, 1} { // value of an attribute of a resource of a request
		deep = protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), deep)
	}
	for name, c := range map[string]struct {
		kind string
		body []byte
		want string
	}{
		"many": {typeProtobuf, bytes.Repeat([]byte("\x0a\x00"), maxMessages+1), "more than 500000 messages"},
		"deep": {typeProtobuf, deep, "deeper than 64"},
		"json": {typeJSON, []byte(`{"resourceMetrics":[` + strings.Repeat("{},", maxMessages) + "{}]}"), "at most 500000 objects"},
	} {
		if resp, text := l.post(t, c.body, "Content-Type", c.kind); resp.StatusCode != 400 || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %.100q, want %q", name, resp.StatusCode, text, c.want)
		}
	}
	data, err := DecodeJSON([]byte(hang(2)[4]))
	if err != nil {
		t.Fatal(err)
	}
	wire, err := proto.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	left := maxMessages
	if !requestShape.fits(wire, 0, &left) || maxMessages-left < 20 {
		t.Errorf("a real message is counted as %d", maxMessages-left)
	}
}

func TestGRPC(t *testing.T) {
	l := listen(t, ReceiverConfig{MaxBody: 10_000})
	conn, err := grpc.NewClient(l.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := collectorpb.NewMetricsServiceClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	data, err := DecodeJSON([]byte(line(started(2, 1, 1, 5))))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Export(ctx, &collectorpb.ExportMetricsServiceRequest{ResourceMetrics: data.ResourceMetrics})
	if err != nil || answer.GetPartialSuccess().GetRejectedDataPoints() != 1 {
		t.Errorf("a point of January: %v, %v; want it rejected", answer, err)
	}
	large := data.ResourceMetrics[0].ScopeMetrics[0].Metrics[0]
	large.Description = strings.Repeat("x", 20_000)
	if _, err := client.Export(ctx, &collectorpb.ExportMetricsServiceRequest{ResourceMetrics: data.ResourceMetrics}); grpcstatus.Code(err) != codes.ResourceExhausted {
		t.Errorf("too long: %v", err)
	}
	if err := conn.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", &collectorpb.ExportMetricsServiceRequest{}, &collectorpb.ExportMetricsServiceResponse{}); grpcstatus.Code(err) != codes.Unimplemented {
		t.Errorf("traces: %v", err)
	}
}

// TestWhoCannotKeepUpSaysSo: nobody takes the facts, so requests are asked to come
// again instead of piling up.
func TestWhoCannotKeepUpSaysSo(t *testing.T) {
	r, err := NewReceiver(ReceiverConfig{Addr: "127.0.0.1:0", Queue: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	out, status, ended := make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1)
	go func() { ended <- r.Run(ctx, out, status) }()
	<-status
	l := &listening{Receiver: r, url: "http://" + r.Addr()}
	var waiting sync.WaitGroup
	codesOf := make(chan int, 2)
	for i := range 2 {
		waiting.Go(func() {
			resp, _ := l.post(t, []byte(now(line(started(2, 1, 1, i)))), "Content-Type", typeJSON)
			codesOf <- resp.StatusCode
		})
	}
	for deadline := time.Now().Add(5 * time.Second); len(r.slots) < 2; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the requests do not come")
		}
	}
	resp, text := l.post(t, nil, "Content-Type", typeProtobuf)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("%d, again in %q s: %s", resp.StatusCode, resp.Header.Get("Retry-After"), text)
	}
	conn, err := grpc.NewClient(r.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = collectorpb.NewMetricsServiceClient(conn).Export(context.Background(), &collectorpb.ExportMetricsServiceRequest{})
	details := grpcstatus.Convert(err).Details()
	if info, ok := first(details).(*errdetails.RetryInfo); grpcstatus.Code(err) != codes.Unavailable || !ok || info.GetRetryDelay().AsDuration() != retryAfter {
		t.Errorf("%v with %v, want Unavailable and when to come again", err, details)
	}
	// It ends although nobody takes what it has, and tells those who wait.
	end()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	waiting.Wait()
	for range 2 {
		if code := <-codesOf; code != http.StatusServiceUnavailable {
			t.Errorf("a request that waited at the end: %d", code)
		}
	}
	if r.Addr() != "" {
		t.Errorf("it still says that it listens on %s", r.Addr())
	}
}

func first(all []any) any {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

func TestAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		"4317": "127.0.0.1:4317", ":4317": "127.0.0.1:4317", "0.0.0.0:4317": "0.0.0.0:4317", "[::1]:4317": "[::1]:4317", "localhost:4317": "localhost:4317",
		"": "", ":": "", "http://127.0.0.1:4317": "", "127.0.0.1": "", "70000": "", "127.0.0.1:otlp": "",
	} {
		r, err := NewReceiver(ReceiverConfig{Addr: addr})
		if want == "" {
			if !errors.Is(err, ErrAddr) {
				t.Errorf("%q: %v", addr, err)
			}
			continue
		}
		if err != nil || r.cfg.Addr != want {
			t.Errorf("%q: %v, want %s", addr, err, want)
		}
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	r, err := NewReceiver(ReceiverConfig{Addr: lis.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background(), nil, nil); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a port that is taken: %v", err)
	}
}

func FuzzReceive(f *testing.F) {
	data, err := DecodeJSON([]byte(hang(2)[4]))
	if err != nil {
		f.Fatal(err)
	}
	wire, err := proto.Marshal(data)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire, wire, false)
	f.Add([]byte(hang(1)[0]), []byte(hang(1)[1]), true)
	f.Fuzz(func(t *testing.T, a, b []byte, json bool) {
		r, err := NewReceiver(ReceiverConfig{Addr: "4317"})
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range [][]byte{a, b} {
			facts, rep := r.read(job{body: body, json: json}, t0.Add(time.Minute))
			if (rep.answer == nil) == (rep.err == nil) || rep.err != nil && len(facts) > 0 {
				t.Fatalf("%v, %v, %d facts", rep.answer, rep.err, len(facts))
			}
			for _, fact := range facts {
				if s, ok := fact.(incident.Series); ok {
					for _, p := range s.Points {
						if math.IsInf(p.V, 0) || p.At.After(t0.Add(time.Hour)) {
							t.Fatalf("%s tells %v", s.Name, p)
						}
					}
				}
			}
		}
	})
}
