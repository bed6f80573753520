// Package monitor writes Datadog monitors on the metrics of a breaker,
// circuit.<edge>.open, half_open, close and reject, with thresholds that follow from
// the policy of its edge: as the bodies of the API's POST /api/v1/monitor, and as
// Terraform.
package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/redact"
)

// Monitor is one metric monitor ("query alert").
type Monitor struct {
	Key      string // what it watches, in a word: open, rejects, stuck
	Name     string
	Query    string // with its threshold, which is Critical
	Message  string // Markdown, as Datadog has it
	Critical float64
	Warning  float64 // 0 is none
	Priority int     // 1 (high) to 5
	Tags     []string
}

// Source is what the monitors are of.
type Source struct {
	Edge     string // caller.callee, or the callee alone
	Incident string // "INC-2847"; empty for none
	Origin   string // where the numbers come from, in one line
}

const (
	// recent is the span in which openings and rejections are counted.
	recent = 5 * time.Minute
	// resets that a breaker may try in vain before somebody should look.
	resets = 3
)

// Of are the monitors of a policy's breaker, and in words what to know of them. A
// policy without a breaker has none.
func Of(p policy.Policy, s Source) ([]Monitor, []string, error) {
	running, err := breaks(p.Breaker)
	if err != nil {
		return nil, nil, err
	}
	if !running {
		return nil, []string{fmt.Sprintf("%s has no breaker: there is nothing to watch", s.Edge)}, nil
	}
	n, err := library.NeutralOf(p)
	if err != nil {
		return nil, nil, err
	}
	s = Source{plain(s.Edge), plain(s.Incident), plain(s.Origin)}
	w := watch{Source: s, library: p.Breaker.Library, neutral: n}
	monitors := []Monitor{w.open(), w.rejects()}
	said := []string{
		"metric names are those of the bundled services' breakers: " + w.metric("open") + " and so on, counted per process",
		"nobody is notified yet: add @-handles to the messages",
	}
	if n.OpenFor > 0 {
		monitors = append(monitors, w.stuck())
	} else {
		said = append(said, fmt.Sprintf("%s says no open time: there is no monitor on a breaker that stays open", s.Edge))
	}
	return monitors, said, nil
}

// breaks says whether a breaker can open: gRPC's service config names none.
func breaks(spec policy.BreakerSpec) (bool, error) {
	built, err := library.New(spec, time.Time{})
	if errors.Is(err, library.ErrNeutral) {
		return true, nil
	}
	return built.Breaker != nil, err
}

// watch is the monitors of one breaker in the making.
type watch struct {
	Source
	library string
	neutral policy.Neutral
}

// metric is a name as Datadog keeps it: what is not a letter, a digit, _ or . becomes
// an underscore.
func (w watch) metric(kind string) string {
	return "circuit." + strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, w.Edge) + "." + kind
}

// count is how often something happened. Where nothing did there is no series at
// all, which default_zero makes a 0.
func (w watch) count(kind, by string) string {
	return fmt.Sprintf("default_zero(sum:%s{*}%s.as_count())", w.metric(kind), by)
}

func (w watch) monitor(key string, priority int, window time.Duration, counted string, critical, warning float64, name, message string) Monitor {
	tags := []string{"edge:" + tag(w.Edge), "breaker:" + tag(w.library), "managed_by:tripcurve"}
	if w.Incident != "" {
		tags = append(tags, "incident:"+tag(w.Incident))
		message += "\n\nFollows from " + w.Incident + "."
	}
	if w.Origin != "" {
		message += "\n\n" + w.Origin
	}
	return Monitor{
		Key: key, Name: name, Priority: priority, Critical: critical, Warning: warning, Tags: tags, Message: message,
		Query: fmt.Sprintf("sum(last_%s):%s > %s", span(window), counted, number(critical)),
	}
}

// open: any opening is worth knowing.
func (w watch) open() Monitor {
	return w.monitor("open", 2, recent, w.count("open", ""), 0, 0,
		fmt.Sprintf("Breaker of %s opened", w.Edge),
		fmt.Sprintf("The breaker (%s) in front of %s opened in the last %s: its calls are rejected for %s. Look at what %s waits for before you restart it.",
			w.library, w.Edge, policy.FormatDuration(recent), openFor(w.neutral), callee(w.Edge)))
}

