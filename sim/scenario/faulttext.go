package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
	"tripcurve/services/inventory"
	"tripcurve/sim"
)

// faultWords are what each kind of fault can be told, by its name in text.
var faultWords = []struct {
	kind  string
	words []string
	read  func(*words) sim.Fault
}{
	{"lock", []string{"at", "for", "table", "mode"}, func(w *words) sim.Fault {
		return sim.LockTable{
			At: w.at(), Hold: w.duration("for"), Table: w.table(), Mode: w.mode("mode"),
			PID: 48291, User: "migrator", Statement: "LOCK TABLE " + w.table(),
		}
	}},
	{"restart", []string{"at", "service", "replica", "down", "warm_up", "warm_up_factor", "warm_up_shape"}, func(w *words) sim.Fault {
		return sim.RestartService{
			At: w.at(), Service: w.text("service", ""), Replica: w.whole("replica"), Down: w.duration("down"),
			WarmUp: sim.WarmUp{For: w.duration("warm_up"), Factor: w.number("warm_up_factor"), Exponential: w.choice("warm_up_shape", "linear", "exponential") == 1},
		}
	}},
	{"crash_loop", []string{"at", "for", "service", "replica", "up"}, func(w *words) sim.Fault {
		return sim.CrashLoop{At: w.at(), For: w.duration("for"), Service: w.text("service", ""), Replica: w.whole("replica"), Up: w.duration("up")}
	}},
	{"slow", []string{"at", "for", "service", "replica", "factor"}, func(w *words) sim.Fault {
		return sim.SlowService{At: w.at(), For: w.duration("for"), Service: w.text("service", ""), Replica: w.whole("replica"), Factor: w.number("factor")}
	}},
	{"fail", []string{"at", "for", "service", "share"}, func(w *words) sim.Fault {
		return sim.FailCalls{At: w.at(), For: w.duration("for"), Service: w.text("service", ""), Share: w.share("share")}
	}},
	{"slow_reserve", []string{"at", "for", "by"}, func(w *words) sim.Fault {
		return sim.SlowReserve{At: w.at(), For: w.duration("for"), By: w.duration("by")}
	}},
	{"black_hole", []string{"at", "for", "edge", "way"}, func(w *words) sim.Fault {
		return sim.BlackHole{
			At: w.at(), For: w.duration("for"), Edge: w.text("edge", ""),
			Way: sim.Way(w.choice("way", "both", "to_server", "to_client")), //nolint:gosec // 0, 1 or 2
		}
	}},
	{"bad_network", []string{"at", "for", "edge", "loss", "jitter"}, func(w *words) sim.Fault {
		return sim.BadNetwork{At: w.at(), For: w.duration("for"), Edge: w.text("edge", ""), Loss: w.share("loss"), Jitter: w.dist("jitter")}
	}},
	{"traffic", []string{"at", "for", "factor", "route"}, func(w *words) sim.Fault {
		routes := []gateway.Route{gateway.NoRoute, gateway.PostOrder, gateway.GetStock, gateway.GetOrder}
		return sim.TrafficSurge{
			At: w.at(), For: w.duration("for"), Factor: w.number("factor"),
			Route: routes[w.choice("route", "all", "checkouts", "stock", "orders")],
		}
	}},
	{"reset", []string{"at", "edge"}, func(w *words) sim.Fault {
		return sim.ResetConnections{At: w.at(), Edge: w.text("edge", "")}
	}},
}

// ParseFault reads a fault: its kind, then what it is told as key=value, such as
// "black_hole at=5m for=60s edge=order.inventory".
func ParseFault(text string) (sim.Fault, error) {
	fields := strings.Fields(text)
	var kinds []string
	for _, f := range faultWords {
		kinds = append(kinds, f.kind)
		if len(fields) == 0 || fields[0] != f.kind {
			continue
		}
		w := &words{values: map[string]string{}}
		for _, field := range fields[1:] {
			key, value, ok := strings.Cut(field, "=")
			if !ok {
				return nil, fmt.Errorf("%q: expected KEY=VALUE, such as at=5m", field)
			}
			if !slices.Contains(f.words, key) {
				return nil, policy.Unknown("value of "+f.kind, key, f.words)
			}
			w.values[key] = value
		}
		fault := f.read(w)
		return fault, w.err
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("an empty fault: expected its kind (%s) and what it is told", strings.Join(kinds, ", "))
	}
	return nil, policy.Unknown("kind of fault", fields[0], kinds)
}

// words are a fault's values; err is the first that cannot be read.
type words struct {
	values map[string]string
	err    error
}

func (w *words) wrong(key string, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("%s: %w", key, err)
	}
}

func (w *words) text(key, otherwise string) string {
	if v, ok := w.values[key]; ok {
		return v
	}
	return otherwise
}

func (w *words) duration(key string) time.Duration {
	v, ok := w.values[key]
	if !ok {
		return 0
	}
	d, err := policy.ParseDuration(v)
	if err != nil {
		w.wrong(key, err)
	}
	return d
}

// at is from the run's beginning.
func (w *words) at() time.Duration {
	if v := w.values["at"]; strings.HasPrefix(v, "-") {
		w.wrong("at", fmt.Errorf("found %s, expected a time from the run's beginning, such as 5m", v))
		return 0
	}
	return w.duration("at")
}

// table is one of inventory's database, where the lock is taken: on any other it would
// stop nobody.
func (w *words) table() string {
	var known []string
	for _, s := range inventory.Statements() {
		if !slices.Contains(known, s.Table) {
			known = append(known, s.Table)
		}
	}
	v := w.text("table", known[0])
	if !slices.Contains(known, v) {
		w.wrong("table", policy.Unknown("table of inventory", v, known))
	}
	return v
}

func (w *words) whole(key string) int {
	v, ok := w.values[key]
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		w.wrong(key, fmt.Errorf("%q is not a whole number", v))
	}
	return n
}

func (w *words) number(key string) float64 {
	v, ok := w.values[key]
	if !ok {
		return 0
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil {
		w.wrong(key, fmt.Errorf("%q is not a number", v))
	}
	return n
}

func (w *words) share(key string) float64 {
	v, ok := w.values[key]
	if !ok {
		return 0
	}
	number, percent := strings.CutSuffix(v, "%")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		w.wrong(key, fmt.Errorf("%q is not a share from 0 to 1: write 0.2 or 20%%", v))
	}
	if percent {
		n /= 100
	}
	return n
}

func (w *words) choice(key string, choices ...string) int {
	v, ok := w.values[key]
	if !ok {
		return 0
	}
	if i := slices.Index(choices, v); i >= 0 {
		return i
	}
	w.wrong(key, policy.Unknown("word", v, choices))
	return 0
}

func (w *words) mode(key string) pglock.Mode {
	v, ok := w.values[key]
	if !ok {
		return pglock.Share
	}
	m, ok := pglock.Parse(strings.ToUpper(strings.ReplaceAll(v, "_", " ")))
	if !ok {
		w.wrong(key, fmt.Errorf("%q is not a lock mode: expected one like share or access_exclusive", v))
	}
	return m
}

func (w *words) dist(key string) sim.Dist {
	v, ok := w.values[key]
	if !ok {
		return sim.Dist{}
	}
	d, err := sim.ParseDist(v)
	if err != nil {
		w.wrong(key, err)
	}
	return d
}
