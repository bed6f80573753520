package grpc

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"
	"pgregory.net/rapid"

	"tripcurve/internal/policy/policytest"
	"tripcurve/internal/policy/retry"
)

// act is what the server does to one attempt.
type act struct {
	takes    time.Duration // whatever the client has become meanwhile
	status   Status
	headers  bool
	pushback []string
}

// turn is one call: when it begins after the end of the last, its own deadline
// after that (0 is none), and its attempts; the last is for all that follow.
type turn struct {
	after, deadline time.Duration
	acts            []act
}

// made is what the real client and server were seen to do.
type made struct {
	attempts []time.Duration // when the server saw them
	answered time.Duration
	status   Status
}

// TestRealClient holds the machine against a real client and server of grpc-go over
// a connection in memory, in a bubble in which time stands still but for the waits.
// What the client throws as its dice is not known, so a wait is held against the
// machine's shortest and longest.
func TestRealClient(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	was := checks.Value.String()
	if err := checks.Value.Set("3000"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checks.Value.Set(was) }()
	steps, differences := 0, 0
	var seen spread
	rapid.Check(t, func(rt *rapid.T) {
		p, turns := anyParams(rt), rapid.SliceOfN(rapid.Custom(anyTurn), 1, 6).Draw(rt, "calls")
		real, err := run(t, p, turns)
		if err != nil {
			rt.Fatal(err)
		}
		n, wrong := compare(p, turns, real, &seen)
		steps += n
		if wrong != "" {
			differences++
			rt.Fatalf("%s\n%+v", wrong, p)
		}
	})
	seen.check(t)
	policytest.Report(t, "grpc", "client and server of grpc-go "+Version, steps, differences)
}

func anyParams(t *rapid.T) Params {
	ms := func(name string, least, most int) time.Duration {
		return time.Duration(rapid.IntRange(least, most).Draw(t, name)) * time.Millisecond
	}
	p := Default()
	if rapid.IntRange(0, 2).Draw(t, "limited") == 0 {
		p.Timeout = ms("timeout", 1, 2000) + 1
	}
	p.Attempts = rapid.IntRange(1, 9).Draw(t, "maxAttempts")
	p.InitialBackoff = ms("initialBackoff", 1, 400)
	p.MaxBackoff = ms("maxBackoff", 1, 1000)
	p.BackoffMultiplier = rapid.SampledFrom([]float64{0.5, 1, 1.5, 2, 4}).Draw(t, "multiplier")
	p.RetryableStatusCodes = rapid.SampledFrom([][]Status{{Unavailable}, {Unavailable, 8}, {DeadlineExceeded, Unavailable}, {0, 2}}).Draw(t, "codes")
	if rapid.IntRange(0, 3).Draw(t, "throttled") > 0 {
		p.MaxTokens = float64(rapid.IntRange(1, 24).Draw(t, "maxTokens")) / 2
		p.TokenRatio = rapid.SampledFrom([]float64{0.1, 0.5, 1, 1.25, 3}).Draw(t, "tokenRatio")
	}
	return p
}

func anyTurn(t *rapid.T) turn {
	var c turn
	c.after = time.Duration(rapid.IntRange(0, 1000).Draw(t, "after")) * time.Millisecond
	if rapid.IntRange(0, 4).Draw(t, "hurried") == 0 {
		c.deadline = time.Duration(rapid.IntRange(1, 1500).Draw(t, "deadline"))*time.Millisecond + 2
	}
	c.acts = rapid.SliceOfN(rapid.Custom(anyAct), 1, 6).Draw(t, "attempts")
	return c
}

func anyAct(t *rapid.T) act {
	a := act{
		takes:  time.Duration(rapid.IntRange(0, 300).Draw(t, "takes")) * time.Millisecond,
		status: rapid.SampledFrom([]Status{OK, 2, DeadlineExceeded, 8, 13, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable}).Draw(t, "status"),
	}
	switch rapid.IntRange(0, 11).Draw(t, "special") {
	case 0:
		a.headers = true
	case 1:
		a.pushback = rapid.SampledFrom([][]string{{"0"}, {"70"}, {"500"}, {"-1"}, {"soon"}, {"10", "20"}, {"+5"}, {""}}).Draw(t, "pushback")
	case 2:
		a.takes = time.Minute // longer than any deadline
	}
	return a
}

