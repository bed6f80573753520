package file

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
)

// Notes are comments by the place that they stand above: "" is the head of the file,
// else the names that lead there, joined by dots ("services.gateway",
// "edges.gateway.order.policy", "clients.POST /api/orders.rate", "faults.0").
type Notes map[string][]string

// commentWidth is where comments are wrapped.
const commentWidth = 110

// Write is a description as text that Read makes the same description of, with
// comments. A rate is written as its steps where it has some, else as straight lines.
func Write(p *pipeline.Pipeline, notes Notes) string {
	w := &writer{notes: notes}
	w.comment("", 0)
	w.line(0, "name: %s", quoted(p.Name))
	w.line(0, "seed: %d", p.Seed)
	w.noted("start", 0, "start: %s", p.Start.UTC().Format(time.RFC3339Nano))
	w.line(0, "length: %s", durationText(p.Length))
	if !constant(p.Network, 0) {
		w.noted("network", 0, "network: %s", distOf(p.Network))
	}
	w.line(0, "")
	w.noted("services", 0, "services:")
	for i := range p.Services {
		w.service(&p.Services[i])
	}
	w.edges(p)
	w.clients(p)
	w.faults(p)
	return w.b.String()
}

type writer struct {
	b     strings.Builder
	notes Notes
}

func (w *writer) line(indent int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text != "" {
		w.b.WriteString(strings.Repeat("  ", indent))
	}
	w.b.WriteString(text + "\n")
}

// noted is a line with the comments of its place above it.
func (w *writer) noted(path string, indent int, format string, args ...any) {
	w.comment(path, indent)
	w.line(indent, format, args...)
}

