// Package channelz asks a gRPC process what its channels and servers are doing, by
// grpc.channelz.v1: calls started, succeeded and failed. It knows no methods, and
// it is the one source that shows a hang without any metrics.
package channelz

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/channelz/grpc_channelz_v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tripcurve/collectors/credential"
	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Config of a collector.
type Config struct {
	// Addr is host:port of the process; "order=10.0.3.15:9090" also says what the
	// process is called.
	Addr     string
	TLS      credential.TLS        // the zero value is plain HTTP/2, as on loopback or in a pod
	Token    credential.Credential // bearer token of every call; nil is none
	Name     string                // of the source, and of the caller in its flows; empty is Addr's
	Interval time.Duration         // between samples; 0 is 5 s
}

const (
	// sampleTimeout bounds one sample.
	sampleTimeout = 5 * time.Second
	// maxEach bounds the channels, and the servers, of one process.
	maxEach = 1000
	// maxAnswer bounds one answer, bytes.
	maxAnswer = 4 << 20
	maxText   = 200 // bytes of foreign text
)

// LastStarted is the gauge of when the last call began, in Unix seconds.
const LastStarted = "calls.last_started_at"

var (
	// ErrAddr is no address to ask at.
	ErrAddr = errors.New("not an address of a gRPC process")
	// ErrOpen says that a token would travel where others can read it.
	ErrOpen = errors.New("a token travels over TLS only, or on loopback")
	// ErrAbsent says that a process does not serve channelz.
	ErrAbsent = errors.New("it does not serve grpc.channelz.v1, which must be registered (google.golang.org/grpc/channelz/service)")
)

// Collector asks one process. It is run by a supervisor.
type Collector struct {
	cfg      Config
	security credentials.TransportCredentials
	last     time.Time          // of the newest sample
	was      map[string]float64 // started calls at it, by series

	looked struct { // for the server that serves us
		local string
		id    int64
		known bool
	}

	mu    sync.Mutex // of local, which the connection's goroutine sets
	local string     // our end of the newest connection
}

// New makes a collector. Errors are ErrAddr, ErrOpen, and certificates that cannot be
// used.
func New(cfg Config) (*Collector, error) {
	if name, addr, ok := strings.Cut(cfg.Addr, "="); ok && name != "" {
		cfg.Addr = addr
		if cfg.Name == "" {
			cfg.Name = name
		}
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" || n == 0 {
		return nil, fmt.Errorf("%w: %q, expected for example 127.0.0.1:9090 or order=127.0.0.1:9090", ErrAddr, redact.Line(cfg.Addr))
	}
	if cfg.Name == "" {
		cfg.Name = cfg.Addr
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 5 * time.Second
	}
	c := &Collector{cfg: cfg, security: insecure.NewCredentials(), was: map[string]float64{}}
	switch {
	case cfg.TLS.Given():
		secure, err := cfg.TLS.Client()
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		c.security = credentials.NewTLS(secure)
	case cfg.Token != nil && !loopback(host):
		return nil, fmt.Errorf("%w: say under tls how %s is known (ca or server_name)", ErrOpen, host)
	}
	return c, nil
}

// Source is what the collector asks, before it has asked anything.
func (c *Collector) Source() incident.SourceStatus {
	return incident.SourceStatus{Name: c.cfg.Name, Group: "grpc", State: incident.SourceDown, Detail: "connecting to " + c.cfg.Addr}
}

// Every is the distance between two samples.
func (c *Collector) Every() time.Duration { return c.cfg.Interval }

// Run asks until ctx ends or the process does not answer.
func (c *Collector) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(c.security), grpc.WithContextDialer(c.dial),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)), grpc.WithDisableServiceConfig(), grpc.WithUserAgent("tripcurve"),
	}
	if c.cfg.Token != nil {
		options = append(options, grpc.WithPerRPCCredentials(bearer{c.cfg.Token}))
	}
	conn, err := grpc.NewClient("passthrough:///"+c.cfg.Addr, options...)
	if err != nil {
		return fmt.Errorf("channelz %s: %w", c.cfg.Addr, err)
	}
	defer conn.Close()
	client := pb.NewChannelzClient(conn)
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	for {
		facts, detail, err := c.sample(ctx, client)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrAbsent):
			return supervise.Permanent(fmt.Errorf("channelz %s: %w", c.cfg.Addr, err))
		case err != nil:
			return fmt.Errorf("channelz %s: %w", c.cfg.Addr, err)
		}
		out <- facts
		status <- incident.SourceStatus{Name: c.cfg.Name, Group: "grpc", State: incident.SourceOK, LastAt: c.last, Detail: detail}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// bearer sends a token with every call.