// config is p as a service config.
func config(p Params) string {
	s := `{"methodConfig": [{"name": [{}]`
	if p.Timeout > 0 {
		s += fmt.Sprintf(`, "timeout": %q`, Seconds(p.Timeout))
	}
	if p.Attempts > 1 {
		codes := ""
		for i, c := range p.RetryableStatusCodes {
			if i > 0 {
				codes += ", "
			}
			codes += strconv.Quote(c.String())
		}
		s += fmt.Sprintf(`, "retryPolicy": {"maxAttempts": %d, "initialBackoff": %q, "maxBackoff": %q, "backoffMultiplier": %v, "retryableStatusCodes": [%s]}`,
			p.Attempts, Seconds(p.InitialBackoff), Seconds(p.MaxBackoff), p.BackoffMultiplier, codes)
	}
	s += "}]"
	if p.MaxTokens > 0 {
		s += fmt.Sprintf(`, "retryThrottling": {"maxTokens": %v, "tokenRatio": %v}`, p.MaxTokens, p.TokenRatio)
	}
	return s + "}"
}

// server answers each attempt of the present turn as it says.
type server struct {
	start time.Time
	mu    sync.Mutex
	turn  turn
	made  made
}

func (s *server) handle(ctx context.Context) error {
	s.mu.Lock()
	a := s.turn.acts[min(len(s.made.attempts), len(s.turn.acts)-1)]
	s.made.attempts = append(s.made.attempts, time.Since(s.start))
	s.mu.Unlock()
	time.Sleep(a.takes)
	if a.headers {
		if err := rpc.SendHeader(ctx, metadata.Pairs("some", "header")); err != nil {
			return err
		}
	}
	for _, v := range a.pushback {
		if err := rpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", v)); err != nil {
			return err
		}
	}
	return status.Error(codes.Code(a.status), "as asked")
}

func (s *server) desc() *rpc.ServiceDesc {
	return &rpc.ServiceDesc{ServiceName: "test.Test", HandlerType: (*any)(nil), Methods: []rpc.MethodDesc{{
		MethodName: "Call",
		Handler: func(_ any, ctx context.Context, read func(any) error, _ rpc.UnaryServerInterceptor) (any, error) {
			// As every handler does. An answer that overtakes the end of its request meets a
			// client that still sends: such a call was once seen to end as UNKNOWN and not as
			// the server had answered, and never again.
			if err := read(&emptypb.Empty{}); err != nil {
				return nil, err
			}
			return &emptypb.Empty{}, s.handle(ctx)
		},
	}}}
}

// run makes the calls with the real client on the real server.
func run(t *testing.T, p Params, turns []turn) (all []made, err error) {
	synctest.Test(t, func(*testing.T) {
		s := &server{start: time.Now()}
		pipe := bufconn.Listen(1 << 16)
		real := rpc.NewServer()
		real.RegisterService(s.desc(), s)
		go func() { _ = real.Serve(pipe) }()
		defer real.Stop()
		var conn *rpc.ClientConn
		conn, err = rpc.NewClient("passthrough:///memory", rpc.WithTransportCredentials(insecure.NewCredentials()),
			rpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }),
			rpc.WithDefaultServiceConfig(config(p)))
		if err != nil {
			return
		}
		defer conn.Close()
		for _, c := range turns {
			time.Sleep(c.after)
			s.mu.Lock()
			s.turn, s.made = c, made{}
			s.mu.Unlock()
			ctx, cancel := context.Background(), func() {}
			if c.deadline > 0 {
				ctx, cancel = context.WithTimeout(ctx, c.deadline)
			}
			callErr := conn.Invoke(ctx, "/test.Test/Call", &emptypb.Empty{}, &emptypb.Empty{})
			cancel()
			s.mu.Lock()
			s.made.answered, s.made.status = time.Since(s.start), Status(status.Code(callErr))
			all = append(all, s.made)
			s.mu.Unlock()
			time.Sleep(2 * time.Minute) // what was left running has ended
		}
	})
	return all, err
}

// slack is what a wait computed in floating point may differ by.
const slack = time.Nanosecond

// compare replays what was seen through the machine and, as far as it knows of such
// things, the plan that hosts work with.
func compare(p Params, turns []turn, real []made, seen *spread) (steps int, wrong string) {
	m := machine{channel: NewChannel(p), plan: p.Plan(), seen: seen}
	for i, c := range turns {
		if wrong := m.replay(c, real[i]); wrong != "" {
			return m.steps, fmt.Sprintf("call %d, %+v\nseen %+v\n%s", i+1, c, real[i], wrong)
		}
	}
	return m.steps, ""
}

