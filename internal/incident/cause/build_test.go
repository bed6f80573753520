package cause

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/sketch"
	"tripcurve/internal/pglock"
)

// builder makes evidence out of lines such as
//
//	requests POST /api/orders from=14:23:01 to=14:46:18 rate=0.9 status=502 took=30s until=14:46:18
//	holds pid=48291 mode=SHARE on=stock_reservations from=14:23:01 to=14:27:01 query="CREATE INDEX ..."
//	waits pid=51000 n=100 every=450ms on=stock_reservations wants="ROW EXCLUSIVE" by=48291 from=14:23:02 to=14:27:01
//	calls order -> inventory.Inventory/Reserve from=14:18 to=14:23:01 rate=1
//	hangs order -> inventory.Inventory/Reserve from=14:23:01 to=14:46:18 rate=2 most=100 restart
type builder struct {
	ev    *incident.Evidence
	flows map[string]*counts
}

type counts struct{ started, finished float64 }

var day = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)

func newBuilder() *builder {
	return &builder{ev: incident.NewEvidence(), flows: map[string]*counts{}}
}

// args are the words of a line: key=value, or bare.
type args struct {
	bare []string
	kv   map[string]string
}

func parseArgs(line string) (args, error) {
	a := args{kv: map[string]string{}}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		end := strings.IndexByte(line, ' ')
		if end < 0 {
			end = len(line)
		}
		eq := strings.IndexByte(line[:end], '=')
		switch {
		case eq < 0:
			a.bare = append(a.bare, line[:end])
		case eq+1 < len(line) && line[eq+1] == '"':
			quoted, err := strconv.QuotedPrefix(line[eq+1:])
			if err != nil {
				return a, fmt.Errorf("%s: %w", line, err)
			}
			a.kv[line[:eq]] = quoted[1 : len(quoted)-1]
			end = eq + 1 + len(quoted)
		default:
			a.kv[line[:eq]] = line[eq+1 : end]
		}
		line = line[end:]
	}
	return a, nil
}

func (a args) at(key string) time.Time {
	s := a.kv[key]
	if s == "" {
		return time.Time{}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return day.Add(t.Sub(t.Truncate(24 * time.Hour)))
		}
	}
	panic(fmt.Sprintf("%s=%q is no time of day", key, s))
}

func (a args) dur(key string) time.Duration {
	d, err := time.ParseDuration(a.kv[key])
	if err != nil && a.kv[key] != "" {
		panic(err)
	}
	return d
}