type bearer struct{ token credential.Credential }

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	value, err := b.token.Get()
	if err != nil {
		return nil, fmt.Errorf("no token to be had: %w", err)
	}
	return map[string]string{"authorization": "Bearer " + value}, nil
}

// RequireTransportSecurity is false for loopback's sake; New refuses the rest.
func (bearer) RequireTransportSecurity() bool { return false }

func loopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost"
}

// dial connects, and remembers our end: by it the process's server that serves us
// is known.
func (c *Collector) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: sampleTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.local = conn.LocalAddr().String()
	c.mu.Unlock()
	return conn, nil
}

// sample is what the process tells now.
func (c *Collector) sample(ctx context.Context, client pb.ChannelzClient) ([]incident.Fact, string, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	s := &sample{c: c}
	channels, err := topChannels(ctx, client)
	if err != nil {
		return nil, "", explain(err)
	}
	s.at = time.Now().UTC() // nothing can be in the answer that is later
	for _, ch := range channels {
		d := ch.GetData()
		labels := map[string]string{"channel": strconv.FormatInt(ch.GetRef().GetChannelId(), 10), incident.CallTarget: target(d.GetTarget())}
		s.tell(labels, false, d.GetCallsStarted(), d.GetCallsSucceeded(), d.GetCallsFailed(), d.GetLastCallStartedTimestamp(), "")
	}
	servers, err := allServers(ctx, client)
	if err != nil {
		return nil, "", explain(err)
	}
	s.at = time.Now().UTC()
	ours, known := c.serving(ctx, client, servers)
	for _, sv := range servers {
		d, id := sv.GetData(), sv.GetRef().GetServerId()
		labels := map[string]string{"server": strconv.FormatInt(id, 10)}
		if l := sv.GetListenSocket(); len(l) > 0 {
			labels["listen"] = short(l[0].GetName())
		}
		begun, caveat := d.GetCallsStarted(), ""
		switch {
		case known && id == ours && begun > d.GetCallsSucceeded()+d.GetCallsFailed():
			begun-- // the call that asks for it
		case !known:
			caveat = "one of the servers also counts the call that asks for this"
		}
		s.tell(labels, true, begun, d.GetCallsSucceeded(), d.GetCallsFailed(), d.GetLastCallStartedTimestamp(), caveat)
	}
	c.last = s.at
	detail := fmt.Sprintf("%d channels and %d servers each %s", len(channels), len(servers), c.cfg.Interval)
	if len(channels) == maxEach || len(servers) == maxEach {
		detail += fmt.Sprintf("; more than %d are left out", maxEach)
	}
	return s.facts, detail, nil
}

// explain is an error of gRPC in our words; the process's own are foreign.
func explain(err error) error {
	switch s := grpcstatus.Convert(err); s.Code() {
	case codes.Unimplemented:
		return ErrAbsent
	case codes.DeadlineExceeded:
		return fmt.Errorf("no answer within %s", sampleTimeout)
	default:
		return fmt.Errorf("%s: %s", s.Code(), short(s.Message()))
	}
}

func topChannels(ctx context.Context, client pb.ChannelzClient) ([]*pb.Channel, error) {
	var all []*pb.Channel
	for next := int64(0); len(all) < maxEach; {
		page, err := client.GetTopChannels(ctx, &pb.GetTopChannelsRequest{StartChannelId: next})
		if err != nil {
			return nil, err
		}
		for _, ch := range page.GetChannel() {
			if id := ch.GetRef().GetChannelId(); id >= next && len(all) < maxEach {
				all, next = append(all, ch), id+1
			}
		}
		if page.GetEnd() || len(page.GetChannel()) == 0 {
			break
		}
	}
	return all, nil
}

func allServers(ctx context.Context, client pb.ChannelzClient) ([]*pb.Server, error) {
	var all []*pb.Server
	for next := int64(0); len(all) < maxEach; {
		page, err := client.GetServers(ctx, &pb.GetServersRequest{StartServerId: next})
		if err != nil {
			return nil, err
		}
		for _, sv := range page.GetServer() {
			if id := sv.GetRef().GetServerId(); id >= next && len(all) < maxEach {
				all, next = append(all, sv), id+1
			}
		}
		if page.GetEnd() || len(page.GetServer()) == 0 {
			break
		}
	}
	return all, nil
}

