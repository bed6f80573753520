package policy

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says how a value is typed, shown and moved.
type Kind uint8

const (
	KindDuration Kind = iota // 20s, 1.5s, 100ms; a slider moves it in Unit
	KindNumber               // a fraction is allowed
	KindInteger
	KindRatio  // 0..1, also written 20%
	KindSwitch // true or false
	KindChoice
	KindText
)

// Field is one value of a policy that can be set by name: by --set, in a policy
// file, or by a slider.
type Field struct {
	Name string // without the edge, as in a path: "timeout", "breaker.resetTimeout"
	Kind Kind
	Unit string // of the slider's numbers: s, ms, calls, ...; empty where there is none
	Help string
	// Min, Max and Step are a slider's, in Unit; a typed value may lie outside,
	// within what makes sense.
	Min, Max, Step float64
	Choices        []string // KindChoice only

	// Get is the value as text, in the form that Set takes.
	Get func(Policy) string
	// Set reads a typed value. On an error the policy is unchanged.
	Set func(*Policy, string) error
}

// Number is the value in Unit, for a slider: a switch is 0 or 1, a choice its
// index. A value that is no number is 0.
func (f Field) Number(p Policy) float64 {
	text := f.Get(p)
	switch f.Kind {
	case KindDuration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0
		}
		return float64(d) / float64(f.unit())
	case KindSwitch:
		if text == "true" {
			return 1
		}
		return 0
	case KindChoice:
		return float64(max(slices.Index(f.Choices, text), 0))
	default:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0
		}
		return n
	}
}

// SetNumber is Set for a slider's position.
func (f Field) SetNumber(p *Policy, n float64) error {
	switch f.Kind {
	case KindDuration:
		return f.Set(p, FormatDuration(time.Duration(math.Round(n*float64(f.unit())))))
	case KindSwitch:
		return f.Set(p, strconv.FormatBool(n >= 0.5))
	case KindChoice:
		i := min(max(int(math.Round(n)), 0), len(f.Choices)-1)
		return f.Set(p, f.Choices[i])
	case KindInteger:
		return f.Set(p, strconv.FormatInt(int64(math.Round(n)), 10))
	default:
		// A step of 0.05 must not show as 0.15000000000000002.
		return f.Set(p, strconv.FormatFloat(math.Round(n*1e6)/1e6, 'f', -1, 64))
	}
}

func (f Field) unit() time.Duration {
	if f.Unit == "ms" {
		return time.Millisecond
	}
	return time.Second
}

// Fields are the values that every policy has, in the order in which they are
// shown. What the library of an edge's breaker adds is in FieldsOf.
func Fields() []Field {
	return []Field{
		durationField("timeout", "s", 60, 0.5, "the caller's own timer on one attempt; 0 waits for ever",
			func(p *Policy) *time.Duration { return &p.Timeout }),
		durationField("deadline", "s", 60, 0.5, "gRPC deadline on one attempt: ends the call on both sides and the work below it; 0 is none",
			func(p *Policy) *time.Duration { return &p.Deadline }),
		cancelField(),
		durationField("keepalive", "s", 120, 5, "HTTP/2 ping after this long without a frame, 10 s at least as grpc-go has it; 0 never notices a dead connection",
			func(p *Policy) *time.Duration { return &p.Keepalive.Time }),
		durationField("keepalive_timeout", "s", 60, 1, "the connection is dead this long after an unanswered ping; 0 is 20 s",
			func(p *Policy) *time.Duration { return &p.Keepalive.Timeout }),
		switchField("keepalive_without_calls", "pings also while no call is in flight; the server must permit it",
			func(p *Policy) *bool { return &p.Keepalive.WithoutCalls }),
		durationField("tcp_keepalive", "s", 120, 5, "TCP probe after this long without a segment, and its interval; keeps a flow from being idle; 0 is none",
			func(p *Policy) *time.Duration { return &p.TCPKeepalive }),
		integerField("attempts", "calls", 1, 10, 1, "all tries, the first included",
			func(p *Policy) *int { return &p.Retry.Attempts }),
		durationField("backoff", "ms", 5000, 50, "wait before the second attempt",
			func(p *Policy) *time.Duration { return &p.Retry.Base }),
		durationField("backoff_max", "ms", 60000, 500, "longest wait between attempts; 0 is no bound",
			func(p *Policy) *time.Duration { return &p.Retry.Max }),
		multiplierField(),
		ratioField("jitter", "waits are drawn from this share around their length",
			func(p *Policy) *float64 { return &p.Retry.Jitter }),
		ratioField("retry_budget", "retries allowed as a share of calls; 0 is no budget",
			func(p *Policy) *float64 { return &p.Retry.Budget }),
		breakerField(),
		integerField("max_concurrent", "calls", 0, 500, 10, "calls in flight on the caller's side; 0 is no bound",
			func(p *Policy) *int { return &p.MaxConcurrent }),
		switchField("fallback", "answers in place of a failed or rejected call instead of an error",
			func(p *Policy) *bool { return &p.Fallback }),
	}
}