// rejects: the breaker itself wants to see so many calls in a window before it
// judges; as many turned away are no blip.
func (w watch) rejects() Monitor {
	n := w.neutral
	volume := float64(max(n.MinCalls, 1))
	critical, why := volume, fmt.Sprintf("as many as the breaker wants to see before it judges (%g)", volume)
	if n.Window > 0 && n.Window < recent {
		windows := math.Floor(float64(recent) / float64(n.Window))
		critical = volume * windows
		why = fmt.Sprintf("as many as the breaker wants to see before it judges (%g) in each of the %g windows of %s", volume, windows, policy.FormatDuration(n.Window))
	}
	warning := 0.0
	if critical > volume {
		warning = volume
	}
	return w.monitor("rejects", 3, recent, w.count("reject", ""), critical, warning,
		fmt.Sprintf("Breaker of %s rejects calls", w.Edge),
		fmt.Sprintf("More than %g calls of %s were rejected in the last %s: %s.", critical, w.Edge, policy.FormatDuration(recent), why))
}

// stuck: it opens again and again without closing. Each process is watched for
// itself, or several that open once would look like one that does not close.
func (w watch) stuck() Monitor {
	by := " by {host}"
	return w.monitor("stuck", 1, w.cycles(), w.count("open", by)+" - "+w.count("close", by), resets, 0,
		fmt.Sprintf("Breaker of %s stays open", w.Edge),
		fmt.Sprintf("The breaker (%s) in front of %s has been open for more than %d resets (each %s) on {{host.name}}: every probe failed. %s has not recovered.",
			w.library, w.Edge, resets, openFor(w.neutral), callee(w.Edge)))
}

// cycles is how long a trip and so many failed probes take, each of which may run to
// its time limit.
func (w watch) cycles() time.Duration {
	n := w.neutral
	total, open := time.Duration(0), n.OpenFor
	for range resets + 1 {
		total += open + n.CallTimeout
		if g := n.Growth; g.Factor > 1 {
			open = time.Duration(math.Min(float64(open)*g.Factor, float64(longest)))
			if g.Max > 0 {
				open = min(open, g.Max)
			}
		}
	}
	return total
}

// openFor is the open time in words.
func openFor(n policy.Neutral) string {
	first := policy.FormatDuration(n.OpenFor)
	switch {
	case n.OpenFor == 0:
		return "a while"
	case n.Growth.Factor > 1 && n.Growth.Max > 0:
		return first + ", growing to " + policy.FormatDuration(n.Growth.Max)
	case n.Growth.Factor > 1:
		return first + ", and longer each time"
	}
	return first
}

func callee(edge string) string { return edge[strings.LastIndexByte(edge, '.')+1:] }

// spans are those over which a metric monitor may look back.
var spans = []struct {
	length time.Duration
	name   string
}{
	{5 * time.Minute, "5m"},
	{10 * time.Minute, "10m"},
	{15 * time.Minute, "15m"},
	{30 * time.Minute, "30m"},
	{time.Hour, "1h"},
	{2 * time.Hour, "2h"},
	{4 * time.Hour, "4h"},
	{longest, "1d"},
}

const longest = 24 * time.Hour

// span is the shortest that holds d.
func span(d time.Duration) string {
	for _, s := range spans {
		if d <= s.length {
			return s.name
		}
	}
	return spans[len(spans)-1].name
}

// plain is foreign text in which nothing notifies anybody and nothing is a variable.
func plain(s string) string {
	return strings.NewReplacer("@", "(at)", "{", "(", "}", ")").Replace(redact.Line(s))
}

// tag is a tag's value as Datadog keeps it.
func tag(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || r == '-' || r == '/' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// body is the API's Monitor (datadog-api-client-go v2.67.0, api/datadogV1,
// model_monitor.go), as far as it is said.
type body struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Query    string   `json:"query"`
	Message  string   `json:"message"`
	Tags     []string `json:"tags"`
	Priority int      `json:"priority"`
	Options  options  `json:"options"`
}

type options struct {
	Thresholds thresholds `json:"thresholds"`
	// A count that is seldom has no full window, and no data is no news.
	RequireFullWindow bool `json:"require_full_window"`
	NotifyNoData      bool `json:"notify_no_data"`
	IncludeTags       bool `json:"include_tags"`
}

type thresholds struct {
	Critical float64  `json:"critical"`
	Warning  *float64 `json:"warning,omitempty"`
}

const queryAlert = "query alert"

// JSON is a list of bodies, each to be posted for itself.
func JSON(monitors []Monitor) string {
	bodies := make([]body, len(monitors))
	for i, m := range monitors {
		bodies[i] = body{
			Name: m.Name, Type: queryAlert, Query: m.Query, Message: m.Message, Tags: m.Tags, Priority: m.Priority,
			Options: options{Thresholds: thresholds{Critical: m.Critical}, IncludeTags: true},
		}
		if m.Warning != 0 {
			bodies[i].Options.Thresholds.Warning = &m.Warning
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(bodies); err != nil {
		panic(fmt.Sprintf("monitor: bodies of plain text and numbers do not marshal: %v", err))
	}
	return b.String()
}