// serving is the server that has our connection. It is not known when none says
// so: grpc-go's has no sockets behind net/http. It is looked for once for each
// connection.
func (c *Collector) serving(ctx context.Context, client pb.ChannelzClient, servers []*pb.Server) (id int64, known bool) {
	c.mu.Lock()
	local := c.local
	c.mu.Unlock()
	if local != c.looked.local {
		c.looked.local = local
		c.looked.id, c.looked.known = find(ctx, client, servers, local)
	}
	return c.looked.id, c.looked.known
}

// What is looked at for our connection: the newest sockets of the first servers.
const maxServers, maxSockets, maxLooks = 20, 5000, 50

func find(ctx context.Context, client pb.ChannelzClient, servers []*pb.Server, local string) (id int64, known bool) {
	for _, sv := range servers[:min(len(servers), maxServers)] {
		var sockets []int64
		for next := int64(0); len(sockets) < maxSockets; {
			page, err := client.GetServerSockets(ctx, &pb.GetServerSocketsRequest{ServerId: sv.GetRef().GetServerId(), StartSocketId: next})
			if err != nil {
				return 0, false
			}
			was := next
			for _, ref := range page.GetSocketRef() {
				sockets = append(sockets, ref.GetSocketId())
				next = max(next, ref.GetSocketId()+1)
			}
			if page.GetEnd() || next == was {
				break
			}
		}
		slices.Sort(sockets)
		slices.Reverse(sockets)
		for _, socket := range sockets[:min(len(sockets), maxLooks)] {
			answer, err := client.GetSocket(ctx, &pb.GetSocketRequest{SocketId: socket})
			if err != nil {
				continue // it has just been closed
			}
			tcp := answer.GetSocket().GetRemote().GetTcpipAddress()
			if addr, ok := netip.AddrFromSlice(tcp.GetIpAddress()); ok && netip.AddrPortFrom(addr.Unmap(), uint16(tcp.GetPort())).String() == local {
				return sv.GetRef().GetServerId(), true
			}
		}
	}
	return 0, false
}

// sample gathers one sample's facts.
type sample struct {
	c         *Collector
	at        time.Time
	restarted bool
	facts     []incident.Fact
}

// tell is what one channel or server counts.
func (s *sample) tell(labels map[string]string, server bool, begun, succeeded, failed int64, last *timestamppb.Timestamp, caveat string) {
	origin := incident.Origin{Group: "grpc", Name: s.c.cfg.Name}
	started, finished := incident.CallsStarted, incident.CallsFinished
	if server {
		started, finished = incident.ServerCallsStarted, incident.ServerCallsFinished
	}
	series := func(name, unit string, kind incident.SeriesKind, v float64, result string) incident.Series {
		f := incident.Series{Name: name, Labels: map[string]string{}, Unit: unit, Kind: kind, Caveat: caveat, Origin: origin}
		for k, v := range labels {
			f.Labels[k] = v
		}
		if result != "" {
			f.Labels["result"] = result
		}
		f.Points = []incident.Point{{At: s.at, V: v}}
		return f
	}
	first := series(started, "1", incident.Counter, float64(begun), "")
	key := string(first.ID())
	if was, known := s.c.was[key]; known && float64(begun) < was-1 && !s.restarted { // one less may be our own call
		s.restarted = true
		s.facts = append(s.facts, incident.Change{
			At: s.c.last.Add(s.at.Sub(s.c.last) / 2), Kind: incident.Restart, System: s.c.cfg.Name,
			Text: "the process behind " + s.c.cfg.Name + " began anew", Origin: origin,
		})
	}
	if len(s.c.was) < 10*maxEach {
		s.c.was[key] = float64(begun)
	}
	s.facts = append(s.facts, first,
		series(finished, "1", incident.Counter, float64(succeeded), "succeeded"),
		series(finished, "1", incident.Counter, float64(failed), "failed"))
	if last.IsValid() && last.AsTime().Unix() > 0 {
		s.facts = append(s.facts, series(LastStarted, "s", incident.Gauge, float64(last.AsTime().UnixMilli())/1000, ""))
	}
}

// target is what a channel connects to, without its resolver.
func target(t string) string {
	t = t[strings.LastIndexByte(t, '/')+1:]
	if addr, err := netip.ParseAddrPort(t); err == nil {
		return addr.String()
	}
	return short(t)
}

// short is foreign text of bounded length that is safe to keep.
func short(s string) string {
	return redact.Line(redact.MaskSecrets(s[:min(len(s), maxText)]))
}