// FieldsOf is Fields and the parameters of the breaker's library, each as
// "breaker.<the library's own name>".
func FieldsOf(p Policy) []Field {
	fields := Fields()
	for _, param := range dialects()[p.Breaker.Library].Params {
		fields = append(fields, paramField(p.Breaker.Library, param))
	}
	return fields
}

func durationField(name, unit string, most, step float64, help string, at func(*Policy) *time.Duration) Field {
	return Field{
		Name: name, Kind: KindDuration, Unit: unit, Max: most, Step: step, Help: help,
		Get: func(p Policy) string { return FormatDuration(*at(&p)) },
		Set: func(p *Policy, v string) error {
			d, err := ParseDuration(v)
			if err != nil {
				return err
			}
			*at(p) = d
			return nil
		},
	}
}

func integerField(name, unit string, least, most, step float64, help string, at func(*Policy) *int) Field {
	return Field{
		Name: name, Kind: KindInteger, Unit: unit, Min: least, Max: most, Step: step, Help: help,
		Get: func(p Policy) string { return strconv.Itoa(max(*at(&p), int(least))) },
		Set: func(p *Policy, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 || n > 1_000_000 {
				return fmt.Errorf("%q is not a whole number from 0 to 1000000", v)
			}
			*at(p) = n
			return nil
		},
	}
}

func switchField(name, help string, at func(*Policy) *bool) Field {
	return Field{
		Name: name, Kind: KindSwitch, Max: 1, Step: 1, Help: help,
		Get: func(p Policy) string { return strconv.FormatBool(*at(&p)) },
		Set: func(p *Policy, v string) error {
			b, err := strconv.ParseBool(v)
			if err != nil {
				return fmt.Errorf("%q is neither true nor false", v)
			}
			*at(p) = b
			return nil
		},
	}
}

func ratioField(name, help string, at func(*Policy) *float64) Field {
	return Field{
		Name: name, Kind: KindRatio, Max: 1, Step: 0.05, Help: help,
		Get: func(p Policy) string { return strconv.FormatFloat(*at(&p), 'f', -1, 64) },
		Set: func(p *Policy, v string) error {
			text, percent := strings.CutSuffix(v, "%")
			r, err := strconv.ParseFloat(text, 64)
			if percent {
				r /= 100
			}
			if err != nil || math.IsNaN(r) || r < 0 || r > 1 {
				return fmt.Errorf("%q is not a share from 0 to 1: write 0.2 or 20%%", v)
			}
			*at(p) = r
			return nil
		},
	}
}

func multiplierField() Field {
	return Field{
		Name: "backoff_multiplier", Kind: KindNumber, Min: 1, Max: 5, Step: 0.1,
		Help: "growth from wait to wait",
		Get: func(p Policy) string {
			if p.Retry.Multiplier == 0 {
				return "2"
			}
			return strconv.FormatFloat(p.Retry.Multiplier, 'f', -1, 64)
		},
		Set: func(p *Policy, v string) error {
			m, err := strconv.ParseFloat(v, 64)
			if err != nil || math.IsNaN(m) || m < 1 || m > 1000 {
				return fmt.Errorf("%q is not a number from 1 to 1000", v)
			}
			p.Retry.Multiplier = m
			return nil
		},
	}
}

