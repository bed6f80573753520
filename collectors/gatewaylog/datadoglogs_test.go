package gatewaylog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tripcurve/internal/datadog"
	"tripcurve/internal/incident"
)

// keptLogs stands for Datadog: it has events, in pages of two, and may fail.
type keptLogs struct {
	mu       sync.Mutex
	events   []datadog.Log
	fail     []error // of the next searches
	searches int
}

func (k *keptLogs) Logs(_ context.Context, s datadog.LogSearch) (datadog.LogPage, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.searches++
	if len(k.fail) > 0 {
		err := k.fail[0]
		if k.fail = k.fail[1:]; err != nil {
			return datadog.LogPage{}, err
		}
	}
	var found []datadog.Log
	for _, e := range k.events {
		if !e.At.Before(s.From) && e.At.Before(s.To) {
			found = append(found, e)
		}
	}
	for i, e := range found {
		if e.ID == s.Start {
			found = found[i:]
			break
		}
	}
	page := datadog.LogPage{Logs: found}
	if len(found) > 2 {
		page.Logs, page.Next = found[:2], found[2].ID
	}
	return page, nil
}

func (k *keptLogs) add(events ...datadog.Log) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = append(k.events, events...)
}

func (k *keptLogs) failing(errs ...error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = errs
}

// parsed is an event with the attributes of Datadog's pipelines.
func parsed(id string, at time.Time, path string, status int, took time.Duration) datadog.Log {
	return datadog.Log{ID: id, At: at, Message: "x", Attributes: map[string]any{
		"http":     map[string]any{"method": "POST", "status_code": fmt.Sprint(status), "url_details": map[string]any{"path": path}},
		"duration": float64(took), "service": "gateway",
	}}
}

// searched runs a collector until done says that it has enough, or it ends.
func searched(t *testing.T, d *DatadogLogs, ev *incident.Evidence, done func(*incident.View, []incident.SourceStatus) bool) ([]incident.SourceStatus, error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	out, status, ended := make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1)
	go func() { ended <- d.Run(ctx, out, status) }()
	var told []incident.SourceStatus
	late := time.After(20 * time.Second)
	for {
		select {
		case facts := <-out:
			ev.Add(facts...)
		case s := <-status:
			told = append(told, s)
		case err := <-ended:
			return told, err
		case <-late:
			t.Fatalf("it does not come to what is awaited; told %+v", told)
		}
		if done(ev.Snapshot(), told) {
			stop()
		}
	}
}

// byStatus is how many requests ended, by status.
func byStatus(v *incident.View) map[int]int64 {
	n := map[int]int64{}
	v.EachBucket(incident.Window{}, func(b *incident.Bucket) { n[b.Status] += b.Ended })
	for status, count := range n {
		if count == 0 {
			delete(n, status)
		}
	}
	return n
}

func TestDatadogLogsAreFollowed(t *testing.T) {
	now := time.Now()
	k := &keptLogs{}
	for i := range 5 {
		k.add(parsed(fmt.Sprint("a", i), now.Add(time.Duration(i-100)*time.Second), "/api/orders", 502, 30*time.Second))
	}
	d, err := NewDatadogLogs(DatadogConfig{Client: k, Query: "service:gateway", Interval: 20 * time.Millisecond, Options: Options{Since: now.Add(-10 * time.Minute)}})
	if err != nil {
		t.Fatal(err)
	}
	ev := incident.NewEvidence()
	// A search fails after some were read: the collector ends, and goes on later.
	k.failing(nil, nil, nil, nil, errors.New("connection reset"))
	_, err = searched(t, d, ev, func(*incident.View, []incident.SourceStatus) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "datadog logs: connection reset") {
		t.Fatalf("ended with %v", err)
	}
	if n := byStatus(ev.Snapshot()); n[502] != 5 {
		t.Errorf("requests %v, want 5 of status 502", n)
	}
	// One of them was found late, and one is older than what was asked for.
	k.add(parsed("b1", now.Add(-60*time.Second), "/api/orders", 200, time.Millisecond), parsed("b2", now.Add(-time.Hour), "/api/orders", 500, 0))
	_, err = searched(t, d, ev, func(v *incident.View, _ []incident.SourceStatus) bool { return byStatus(v)[200] == 1 })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	v := ev.Snapshot()
	if n := byStatus(v); len(n) != 2 || n[502] != 5 || n[200] != 1 {
		t.Errorf("requests %v, want 5 of 502 and 1 of 200: none lost, none twice", n)
	}
	v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		if b.Endpoint.String() != "POST /api/orders" || b.Origin.Name != "datadog-logs" || b.Status == 502 && b.Started > 0 && !b.At.Before(now.Add(-120*time.Second)) {
			t.Errorf("bucket %+v: want the start 30 s before the end", b)
		}
	})
}

