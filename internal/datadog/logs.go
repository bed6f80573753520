package datadog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	dd "github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
)

// Logs answers log searches.
type Logs interface {
	Logs(ctx context.Context, search LogSearch) (LogPage, error)
}

// LogSearch is one page of a search, oldest first.
type LogSearch struct {
	Query    string // "service:gateway @http.url_details.path:/api/*"
	From, To time.Time
	Index    string // empty is all live ones
	Start    string // Next of the page before; empty is the first page
}

// LogPage is one page of events, and where the next one begins.
type LogPage struct {
	Logs []Log
	Next string // empty: this was the last
}

// Log is one event. All of it is foreign text.
type Log struct {
	ID      string
	At      time.Time
	Message string // the line as it was sent
	// Attributes are what Datadog's pipelines took out of it: "http.status_code"
	// lies in "http". A "duration" is in nanoseconds by convention.
	Attributes map[string]any
}

// LogPageSize is how many events a page has at most: as many as the API gives.
const LogPageSize = 1000

// Logs asks for one page. It uses the search of v1, which has all that is needed
// here; v2's package costs minutes of every cold build.
func (c *Client) Logs(ctx context.Context, search LogSearch) (LogPage, error) {
	if err := c.usedUp(); err != nil {
		return LogPage{}, err
	}
	ctx, cancel := c.prepare(ctx)
	defer cancel()
	req := datadogV1.LogsListRequest{
		Query: dd.PtrString(search.Query), Limit: dd.PtrInt32(LogPageSize), Sort: datadogV1.LOGSSORT_TIME_ASCENDING.Ptr(),
		Time: datadogV1.LogsListRequestTime{From: search.From.UTC(), To: search.To.UTC()},
	}
	if search.Index != "" {
		req.Index = dd.PtrString(search.Index)
	}
	if search.Start != "" {
		req.StartAt = dd.PtrString(search.Start)
	}
	answer, resp, err := c.logs.ListLogs(ctx, req)
	c.note(resp)
	if err != nil {
		return LogPage{}, c.explain("ask", err, resp)
	}
	page, err := logsOf(answer)
	if err != nil {
		return LogPage{}, c.scrubbed(err)
	}
	return page, nil
}

// DecodeLogs reads the body of an answer of POST /api/v1/logs-queries/list, such as
// a recorded one.
func DecodeLogs(body []byte) (LogPage, error) {
	var r datadogV1.LogsListResponse
	if err := json.Unmarshal(body, &r); err != nil {
		return LogPage{}, fmt.Errorf("%w: %w", ErrShape, err)
	}
	return logsOf(r)
}

// logsOf checks what the client does not, as seriesOf does.
func logsOf(r datadogV1.LogsListResponse) (LogPage, error) {
	if r.UnparsedObject != nil {
		return LogPage{}, fmt.Errorf("%w: not a list of logs", ErrShape)
	}
	if s := r.GetStatus(); s != "" && s != "done" {
		return LogPage{}, &QueryError{What: "log search", Status: s}
	}
	p := LogPage{Next: r.GetNextLogId(), Logs: make([]Log, 0, len(r.Logs))}
	for i := range r.Logs {
		l := &r.Logs[i]
		content := l.GetContent()
		if l.UnparsedObject != nil || content.UnparsedObject != nil {
			return LogPage{}, fmt.Errorf("%w: log %d: a field is not of the documented type", ErrShape, i)
		}
		p.Logs = append(p.Logs, Log{ID: l.GetId(), At: content.GetTimestamp().UTC(), Message: content.GetMessage(), Attributes: content.Attributes})
	}
	return p, nil
}