func cancelField() Field {
	return Field{
		Name: "cancel", Kind: KindChoice, Choices: []string{"detach", "propagate"}, Max: 1, Step: 1,
		Help: "what becomes of a call whose caller has given up: it runs on, or it and the work below it end",
		Get:  func(p Policy) string { return p.Cancel.String() },
		Set: func(p *Policy, v string) error {
			switch v {
			case "detach":
				p.Cancel = Detach
			case "propagate":
				p.Cancel = Propagate
			default:
				return fmt.Errorf("%q is neither detach nor propagate", v)
			}
			return nil
		},
	}
}

func breakerField() Field {
	choices := append([]string{"none"}, Dialects()...)
	return Field{
		Name: "breaker", Kind: KindChoice, Choices: choices, Max: float64(len(choices) - 1), Step: 1,
		Help: "the library whose circuit breaker guards this edge",
		Get: func(p Policy) string {
			if p.Breaker.Library == "" {
				return "none"
			}
			return p.Breaker.Library
		},
		Set: func(p *Policy, v string) error {
			if v == "none" {
				p.Breaker = BreakerSpec{}
				return nil
			}
			d, ok := dialects()[v]
			if !ok {
				return Unknown("breaker library", v, choices)
			}
			if p.Breaker.Library != v {
				p.Breaker = BreakerSpec{Library: v, Params: maps.Clone(d.Factory)}
			}
			return nil
		},
	}
}

// paramField is one parameter of a library. Setting it copies the map, which
// other policies may share.
func paramField(library string, param Param) Field {
	f := Field{
		Name: "breaker." + param.Name, Kind: param.Kind, Unit: param.Unit, Help: param.Help,
		Min: param.Min, Max: param.Max, Step: param.Step, Choices: param.Choices,
		Get: func(p Policy) string {
			if v, ok := p.Breaker.Params[param.Name]; ok {
				return v
			}
			return param.Text
		},
	}
	f.Set = func(p *Policy, v string) error { return setParam(p, library, param.Name, v) }
	return f
}

func setParam(p *Policy, library, name, v string) error {
	if library == "" {
		return fmt.Errorf("this edge has no breaker yet: set its breaker first (%s)", strings.Join(Dialects(), ", "))
	}
	d, ok := dialects()[library]
	if !ok {
		return Unknown("breaker library", library, Dialects())
	}
	own, err := d.Check(name, v)
	if err != nil {
		return err
	}
	params := maps.Clone(p.Breaker.Params)
	if params == nil {
		params = map[string]string{}
	}
	params[name] = own
	p.Breaker.Params = params
	return nil
}

// ParseDuration reads 20s and 100ms; 0, none and off are no limit.
func ParseDuration(v string) (time.Duration, error) {
	switch v {
	case "0", "none", "off":
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		_, numErr := strconv.ParseFloat(v, 64)
		if _, unitErr := time.ParseDuration(v + "s"); numErr == nil && unitErr == nil { // NaN and 1e9 are numbers, and NaNs is no duration
			return 0, fmt.Errorf("%q is not a duration: write %[1]ss or %[1]sms", v)
		}
		if TooLong(v) {
			return 0, fmt.Errorf("%q is too long: expected %s at most", v, FormatDuration(Longest))
		}
		return 0, fmt.Errorf("%q is not a duration: write it like 20s or 100ms", v)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative: 0 is no limit", v)
	}
	return d, nil
}

// Longest is the longest duration in whole hours, some 292 years.
const Longest = math.MaxInt64 / time.Hour * time.Hour

// TooLong says whether a text that is not understood as a duration is written like one:
// with short numbers in it it is one.
func TooLong(v string) bool {
	var short []byte
	for i := range len(v) {
		if digit := v[i] >= '0' && v[i] <= '9'; !digit || i == 0 || v[i-1] < '0' || v[i-1] > '9' {
			short = append(short, v[i])
		}
	}
	_, err := time.ParseDuration(string(short))
	return err == nil
}

// FormatDuration is d without zero parts: 1m, not 1m0s.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// String is the word that Set takes.
func (c Cancel) String() string {
	if c == Propagate {
		return "propagate"
	}
	return "detach"
}
