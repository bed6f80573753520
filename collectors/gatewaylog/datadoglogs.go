package gatewaylog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tripcurve/collectors/supervise"
	"tripcurve/internal/datadog"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// DatadogConfig of an access log that Datadog keeps.
type DatadogConfig struct {
	Options // Name is the source's; empty is "datadog-logs"
	Client  datadog.Logs
	Query   string // "service:gateway"
	Index   string // empty is all live ones
	// Interval is between searches; 0 is 20 s, for the API's limit is some hundreds
	// an hour.
	Interval time.Duration
}

const (
	// lateLogs is how long an event may take to be found.
	lateLogs = 2 * time.Minute
	// maxSeen bounds the events remembered so that none counts twice.
	maxSeen = 200_000
	// datadogFormat reads what the attributes of an event become.
	datadogFormat = "datadog_json"
)

// DatadogLogs follows an access log that is kept by Datadog: events whose attributes
// its pipelines have parsed, or, where they have not or a format was given, the lines
// in them. It is run by a supervisor.
type DatadogLogs struct {
	cfg  DatadogConfig
	next time.Time            // from when on events may be new
	seen map[string]time.Time // events of that time, by id
	raw  bool                 // lines and not attributes are read
	mode bool                 // that raw is decided
	told int64                // events, since the beginning
}

// NewDatadogLogs makes a collector. Errors are of the options.
func NewDatadogLogs(cfg DatadogConfig) (*DatadogLogs, error) {
	cfg.Name = cmp.Or(cfg.Name, "datadog-logs")
	cfg.Interval = cmp.Or(cfg.Interval, 20*time.Second)
	if strings.TrimSpace(cfg.Query) == "" {
		return nil, errors.New("datadog logs: the query is empty; expected for example service:gateway")
	}
	if _, err := NewFollow(FollowOptions{Options: cfg.Options, Reader: strings.NewReader("")}); err != nil {
		return nil, err
	}
	return &DatadogLogs{cfg: cfg, next: cfg.Since, seen: map[string]time.Time{}, raw: cfg.Format != nil, mode: cfg.Format != nil}, nil
}

// Source is what is asked for, before anything was asked.
func (d *DatadogLogs) Source() incident.SourceStatus {
	return d.status(incident.SourceDown, "searching for "+d.cfg.Query)
}

// Every is the distance between two searches.
func (d *DatadogLogs) Every() time.Duration { return d.cfg.Interval }

func (d *DatadogLogs) status(state incident.SourceState, detail string) incident.SourceStatus {
	return incident.SourceStatus{Name: d.cfg.Name, Group: Group, State: state, Detail: redact.Line(detail)}
}

// Run searches until ctx ends or a search fails. What could not be found meanwhile
// is found when it is called again. A used up rate limit is waited for.
func (d *DatadogLogs) Run(ctx context.Context, out chan<- []incident.Fact, status chan<- incident.SourceStatus) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lines := &datadogLines{d: d, out: out, status: status, ended: make(chan error, 1)}
	failed := d.search(ctx, lines, status)
	var read error
	if lines.w != nil {
		_ = lines.w.Close()
		read = <-lines.ended
	}
	switch {
	case read != nil: // it ended the search, if there is one still
		return read
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return failed
}

// search asks again and again, and writes the lines of what is new.
func (d *DatadogLogs) search(ctx context.Context, lines *datadogLines, status chan<- incident.SourceStatus) error {
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now := time.Now()
		if d.next.IsZero() {
			d.next = now.Add(-lateLogs)
		}
		err := d.pages(ctx, now, lines)
		var said *datadog.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errEnded):
			return nil // by what reads the lines, which says why
		case errors.Is(err, datadog.ErrRefused), errors.As(err, &said) && said.Status == http.StatusBadRequest:
			return supervise.Permanent(fmt.Errorf("datadog logs: %w", err))
		case errors.As(err, &said) && !said.RetryAt.IsZero():
			wait := max(time.Second, said.RetryAt.Sub(now))
			status <- d.status(incident.SourceStale, fmt.Sprintf("rate limited by Datadog, searching again in %s", wait.Round(time.Second)))
			tick.Reset(wait)
			continue
		case err != nil:
			return fmt.Errorf("datadog logs: %w", err)
		}
		if d.told == 0 {
			status <- d.status(incident.SourceStale, fmt.Sprintf("no event of %s since %s: nothing was logged, or the query is wrong", d.cfg.Query, d.next.UTC().Format("15:04:05Z")))
		}
		d.forget(now)
		wait := d.cfg.Interval
		if p, ok := d.cfg.Client.(datadog.Pacer); ok {
			wait = p.Pace(wait, now)
		}
		tick.Reset(wait)
	}
}

// pages asks for all that is new up to now, and remembers how far it came.
func (d *DatadogLogs) pages(ctx context.Context, now time.Time, lines *datadogLines) error {
	search := datadog.LogSearch{Query: d.cfg.Query, Index: d.cfg.Index, From: d.next, To: now}
	for {
		page, err := d.cfg.Client.Logs(ctx, search)
		if err != nil {
			return err
		}
		if err := lines.write(ctx, page.Logs); err != nil {
			return err
		}
		if n := len(page.Logs); n > 0 { // what fails after this need not be asked for again
			if at := page.Logs[n-1].At.Add(-lateLogs); at.After(d.next) && at.Before(now) {
				d.next = at
			}
		}
		if page.Next == "" || page.Next == search.Start || len(page.Logs) == 0 {
			break
		}
		search.Start = page.Next
	}
	if at := now.Add(-lateLogs); at.After(d.next) {
		d.next = at
	}
	return nil
}

