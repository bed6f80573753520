package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"tripcurve/collectors/credential"
	"tripcurve/collectors/latency"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// ReceiverConfig of a receiver of exporters.
type ReceiverConfig struct {
	// Addr is where it listens, for gRPC and HTTP alike: "127.0.0.1:4317". A port
	// alone, "4317" or ":4317", is loopback's.
	Addr  string
	Names *latency.Names // of metrics beyond those that are known
	Name  string         // of the source; empty is "otlp"
	// TLS has the certificate to answer with, and what signed those of exporters when
	// they must show one; the zero value answers without TLS.
	TLS     credential.TLS
	Token   credential.Credential // bearer token that exporters must send; nil is none
	MaxBody int                   // bytes of one request, unpacked; 0 is 4 MiB
	Queue   int                   // requests at one time; 0 is 16
}

const (
	maxConns       = 64
	requestTimeout = 10 * time.Second // to be sent, and to be kept
	retryAfter     = 2 * time.Second  // what a client is asked to wait
	endPatience    = time.Second      // of requests that are being answered
)

// ErrAddr is no address to listen on.
var ErrAddr = errors.New("not an address to listen on")

// Receiver takes what exporters send. It is run by a supervisor.
type Receiver struct {
	cfg     ReceiverConfig
	tls     *tls.Config // nil without TLS
	reading *Reading
	addr    atomic.Pointer[string] // while it listens
	slots   chan struct{}          // one of each request
	work    chan job
}

// job is one request, not decoded yet: that is done one at a time, for a small one
// can be large in memory.
type job struct {
	body  []byte
	json  bool
	reply chan reply // has a place
}

type reply struct {
	answer *collectorpb.ExportMetricsServiceResponse
	err    error // of what was sent
}

// NewReceiver makes a receiver. Errors are ErrAddr, and certificates that cannot be
// used.
func NewReceiver(cfg ReceiverConfig) (*Receiver, error) {
	addr := cfg.Addr
	if !strings.Contains(addr, ":") {
		addr = ":" + addr
	}
	host, port, err := net.SplitHostPort(addr)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 && host == "" {
		return nil, fmt.Errorf("%w: %q, expected for example 127.0.0.1:4317, or 4317", ErrAddr, redact.Line(cfg.Addr))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	cfg.Addr = net.JoinHostPort(host, port)
	if cfg.Name == "" {
		cfg.Name = "otlp"
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 4 << 20
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 16
	}
	var secure *tls.Config
	if cfg.TLS.Given() {
		if secure, err = cfg.TLS.Server(); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	}
	return &Receiver{
		cfg: cfg, tls: secure, reading: NewReading(incident.Origin{Group: "grpc", Name: cfg.Name}, cfg.Names),
		slots: make(chan struct{}, cfg.Queue), work: make(chan job),
	}, nil
}

// Source is what the receiver hears, before it has heard anything.
func (r *Receiver) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: r.cfg.Name, Group: "grpc", State: incident.SourceDown, Detail: "about to listen on " + r.cfg.Addr}
}

// Every is how often SDKs export by default.
func (r *Receiver) Every() time.Duration { return time.Minute }

// Addr is where it listens; empty while it does not.
func (r *Receiver) Addr() string {
	if a := r.addr.Load(); a != nil {
		return *a
	}
	return ""
}