// comment writes the comments of a place. Their text may be anybody's: no line of it
// can end the comment.
func (w *writer) comment(path string, indent int) {
	for _, text := range w.notes[path] {
		line := ""
		for word := range strings.FieldsSeq(printable(text)) {
			if line != "" && 2*indent+len("# ")+len(line)+1+len(word) > commentWidth {
				w.line(indent, "# %s", line)
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		w.line(indent, "# %s", line)
	}
}

// printable replaces what could end a line or do something to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func (w *writer) service(s *pipeline.Service) {
	at := "services." + s.Name
	w.noted(at, 1, "%s:", quoted(s.Name))
	if s.Replicas > 1 {
		w.line(2, "replicas: %d", s.Replicas)
	}
	if s.Balance != 0 {
		w.line(2, "balance: %s", sim.BalanceNames()[s.Balance])
	}
	if s.Workers > 0 {
		w.line(2, "workers: %d", s.Workers)
		if s.Backlog != pipeline.Unbounded {
			w.line(2, "backlog: %d", s.Backlog)
		}
	}
	if len(s.Pools) > 0 {
		w.line(2, "pools:")
	}
	for _, p := range s.Pools {
		w.noted(at+".pools."+p.Name, 3, "%s:", quoted(p.Name))
		w.line(4, "size: %s", places(p.Size))
		if p.Database != "" {
			w.line(4, "database: %s", quoted(p.Database))
		}
		if p.Size != pipeline.Unbounded {
			w.duration(4, "max_wait", p.MaxWait)
		}
		w.duration(4, "statement_timeout", p.StatementTimeout)
		w.duration(4, "lock_timeout", p.LockTimeout)
	}
	if len(s.Queues) > 0 {
		w.line(2, "queues:")
	}
	for _, q := range s.Queues {
		w.noted(at+".queues."+q.Name, 3, "%s:", quoted(q.Name))
		w.line(4, "to: %s", quoted(q.To))
		w.line(4, "workers: %d", q.Workers)
		if !constant(q.Delay, 0) {
			w.line(4, "delay: %s", distOf(q.Delay))
		}
		w.line(4, "attempts: %d", max(q.Attempts, 1))
		w.duration(4, "backoff", q.Backoff)
	}
	if len(s.Endpoints) > 0 {
		w.line(2, "endpoints:")
	}
	for _, e := range s.Endpoints {
		at := at + ".endpoints." + e.Name
		w.noted(at, 3, "%s:", quoted(e.Name))
		w.steps(4, at, e.Steps)
	}
}

func (w *writer) duration(indent int, key string, d time.Duration) {
	if d > 0 {
		w.line(indent, "%s: %s", key, durationText(d))
	}
}

func (w *writer) steps(indent int, at string, steps []pipeline.Step) {
	for i := range steps {
		st := &steps[i]
		w.comment(fmt.Sprintf("%s.%d", at, i), indent)
		var more []string
		if st.Share != 1 {
			more = append(more, "share: "+number64(st.Share))
		}
		if st.When != pipeline.Always {
			more = append(more, "when: "+[...]string{"always", "ok", "failed"}[st.When])
		}
		switch {
		case st.BySize:
			more = append(more, "repeat: size")
		case st.Repeat > 0:
			more = append(more, fmt.Sprintf("repeat: %d", st.Repeat))
		}
		w.line(indent, "- %s", stepOf(st))
		if st.Kind == pipeline.Lock {
			for _, l := range lockLines(st) {
				w.line(indent+2, "%s", l)
			}
			if len(st.Steps) > 0 {
				w.line(indent+2, "steps:")
				w.steps(indent+3, fmt.Sprintf("%s.%d.steps", at, i), st.Steps)
			}
		}
		for _, m := range more {
			w.line(indent+1, "%s", m)
		}
	}
}

func stepOf(st *pipeline.Step) string {
	switch st.Kind {
	case pipeline.Work:
		return "work: " + distOf(st.Time)
	case pipeline.Enqueue:
		return "enqueue: " + quoted(st.Queue)
	case pipeline.Query:
		return "query: {" + strings.Join(append(lockLines(st), "time: "+distOf(st.Time)), ", ") + "}"
	case pipeline.Call:
		parts := []string{"to: " + quoted(st.To)}
		if st.Edge != "" {
			parts = append(parts, "edge: "+quoted(st.Edge))
		}
		if st.FanOut > 0 {
			parts = append(parts, fmt.Sprintf("fan_out: %d", st.FanOut))
		}
		if st.Need > 0 {
			parts = append(parts, fmt.Sprintf("need: %d", st.Need))
		}
		if st.OnError == pipeline.Continue {
			parts = append(parts, "on_error: continue")
		}
		if len(parts) == 1 {
			return "call: " + quoted(st.To)
		}
		return "call: {" + strings.Join(parts, ", ") + "}"
	default:
		return st.Kind.String() + ":"
	}
}

// lockLines are the pool of a statement or a transaction and what it locks.
func lockLines(st *pipeline.Step) []string {
	lines := []string{"pool: " + quoted(st.Pool)}
	if st.Table != "" {
		lines = append(lines, "table: "+quoted(st.Table))
	}
	if st.Mode != 0 {
		lines = append(lines, "mode: "+st.Mode.String())
	}
	if st.Rows > 0 {
		lines = append(lines, fmt.Sprintf("rows: %d", st.Rows))
	}
	return lines
}

func (w *writer) edges(p *pipeline.Pipeline) {
	begun, pools := false, pipeline.PoolEdges(p)
	for _, name := range pipeline.EdgeNames(p) {
		i := slices.IndexFunc(p.Edges, func(e pipeline.Edge) bool { return e.Name == name })
		pol := p.Policies[name]
		if slices.Contains(pools, name) { // more was said of every edge, and is not refused there
			pol = policy.Policy{Cancel: pol.Cancel}
		}
		own := policyfile.Write(policy.Edges{name: pol}, policy.Edges{name: {}})
		_, fields, differs := strings.Cut(own, ":\n")
		if !differs && (i < 0 || p.Edges[i] == (pipeline.Edge{Name: name})) { // nothing is said of it
			continue
		}
		if !begun {
			begun = true
			w.line(0, "")
			w.noted("edges", 0, "edges:")
		}
		at := "edges." + name
		w.noted(at, 1, "%s:", quoted(name))
		if i >= 0 {
			w.edge(at, &p.Edges[i])
		}
		if differs {
			w.noted(at+".policy", 2, "policy:")
			for line := range strings.Lines(fields) {
				w.line(2, "%s", strings.TrimSuffix(line, "\n"))
			}
		}
	}
}

func (w *writer) edge(at string, e *pipeline.Edge) {
	if e.Network != nil {
		w.noted(at+".network", 2, "network: %s", distOf(*e.Network))
	}
	if e.Streams > 0 {
		w.noted(at+".streams", 2, "streams: %d", e.Streams)
	}
	if e.IdleDrop > 0 {
		w.noted(at+".idle_drop", 2, "idle_drop: %s", durationText(e.IdleDrop))
	}
	w.duration(2, "min_ping", e.MinPing)
}

func (w *writer) clients(p *pipeline.Pipeline) {
	w.line(0, "")
	w.noted("clients", 0, "clients:")
	for i := range p.Clients {
		c := &p.Clients[i]
		at := "clients." + c.Name
		w.noted(at, 1, "%s:", quoted(c.Name))
		var requests []string
		for _, r := range c.Requests {
			requests = append(requests, quoted(r))
		}
		w.line(2, "requests: [%s]", strings.Join(requests, ", "))
		if c.Users > 0 {
			w.line(2, "users: %d", c.Users)
			if !constant(c.Think, 0) {
				w.line(2, "think: %s", distOf(c.Think))
			}
		} else if len(c.Rate.Points) > 0 {
			w.comment(at+".rate", 2)
			w.rate(c.Rate)
			if c.Regular {
				w.line(2, "arrivals: regular")
			}
		}
		w.duration(2, "patience", c.Patience)
		if c.HangUp {
			w.line(2, "hang_up: true")
		}
		if c.Attempts > 0 {
			w.line(2, "attempts: %d", c.Attempts)
			w.duration(2, "backoff", c.Backoff)
		}
		switch {
		case c.SizeMax > c.SizeMin:
			w.line(2, "size: %d..%d", c.SizeMin, c.SizeMax)
		case c.SizeMax > 0:
			w.line(2, "size: %d", c.SizeMax)
		}
	}
}

// rate writes arrivals in the way that reads them back as they are: a day's curve,
// steps (two points at one instant), or straight lines.
func (w *writer) rate(r sim.Rate) {
	if len(r.Points) == 1 && r.Period == 0 {
		w.line(2, "rate: %s/s", number64(r.Points[0].Per))
		return
	}
	way, points := "ramp", r.Points
	key := func(at time.Duration) string { return durationText(at) }
	if r.Period > 0 {
		way = "daily"
		key = func(at time.Duration) string {
			return fmt.Sprintf(`"%02d:%02d"`, int(at.Hours()), int(at.Minutes())%60)
		}
	} else if stepped(r.Points) {
		way, points = "steps", nil
		for i, p := range r.Points {
			if i == 0 || p.At == r.Points[i-1].At {
				points = append(points, p)
			}
		}
	}
	w.line(2, "rate:")
	w.line(3, "%s:", way)
	for _, p := range points {
		w.line(4, "%s: %s/s", key(p.At), number64(p.Per))
	}
}

// stepped says whether a rate only ever changes at once.
func stepped(points []sim.RatePoint) bool {
	if len(points)%2 == 0 {
		return false
	}
	for i := 1; i < len(points); i += 2 {
		if points[i].At != points[i+1].At || points[i].Per != points[i-1].Per {
			return false
		}
	}
	return true
}

func (w *writer) faults(p *pipeline.Pipeline) {
	if len(p.Faults) == 0 {
		return
	}
	w.line(0, "")
	w.noted("faults", 0, "faults:")
	for i := range p.Faults {
		f := &p.Faults[i]
		value := map[string]string{
			"at": durationText(f.At), "database": f.Database, "table": f.Table, "mode": f.Mode.String(),
			"endpoint": f.Endpoint, "edge": f.Edge, "service": f.Service, "client": f.Client,
			"factor": number64(f.Factor), "share": number64(f.Share),
		}
		if f.For > 0 || f.What == pipeline.LockTable {
			value["for"] = durationText(f.For)
		}
		if f.Replica > 0 {
			value["replica"] = strconv.Itoa(f.Replica)
		}
		var parts []string
		for _, k := range faultKeys[f.What] {
			name := strings.TrimSuffix(k, "!")
			v, has := value[name]
			if !has {
				continue
			}
			if slices.Contains([]string{"database", "table", "endpoint", "edge", "service", "client"}, name) {
				v = quoted(v)
			}
			parts = append(parts, name+": "+v)
		}
		w.noted(fmt.Sprintf("faults.%d", i), 1, "- %s: {%s}", f.What, strings.Join(parts, ", "))
	}
}

func places(n int) string {
	if n == pipeline.Unbounded {
		return "unlimited"
	}
	return strconv.Itoa(n)
}

func constant(d sim.Dist, is time.Duration) bool { return d.Shape == sim.Constant && d.A == is }

func number64(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func durationText(d time.Duration) string {
	return strings.Replace(policy.FormatDuration(d), "µ", "u", 1)
}

// plainTime is a duration without the one letter that is no ASCII.
func plainTime(d time.Duration) string { return strings.Replace(d.String(), "µ", "u", 1) }

// distOf is a distribution as dist reads it, to the digit.
func distOf(d sim.Dist) string {
	switch d.Shape {
	case sim.Exponential:
		return fmt.Sprintf("{exponential: %s}", plainTime(d.A))
	case sim.LogNormal:
		return fmt.Sprintf("{log_normal: {median: %s, sigma: %s}}", plainTime(d.A), number64(d.B))
	case sim.Pareto:
		parts := fmt.Sprintf("min: %s, alpha: %s", plainTime(d.A), number64(d.B))
		if d.Most > 0 {
			parts += ", max: " + plainTime(d.Most)
		}
		return "{pareto: {" + parts + "}}"
	case sim.Empirical:
		parts := make([]string, len(d.Points))
		for i, p := range d.Points {
			parts[i] = fmt.Sprintf("p%s: %s", percent(p.Share), plainTime(p.At))
		}
		return "{empirical: {" + strings.Join(parts, ", ") + "}}"
	default:
		return plainTime(d.A)
	}
}

// percent is the shortest text from which the share is read back.
func percent(share float64) string {
	for digits := range 17 {
		text := strconv.FormatFloat(100*share, 'f', digits, 64)
		if v, _ := strconv.ParseFloat(text, 64); v/100 == share {
			return text
		}
	}
	return strconv.FormatFloat(100*share, 'f', -1, 64)
}

// quoted is a name as it is where that is plain, else in quotes.
func quoted(name string) string {
	plain := name != ""
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '-' && r != '.' && (r < '0' || r > '9')) {
			plain = false
		}
	}
	switch strings.ToLower(name) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return name
	}
	return strconv.Quote(name)
}