// forget drops the events that cannot come again.
func (d *DatadogLogs) forget(now time.Time) {
	for id, at := range d.seen {
		if at.Before(d.next) || len(d.seen) > maxSeen && at.Before(now.Add(-lateLogs/2)) {
			delete(d.seen, id)
		}
	}
}

// errEnded says that nobody reads the lines any more.
var errEnded = errors.New("the lines are not read any more")

// datadogLines are what events become, on their way to a Follow.
type datadogLines struct {
	d      *DatadogLogs
	out    chan<- []incident.Fact
	status chan<- incident.SourceStatus
	w      *io.PipeWriter // nil before the first event
	ended  chan error     // of the Follow
}

// write hands on the lines of events that are new.
func (l *datadogLines) write(ctx context.Context, events []datadog.Log) error {
	var text []byte
	for _, e := range events {
		if _, known := l.d.seen[e.ID]; known && e.ID != "" {
			continue
		}
		if len(l.d.seen) < 2*maxSeen {
			l.d.seen[e.ID] = e.At
		}
		l.d.told++
		if !l.d.mode {
			l.d.decide(events)
		}
		if l.d.raw {
			text = append(text, oneLine(e.Message)...)
		} else {
			text = append(text, attributesLine(e)...)
		}
		text = append(text, '\n')
	}
	if len(text) == 0 {
		return nil
	}
	if l.w == nil {
		if err := l.follow(ctx); err != nil {
			return err
		}
	}
	if _, err := l.w.Write(text); err != nil {
		return errEnded
	}
	return nil
}

// decide takes attributes, if most of the first events have what is needed.
func (d *DatadogLogs) decide(events []datadog.Log) {
	parsed := 0
	for _, e := range events {
		if attribute(e.Attributes, "http", "status_code") != "" {
			parsed++
		}
	}
	d.raw, d.mode = 2*parsed < len(events), true
}

// follow begins to read lines. Each time they are another stream, for they begin
// at byte 0 again.
func (l *datadogLines) follow(ctx context.Context) error {
	opt := FollowOptions{Options: l.d.cfg.Options, Stream: "datadog-logs:" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	opt.Since = time.Time{} // the search says it
	if !l.d.raw {
		format, err := ParseFormat(datadogFormat)
		if err != nil {
			return err // of ours
		}
		opt.Format = format
	}
	r, w := io.Pipe()
	opt.Reader = r
	f, err := NewFollow(opt)
	if err != nil {
		return err
	}
	l.w = w
	go func() {
		err := f.Run(ctx, l.out, l.status)
		_ = r.CloseWithError(errEnded)
		l.ended <- err
	}()
	return nil
}

// oneLine is a message without what would make it several.
func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimLeft(s, "\r\n"), "\n")
	return strings.TrimRight(s, "\r")
}

// attributesLine is an event as the format datadog_json has it.
func attributesLine(e datadog.Log) []byte {
	type details struct {
		Path string `json:"path"`
		Host string `json:"host,omitempty"`
	}
	type request struct {
		Method    string  `json:"method,omitempty"`
		Status    string  `json:"status_code,omitempty"`
		Details   details `json:"url_details"`
		Route     string  `json:"route,omitempty"`
		RequestID string  `json:"request_id,omitempty"`
	}
	line := struct {
		At       string      `json:"timestamp"`
		HTTP     *request    `json:"http,omitempty"`
		Duration json.Number `json:"duration,omitempty"`
		Message  string      `json:"message,omitempty"`
	}{At: e.At.UTC().Format(time.RFC3339Nano)}
	status := attribute(e.Attributes, "http", "status_code")
	if status == "" {
		line.Message = oneLine(e.Message) // what was not understood is shown
	} else {
		r := &request{
			Method: attribute(e.Attributes, "http", "method"), Status: status,
			Route: attribute(e.Attributes, "http", "route"), RequestID: attribute(e.Attributes, "http", "request_id"),
			Details: details{
				Path: attribute(e.Attributes, "http", "url_details", "path"), Host: attribute(e.Attributes, "http", "url_details", "host"),
			},
		}
		if r.Details.Path == "" {
			if u, err := url.Parse(attribute(e.Attributes, "http", "url")); err == nil {
				r.Details.Path, r.Details.Host = u.EscapedPath(), cmp.Or(r.Details.Host, u.Host)
			}
		}
		line.HTTP = r
	}
	if v, err := strconv.ParseFloat(attribute(e.Attributes, "duration"), 64); err == nil && v >= 0 && v < math.MaxInt64 {
		line.Duration = json.Number(strconv.FormatInt(int64(v), 10)) // nanoseconds
	}
	text, err := json.Marshal(line)
	if err != nil { // strings and a number of ours
		return []byte("{}")
	}
	return text
}

// attribute is one of an event's as text, by its path; empty when it has none.
func attribute(all map[string]any, path ...string) string {
	for _, key := range path[:len(path)-1] {
		next, ok := all[key].(map[string]any)
		if !ok {
			return ""
		}
		all = next
	}
	switch v := all[path[len(path)-1]].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return v.String()
	}
	return ""
}