func (a args) num(key string, otherwise float64) float64 {
	if a.kv[key] == "" {
		return otherwise
	}
	n, err := strconv.ParseFloat(a.kv[key], 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (a args) has(word string) bool {
	for _, b := range a.bare {
		if b == word {
			return true
		}
	}
	return false
}

func (b *builder) line(line string) error {
	a, err := parseArgs(line)
	if err != nil {
		return err
	}
	switch verb := a.bare[0]; verb {
	case "requests":
		b.requests(a)
	case "holds":
		b.holds(a)
	case "waits":
		b.waits(a)
	case "calls", "hangs":
		b.calls(a)
	case "restart":
		b.ev.Add(incident.Change{At: a.at("at"), Kind: incident.Restart, System: a.bare[1], Origin: incident.Origin{Group: "people", Name: "deploys"}})
	case "full":
		b.ev.Add(incident.Episode{Kind: incident.PoolFull, From: a.at("from"), To: a.at("to"), Text: a.kv["name"], Value: a.num("size", 0), Origin: pgOrigin})
	case "gauge":
		s := incident.Series{Name: a.bare[1], Unit: a.kv["unit"], Kind: incident.Gauge, Origin: incident.Origin{Group: "datadog", Name: "datadog"}}
		for t := a.at("from"); t.Before(a.at("to")); t = t.Add(10 * time.Second) {
			s.Points = append(s.Points, incident.Point{At: t, V: a.num("value", 0)})
		}
		b.ev.Add(s)
	case "counter":
		b.counter(a)
	case "level":
		b.level(a)
	case "change":
		kind, ok := incident.ParseChangeKind(a.bare[1])
		if !ok {
			return fmt.Errorf("unknown change %q", a.bare[1])
		}
		b.ev.Add(incident.Change{At: a.at("at"), Kind: kind, System: a.bare[2], Text: a.kv["text"], Origin: incident.Origin{Group: "platform", Name: "deploys"}})
	case "gap":
		b.ev.Add(incident.Episode{
			Kind: incident.Gap, From: a.at("from"), To: a.at("to"), Open: a.has("open"), Text: "connection refused",
			Origin: incident.Origin{Group: a.bare[1], Name: either(a.kv["name"], a.bare[1])},
		})
	case "sampled":
		b.looks(a)
	case "logged":
		b.logged(a)
	case "source":
		states := map[string]incident.SourceState{"down": incident.SourceDown, "stale": incident.SourceStale, "absent": incident.SourceAbsent, "done": incident.SourceDone}
		b.ev.SetSource(incident.SourceStatus{Name: a.bare[1], Group: a.bare[2], State: states[a.kv["state"]], LastAt: a.at("last"), Detail: a.kv["detail"]})
	default:
		return fmt.Errorf("unknown evidence %q", verb)
	}
	return nil
}

// logged is an event of a server's log: logged deadlock n=3 at=14:20 note="..."
func (b *builder) logged(a args) {
	origin := incident.Origin{Group: "postgres", Name: "postgresql.csv", File: "3c", From: 100, To: 200}
	b.ev.Add(
		incident.Exemplar{
			Kind: incident.FirstFailing, Start: a.at("at"), End: a.at("at"), Note: a.kv["note"], Origin: origin,
			Endpoint: incident.Endpoint{Method: incident.ServerLogMethod, Route: a.bare[1]},
		},
		incident.Series{
			Name: incident.ServerLogEvents, Labels: map[string]string{"event": a.bare[1]}, Kind: incident.Counter, Unit: "1",
			Points: []incident.Point{{At: a.at("at"), V: a.num("n", 1)}}, Origin: origin,
		},
	)
}

// counter is scraped every 5 s and counts the instants named: counter
// circuit.order.inventory.open from=14:00 to=14:30 at=14:20,14:22, or rate= from since= to till=.
func (b *builder) counter(a args) {
	s := incident.Series{Name: a.bare[1], Unit: "1", Kind: incident.Counter, Origin: incident.Origin{Group: "grpc", Name: either(a.kv["by"], "order")}}
	v := 0.0
	for t := a.at("from"); !t.After(a.at("to")); t = t.Add(5 * time.Second) {
		for _, at := range strings.Split(a.kv["at"], ",") {
			if when := (args{kv: map[string]string{"at": at}}).at("at"); !when.IsZero() && !when.After(t) && when.After(t.Add(-5*time.Second)) {
				v++
			}
		}
		if since := a.at("since"); !since.IsZero() && t.After(since) && !t.After(a.at("till")) {
			v += 5 * a.num("rate", 1)
		}
		s.Points = append(s.Points, incident.Point{At: t, V: v})
	}
	b.ev.Add(s)
}

// level is a gauge every 5 s: value, and other between since and till.
func (b *builder) level(a args) {
	origin := incident.Origin{Group: either(a.kv["group"], "datadog"), Name: either(a.kv["source"], "datadog")}
	s := incident.Series{Name: a.bare[1], Kind: incident.Gauge, Origin: origin}
	if name := a.kv["label"]; name != "" {
		key, value, _ := strings.Cut(name, ":")
		s.Labels = map[string]string{key: value}
	}
	for t := a.at("from"); !t.After(a.at("to")); t = t.Add(5 * time.Second) {
		v := a.num("value", 0)
		if since := a.at("since"); !since.IsZero() && !t.Before(since) && t.Before(a.at("till")) {
			v = a.num("other", 0)
		}
		s.Points = append(s.Points, incident.Point{At: t, V: v})
	}
	b.ev.Add(s)
}

var pgOrigin = incident.Origin{Group: "postgres", Name: "pg"}

// requests come at a steady rate; one that takes until after until= ends then.
func (b *builder) requests(a args) {
	endpoint := incident.Endpoint{Method: a.bare[1], Route: a.bare[2]}
	status := int(a.num("status", 200))
	outcome := incident.OK
	if name := a.kv["outcome"]; name != "" {
		outcome, _ = incident.ParseOutcome(name)
	} else if status >= 500 {
		outcome = incident.UpstreamTimeout
	}
	took := max(a.dur("took"), 20*time.Millisecond)
	origin := incident.Origin{Group: "gateway", Name: "access.log", File: "1f2e"}
	step := time.Duration(float64(time.Second) / a.num("rate", 1))
	var bytes int64
	first := true
	var last incident.Exemplar
	for t := a.at("from"); t.Before(a.at("to")); t = t.Add(step) {
		end := t.Add(took)
		if until := a.at("until"); !until.IsZero() && end.After(until) {
			end = until
		}
		bucket := func(at time.Time, started, ended int64) {
			b.ev.Add(incident.Bucket{
				At: at.Truncate(time.Second), Width: time.Second, Endpoint: endpoint, Status: status, Outcome: outcome,
				Started: started, Ended: ended, Origin: incident.Origin{Group: origin.Group, Name: origin.Name},
			})
		}
		start := t
		if a.has("nodurations") { // as a log of ends gives them
			start = time.Time{}
		} else {
			bucket(t, 1, 0)
		}
		bucket(end, 0, 1)
		s := sketch.New()
		s.Add(end.Sub(t))
		b.ev.Add(incident.Latency{At: end.Truncate(10 * time.Second), Width: 10 * time.Second, Endpoint: endpoint, Outcome: outcome, Sketch: s, Origin: incident.Origin{Group: origin.Group, Name: origin.Name}})
		origin.From, origin.To = bytes, bytes+200
		bytes += 200
		if status >= 500 {
			e := incident.Exemplar{Kind: incident.FirstFailing, Start: start, End: end, Endpoint: endpoint, Status: status, Outcome: outcome, Took: end.Sub(t), Origin: origin}
			if first {
				b.ev.Add(e)
				first = false
			}
			e.Kind = incident.LastFailing
			last = e
		}
	}
	if !first {
		b.ev.Add(last)
	}
}

func (a args) session() incident.Session {
	return incident.Session{
		PID: int(a.num("pid", 0)), User: a.kv["user"], Application: a.kv["app"], State: either(a.kv["state"], "active"),
		BackendStart: day, XactStart: a.at("xact"), QueryStart: a.at("from"), Query: a.kv["query"],
	}
}

func (b *builder) holds(a args) {
	mode, _ := pglock.Parse(a.kv["mode"])
	e := incident.Episode{
		Kind: incident.SessionState, From: a.at("from"), To: a.at("to"), Open: a.has("open"), Session: a.session(),
		Held: mode, LockType: either(a.kv["type"], "relation"), Relation: a.kv["on"], Origin: pgOrigin,
	}
	if e.Session.XactStart.IsZero() {
		e.Session.XactStart = e.From
	}
	b.ev.Add(e)
}

// waits begin one after the other; blockers with a ~ are soft.
func (b *builder) waits(a args) {
	wants, _ := pglock.Parse(a.kv["wants"])
	held, _ := pglock.Parse(a.kv["held"])
	var blockers []incident.Blocker
	for _, by := range strings.Split(a.kv["by"], ",") {
		pid, _ := strconv.Atoi(strings.TrimPrefix(by, "~"))
		x := incident.Blocker{PID: pid, Hard: !strings.HasPrefix(by, "~")}
		if x.Hard {
			x.Mode = held
		}
		blockers = append(blockers, x)
	}
	from := a.at("from")
	for i := range int(a.num("n", 1)) {
		s := a.session()
		s.PID += i
		s.QueryStart = from
		lockType := either(a.kv["type"], "relation")
		to := a.at("to")
		if d := a.dur("gives_up"); d > 0 && from.Add(d).Before(to) {
			to = from.Add(d)
		}
		b.ev.Add(incident.Episode{
			Kind: incident.LockWait, From: from, To: to, Open: a.has("open"), Session: s, Wanted: wants,
			LockType: lockType, Relation: a.kv["on"], Blockers: blockers, Origin: pgOrigin,
		})
		from = from.Add(a.dur("every"))
	}
	b.looks(a)
}

// looks are a collector's at the locks: an instant, and the gauge that says so.
func (b *builder) looks(a args) {
	gauge := incident.Series{Name: incident.LockWaitersSeries, Unit: "1", Kind: incident.Gauge, Origin: pgOrigin}
	for t := a.at("from"); t.Before(a.at("to")); t = t.Add(time.Second) {
		b.ev.Sampled(t)
		gauge.Points = append(gauge.Points, incident.Point{At: t, V: a.num("n", 0)})
	}
	b.ev.Add(gauge)
}

// calls are scraped every 5 s; those of hangs never finish.
func (b *builder) calls(a args) {
	caller, method := a.bare[1], a.bare[3]
	key := caller + method
	if b.flows[key] == nil {
		b.flows[key] = &counts{}
	}
	c := b.flows[key]
	service, name, _ := strings.Cut(method, "/")
	labels := map[string]string{"grpc_service": service, "grpc_method": name}
	done := map[string]string{"grpc_service": service, "grpc_method": name, "grpc_code": either(a.kv["code"], "OK")}
	origin := incident.Origin{Group: "grpc", Name: caller}
	started := incident.Series{Name: "grpc_client_started_total", Labels: labels, Kind: incident.Counter, Unit: "1", Origin: origin}
	finished := incident.Series{Name: "grpc_client_handled_total", Labels: done, Kind: incident.Counter, Unit: "1", Origin: origin}
	hung := 0.0
	if a.has("restart") {
		*c = counts{}
	}
	for t := a.at("from").Add(5 * time.Second).Truncate(5 * time.Second); !t.After(a.at("to")); t = t.Add(5 * time.Second) {
		n := a.num("rate", 1) * 5
		if a.bare[0] == "hangs" {
			n = min(n, a.num("most", 1e9)-hung)
			hung += n
		} else {
			c.finished += n
		}
		c.started += n
		started.Points = append(started.Points, incident.Point{At: t, V: c.started})
		if c.finished > 0 {
			finished.Points = append(finished.Points, incident.Point{At: t, V: c.finished})
		}
	}
	b.ev.Add(started)
	if len(finished.Points) > 0 {
		b.ev.Add(finished)
	}
}
