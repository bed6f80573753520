package file

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim/pipeline"
)

type clients []client

type client struct {
	pipeline.Client
	rate *rate
}

func (c *clients) ReadNode(n *source.Node) error {
	return eachMember(n, "a mapping from clients to what they do", func(m source.Member) error {
		var v struct {
			Request  string   `json:"request"`
			Requests []string `json:"requests"`
			Rate     *rate    `json:"rate"`
			Arrivals arrivals `json:"arrivals"`
			Users    int      `json:"users" min:"1"`
			Think    dist     `json:"think"`
			Patience duration `json:"patience"`
			HangUp   bool     `json:"hang_up"`
			Attempts int      `json:"attempts" min:"1"`
			Backoff  duration `json:"backoff"`
			Size     sizes    `json:"size"`
		}
		if err := (source.Decoder{}).Decode(m.Value, &v); err != nil {
			return err
		}
		if v.Rate != nil && v.Users > 0 {
			return m.Value.Errorf("one of the two", "both a rate and users")
		}
		if err := idle(m.Value, v.Users > 0); err != nil {
			return err
		}
		if v.Request != "" {
			v.Requests = []string{v.Request}
		}
		*c = append(*c, client{rate: v.Rate, Client: pipeline.Client{
			Name: m.Key, Requests: v.Requests, Regular: bool(v.Arrivals), Users: v.Users, Think: v.Think.Dist,
			Patience: time.Duration(v.Patience), HangUp: v.HangUp, Attempts: v.Attempts, Backoff: time.Duration(v.Backoff),
			SizeMin: v.Size.min, SizeMax: v.Size.max,
		}})
		return nil
	})
}

// idle refuses what has no effect beside what else is said of a client.
func idle(n *source.Node, users bool) error {
	if at, ok := n.Get("requests"); ok {
		if _, both := n.Get("request"); both {
			return at.Errorf("one of the two", "both request and requests")
		}
	}
	if at, ok := n.Get("think"); ok && !users {
		return at.Errorf("users beside it", "think beside a rate, whose clients do not wait for an answer")
	}
	if at, ok := n.Get("arrivals"); ok && users {
		return at.Errorf("a rate beside it", "arrivals beside users, who come as they are answered")
	}
	return idleBackoff(n)
}

// idleBackoff refuses the pause before a second attempt where nothing says that there is
// one. With attempts: 1 it may stay, as of what is turned off for now.
func idleBackoff(n *source.Node) error {
	if at, ok := n.Get("backoff"); ok {
		if _, tried := n.Get("attempts"); !tried {
			return at.Errorf("attempts beside it", "a backoff where there is one attempt")
		}
	}
	return nil
}

// over is the clients of a run that begins at start and is so long.
func (c clients) over(start time.Time, length time.Duration) (all []pipeline.Client) {
	for _, cl := range c {
		if cl.rate != nil {
			cl.Rate = cl.rate.over(start, length)
		}
		all = append(all, cl.Client)
	}
	return all
}

// arrivals is whether they come at even distances.
type arrivals bool

func (a *arrivals) ReadNode(n *source.Node) error {
	i, err := choice(n, "poisson", "regular")
	*a = i == 1
	return err
}

// sizes is how large requests are: a number, or a range such as 1..3.
type sizes struct{ min, max int }

func (s *sizes) ReadNode(n *source.Node) error {
	lo, hi, ranged := strings.Cut(n.Text, "..")
	if !ranged {
		hi = lo
	}
	var errLo, errHi error
	s.min, errLo = strconv.Atoi(lo)
	s.max, errHi = strconv.Atoi(hi)
	if errLo != nil || errHi != nil || s.min < 1 || s.max < s.min {
		return n.Wrong("a whole number from 1, or a range such as 1..3")
	}
	return nil
}

type faults []pipeline.Fault

func (f *faults) ReadNode(n *source.Node) error {
	if n.Kind != source.List {
		return n.Wrong("a list of faults")
	}
	for _, item := range n.Items {
		if item.Kind != source.Map || len(item.Members) != 1 {
			return item.Wrong("one fault for every item: one of " + strings.Join(pipeline.FaultNames(), ", "))
		}
		m := item.Members[0]
		i := slices.Index(pipeline.FaultNames(), m.Key)
		if i < 0 {
			return m.Wrong(policy.Unknown("fault", m.Key, pipeline.FaultNames()).Error())
		}
		fault, err := readFault(pipeline.FaultKind(i), m.Value)
		if err != nil {
			return err
		}
		*f = append(*f, fault)
	}
	return nil
}

// faultKeys are what each kind of fault is told; those with a ! it needs.
var faultKeys = map[pipeline.FaultKind][]string{
	pipeline.LockTable: {"at!", "for!", "database!", "table!", "mode!"},
	pipeline.Slow:      {"at!", "for", "endpoint!", "replica", "factor!"},
	pipeline.FailCalls: {"at!", "for", "edge!", "share!"},
	pipeline.BlackHole: {"at!", "for", "edge!"},
	pipeline.Drop:      {"at!", "edge!"},
	pipeline.Restart:   {"at!", "for", "service!", "replica"},
	pipeline.Traffic:   {"at!", "for", "client!", "factor!"},
}

func readFault(kind pipeline.FaultKind, n *source.Node) (pipeline.Fault, error) {
	var known []string
	for _, k := range faultKeys[kind] {
		known = append(known, strings.TrimSuffix(k, "!"))
	}
	f := pipeline.Fault{What: kind}
	if n.Kind != source.Map {
		return f, n.Wrong("a mapping with " + strings.Join(known, ", "))
	}
	for _, m := range n.Members {
		if !slices.Contains(known, m.Key) {
			return f, m.Wrong(policy.Unknown("key", m.Key, known).Error())
		}
	}
	for _, k := range faultKeys[kind] {
		if name, needed := strings.CutSuffix(k, "!"); needed {
			if _, given := n.Get(name); !given {
				return f, n.Errorf(name, "a %s fault without %s", kind, name)
			}
		}
	}
	var v struct {
		At       duration `json:"at"`
		For      duration `json:"for"`
		Database string   `json:"database"`
		Table    string   `json:"table"`
		Mode     mode     `json:"mode"`
		Endpoint string   `json:"endpoint"`
		Edge     string   `json:"edge"`
		Service  string   `json:"service"`
		Client   text     `json:"client"`
		Replica  int      `json:"replica" min:"1"`
		Factor   factor   `json:"factor"`
		Share    share    `json:"share"`
	}
	if err := (source.Decoder{}).Decode(n, &v); err != nil {
		return f, err
	}
	f.At, f.For, f.Database, f.Table, f.Mode = time.Duration(v.At), time.Duration(v.For), v.Database, v.Table, pglock.Mode(v.Mode)
	f.Endpoint, f.Edge, f.Service, f.Client = v.Endpoint, v.Edge, v.Service, string(v.Client)
	f.Replica, f.Factor, f.Share = v.Replica, float64(v.Factor), float64(v.Share)
	return f, nil
}

// factor is how many times as much.
type factor float64

func (f *factor) ReadNode(n *source.Node) error {
	v, err := number(n, 0, 1e6)
	if err == nil && v == 0 {
		return n.Wrong(fmt.Sprintf("a number above 0, up to %d", 1_000_000))
	}
	*f = factor(v)
	return err
}