func TestDatadogLogsThatNobodyParsed(t *testing.T) {
	now := time.Now().UTC()
	k := &keptLogs{}
	for i := range 4 {
		at := now.Add(time.Duration(i-90) * time.Second)
		k.add(datadog.Log{ID: fmt.Sprint(i), At: at, Message: fmt.Sprintf("10.0.0.7 - - [%s] \"POST /api/orders HTTP/1.1\" 502 157 \"-\" \"-\"", at.Format("02/Jan/2006:15:04:05 -0700"))})
	}
	d, err := NewDatadogLogs(DatadogConfig{Client: k, Query: "source:nginx", Interval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = searched(t, d, incident.NewEvidence(), func(v *incident.View, _ []incident.SourceStatus) bool { return byStatus(v)[502] == 4 })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestDatadogLogsSayWhatIsWrong(t *testing.T) {
	run := func(fail error, done func([]incident.SourceStatus) bool) ([]incident.SourceStatus, error) {
		k := &keptLogs{}
		k.failing(fail)
		d, err := NewDatadogLogs(DatadogConfig{Client: k, Query: "service:gatweay", Interval: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return searched(t, d, incident.NewEvidence(), func(_ *incident.View, told []incident.SourceStatus) bool { return done(told) })
	}
	last := func(want string) func([]incident.SourceStatus) bool {
		return func(told []incident.SourceStatus) bool {
			return len(told) > 0 && told[len(told)-1].State == incident.SourceStale && strings.Contains(told[len(told)-1].Detail, want)
		}
	}
	if _, err := run(nil, last("no event of service:gatweay since")); !errors.Is(err, context.Canceled) {
		t.Errorf("no event: %v", err)
	}
	limited := &datadog.Error{Status: http.StatusTooManyRequests, RetryAt: time.Now().Add(300 * time.Millisecond)}
	if _, err := run(limited, last("no event of")); !errors.Is(err, context.Canceled) { // after the wait
		t.Errorf("rate limited: %v", err)
	}
	for _, refused := range []error{datadog.ErrRefused, &datadog.Error{Status: http.StatusBadRequest, Text: "invalid query"}} {
		_, err := run(refused, func([]incident.SourceStatus) bool { return false })
		if err == nil || !errors.Is(err, refused) {
			t.Errorf("%v: ended with %v", refused, err)
		}
	}
	if _, err := NewDatadogLogs(DatadogConfig{Query: " "}); err == nil {
		t.Error("an empty query is taken")
	}
}

func FuzzAttributesLine(f *testing.F) {
	f.Add("POST", "502", "/api/orders?x=\x1b[2J", "http://h/%zz", "x\ny\u202e", 3e7)
	f.Fuzz(func(t *testing.T, method, status, path, raw, message string, took float64) {
		e := datadog.Log{At: time.Unix(1768487011, 0), Message: message, Attributes: map[string]any{
			"duration": took, "http": map[string]any{"method": method, "status_code": status, "url": raw, "url_details": map[string]any{"path": path}},
		}}
		line := attributesLine(e)
		if strings.ContainsRune(string(line), '\n') || strings.ContainsRune(oneLine(message), '\n') {
			t.Fatalf("%q is more than a line", line)
		}
		format, err := ParseFormat(datadogFormat)
		if err != nil {
			t.Fatal(err)
		}
		var r Record
		if NewDecoder(format).Decode(line, &r) == nil && r.End != Unknown && r.Start != Unknown && r.Start > r.End {
			t.Fatalf("%s starts after its end", line)
		}
	})
}