type machine struct {
	channel *Channel
	plan    *retry.Plan // nil once it could not follow
	seen    *spread
	steps   int
}

func (m *machine) replay(c turn, real made) string {
	if len(real.attempts) == 0 {
		return "the server saw nothing"
	}
	epoch := policytest.Epoch
	begun := real.attempts[0]
	deadline := time.Time{}
	if c.deadline > 0 {
		deadline = epoch.Add(begun + c.deadline)
	}
	call := m.channel.Begin(epoch.Add(begun), deadline)
	end := time.Duration(math.MaxInt64)
	if at, ok := call.Deadline(); ok {
		end = at.Sub(epoch)
	}
	host := m.host()
	for n, at := range real.attempts {
		m.steps++
		a := c.acts[min(n, len(c.acts)-1)]
		ended := Attempt{a.status, a.headers || a.status == OK, a.pushback}
		over := at + a.takes
		if end < over {
			over, ended = end, Attempt{Status: DeadlineExceeded}
		}
		least, most, again := m.ended(&call, ended)
		if m.plan != nil && (ended.Headers && ended.Status != OK || len(ended.Pushback) > 0) {
			m.plan = nil // a host's callees do neither
		}
		if m.plan != nil {
			wait, hosts := m.hosted(&host, ended)
			if hosts != again || hosts && wait != least {
				return fmt.Sprintf("after attempt %d the machine says %t after %s, the plan %t after %s", n+1, again, least, hosts, wait)
			}
		}
		switch more := n+1 < len(real.attempts); {
		case again && end < over+least && !more, !again && !more:
			want, at := ended.Status, over
			if again {
				want, at = DeadlineExceeded, end
			}
			m.steps++
			if real.status != want || real.answered != at {
				return fmt.Sprintf("answered %s after %s, want %s after %s", real.status, real.answered, want, at)
			}
		case again && !more:
			if end > over+most+slack || real.status != DeadlineExceeded || real.answered != end {
				return fmt.Sprintf("no attempt after number %d, want one after %s to %s", n+1, least, most)
			}
		case !again:
			return fmt.Sprintf("another attempt after number %d, want none", n+1)
		default:
			gap := real.attempts[n+1] - over
			if gap < least-slack || gap > most+slack {
				return fmt.Sprintf("attempt %d came after %s, want %s to %s", n+2, gap, least, most)
			}
			if most > least+time.Millisecond {
				m.seen.add(float64(gap-least) / float64(most-least))
			}
		}
	}
	host.End()
	return ""
}

// ended asks the machine for its shortest and longest wait.
func (m *machine) ended(c *Call, a Attempt) (least, most time.Duration, again bool) {
	channel, call := *m.channel, *c
	if channel.throttle != nil {
		tokens := *channel.throttle
		channel.throttle = &tokens
	}
	call.channel = &channel
	most, _ = call.Ended(a, math.Nextafter(1, 0))
	least, again = c.Ended(a, 0)
	return least, most, again
}

func (m *machine) host() retry.Call {
	if m.plan == nil {
		return (&retry.Plan{}).Begin()
	}
	return m.plan.Begin()
}

func (m *machine) hosted(c *retry.Call, a Attempt) (time.Duration, bool) {
	switch {
	case a.Status == OK:
		c.Succeeded()
	case !m.plan.Retries(uint32(a.Status)):
		c.GivenUp()
	default:
		wait, again := c.Failed(0)
		if again {
			again = c.Again()
		}
		return wait, again
	}
	return 0, false
}

// spread is where in its range each wait lay, 0..1.
type spread []float64

func (s *spread) add(u float64) { *s = append(*s, u) }

// check holds the dice of the real client against the machine's: the whole range,
// evenly.
func (s *spread) check(t *testing.T) {
	slices.Sort(*s)
	n := len(*s)
	if n < 100 {
		t.Fatalf("only %d waits seen", n)
	}
	for _, q := range []float64{0, 0.25, 0.5, 0.75, 1} {
		if got := (*s)[int(q*float64(n-1))]; math.Abs(got-q) > 0.08 {
			t.Errorf("%.0f %% of %d waits lie below %.3f of the range", 100*q, n, got)
		}
	}
}