// Run listens until ctx ends or it cannot.
func (r *Receiver) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var lc net.ListenConfig
	lis, err := lc.Listen(ctx, "tcp", r.cfg.Addr)
	if err != nil {
		return fmt.Errorf("otlp: %w", err)
	}
	addr := lis.Addr().String()
	r.addr.Store(&addr)
	defer r.addr.Store(nil)

	var running door
	srv := &http.Server{
		Handler:           r.handler(ctx, &running),
		ReadHeaderTimeout: requestTimeout, ReadTimeout: requestTimeout, WriteTimeout: 3 * requestTimeout, IdleTimeout: 3 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
		Protocols:   new(http.Protocols),
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: r.cfg.Queue, MaxReceiveBufferPerConnection: 1 << 20},
	}
	srv.Protocols.SetHTTP1(true)
	serve := srv.Serve
	if r.tls == nil {
		srv.Protocols.SetUnencryptedHTTP2(true) // gRPC
	} else {
		srv.Protocols.SetHTTP2(true)
		srv.TLSConfig = r.tls.Clone() // the server adds its protocols
		serve = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	served := make(chan error, 1)
	running.enter()
	go func() {
		defer running.leave()
		served <- serve(&limitedListener{Listener: lis, places: make(chan struct{}, maxConns)})
	}()
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
		defer cancel()
		if srv.Shutdown(ending) != nil {
			_ = srv.Close() // what is left is cut off
		}
		running.shut()
	}()

	status <- r.status(incident.SourceStale, time.Time{}, "listening on "+addr+"; nothing was sent yet (SDKs export every minute unless OTEL_METRIC_EXPORT_INTERVAL says else)")
	for {
		select {
		case <-ctx.Done():
			stop() // requests that wait are told
			return ctx.Err()
		case err := <-served:
			stop()
			return fmt.Errorf("otlp: %w", err)
		case j := <-r.work:
			now := time.Now()
			facts, rep := r.read(j, now)
			if len(facts) > 0 {
				select {
				case out <- facts:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if rep.err == nil {
				select {
				case status <- r.told(now, addr):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			j.reply <- rep
		}
	}
}

func (r *Receiver) status(state incident.SourceState, at time.Time, detail string) incident.SourceStatus {
	return incident.SourceStatus{Name: r.cfg.Name, Group: "grpc", State: state, LastAt: at.UTC(), Detail: redact.Line(detail)}
}

// told is the status after a request.
func (r *Receiver) told(now time.Time, addr string) incident.SourceStatus {
	s := r.reading.Stats()
	detail := fmt.Sprintf("%d series of %s on %s", r.reading.Series(), many(int64(r.reading.Processes()), "process", "processes"), addr) + s.notes()
	if s.Ahead > 0 {
		detail += fmt.Sprintf(", a clock is %s ahead of ours", s.Ahead.Round(time.Second))
	}
	return r.status(incident.SourceOK, now, detail)
}

// read is what a request tells.
func (r *Receiver) read(j job, now time.Time) ([]incident.Fact, reply) {
	var messages []*metricspb.ResourceMetrics
	if j.json {
		data, err := DecodeJSON(j.body)
		if err != nil {
			return nil, reply{err: placed(err)}
		}
		messages = data.GetResourceMetrics()
	} else {
		var req collectorpb.ExportMetricsServiceRequest
		if left := maxMessages; !requestShape.fits(j.body, 0, &left) {
			return nil, reply{err: fmt.Errorf("more than %d messages in one, or deeper than %d in each other", maxMessages, maxDepth)}
		}
		if proto.Unmarshal(j.body, &req) != nil {
			return nil, reply{err: errors.New("not an ExportMetricsServiceRequest")}
		}
		messages = req.GetResourceMetrics()
	}
	before := r.reading.stats
	r.reading.stats.Reason = ""
	var facts []incident.Fact
	for _, rm := range messages {
		facts = append(facts, r.reading.Add(rm, now)...)
	}
	answer := &collectorpb.ExportMetricsServiceResponse{}
	if n := r.reading.stats.Rejected - before.Rejected; n > 0 {
		answer.PartialSuccess = &collectorpb.ExportMetricsPartialSuccess{RejectedDataPoints: n, ErrorMessage: redact.Line(r.reading.stats.Reason)}
	} else {
		r.reading.stats.Reason = before.Reason
	}
	return facts, reply{answer: answer}
}

// placed says where in a body an error is.
func placed(err error) error {
	var s *SyntaxError
	if errors.As(err, &s) {
		return fmt.Errorf("byte %d: %w", s.At, err)
	}
	return err
}

var (
	errBusy   = errors.New("too much at once; try again")
	errToken  = errors.New("the bearer token of this receiver is needed")
	errUnread = errors.New("its own token cannot be read; try again")
	errEnding = errors.New("ending")
)

// keep hands a body to Run and waits for what becomes of it.
func (r *Receiver) keep(ctx context.Context, ending <-chan struct{}, body []byte, json bool) (*collectorpb.ExportMetricsServiceResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	j := job{body: body, json: json, reply: make(chan reply, 1)}
	select {
	case r.work <- j:
	case <-ending:
		return nil, errEnding
	case <-ctx.Done():
		return nil, errBusy
	}
	select {
	case rep := <-j.reply:
		return rep.answer, rep.err
	case <-ending:
		return nil, errEnding
	case <-ctx.Done():
		return nil, errBusy // it may still be kept; told twice is told once
	}
}

// door counts who is inside, so that one can wait for the last to leave.
type door struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

// enter is false when the door is shut.
func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.inside.Add(1)
	}
	return !d.closed
}

func (d *door) leave() { d.inside.Done() }

// shut lets nobody in any more, and waits until nobody is inside.
func (d *door) shut() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.inside.Wait()
}

// limitedListener hands out at most so many connections at a time.
type limitedListener struct {
	net.Listener
	places chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	l.places <- struct{}{} // a connection that ends makes place; the last ones end with the server
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
