package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"sync"
	"time"

	"tripcurve/internal/incident"
)

// datadog reads events: the answer of /api/v1/events ("events"), of /api/v2/events
// ("data"), or a bare list of events of version 1.
func (f *file) datadog() error {
	top := map[string]json.RawMessage{}
	_ = json.Unmarshal(f.data, &top) // a list is none
	if _, two := top["data"]; two {
		return f.datadogTwo()
	}
	key := ""
	if bytes.HasPrefix(bytes.TrimSpace(f.data), []byte("{")) {
		key = "events"
	}
	list, err := f.elements(key)
	if err != nil {
		return err
	}
	for _, el := range list {
		var x struct {
			ID        json.Number `json:"id"`
			Title     string      `json:"title"`
			Text      string      `json:"text"`
			Happened  int64       `json:"date_happened"`
			AlertType string      `json:"alert_type"`
			Source    string      `json:"source"`
			Host      string      `json:"host"`
			URL       string      `json:"url"`
			Tags      []string    `json:"tags"`
		}
		if err := f.decode(el, &x); err != nil {
			return err
		}
		if x.Happened <= 0 {
			return f.errorOf(el.at, "date_happened is missing; expected seconds since 1970")
		}
		at := time.Unix(x.Happened, 0).UTC()
		if err := inRange(at); err != nil {
			return f.errorOf(el.at, "date_happened: %w; expected seconds since 1970", err)
		}
		e := incident.Entry{
			Start: at, Precision: time.Second, Text: orElse(x.Title, firstLine(x.Text)), System: orElse(tagged(x.Tags, "service"), x.Host),
			Kind: kindOfEvent(x.AlertType, x.Source), Confidence: "measured", Source: incident.EntrySource{URL: x.URL},
			Clock: incident.EntryClock{Original: fmt.Sprint(x.Happened)},
		}
		own(&e, x.Tags)
		if err := f.take(el.at, "datadog", orElse(x.ID.String(), fmt.Sprint(x.Happened, x.Title)), e); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) datadogTwo() error {
	list, err := f.elements("data")
	if err != nil {
		return err
	}
	for _, el := range list {
		var x struct {
			ID         string `json:"id"`
			Attributes struct {
				Message    string   `json:"message"`
				Tags       []string `json:"tags"`
				Timestamp  string   `json:"timestamp"`
				Attributes struct {
					Title     string `json:"title"`
					Timestamp int64  `json:"timestamp"` // ms
					Service   string `json:"service"`
					Host      string `json:"hostname"`
					Status    string `json:"status"`
					Source    string `json:"source_type_name"`
				} `json:"attributes"`
			} `json:"attributes"`
		}
		if err := f.decode(el, &x); err != nil {
			return err
		}
		a, inner := x.Attributes, x.Attributes.Attributes
		at, precision, original := time.UnixMilli(inner.Timestamp).UTC(), time.Millisecond, fmt.Sprint(inner.Timestamp)
		if inner.Timestamp <= 0 {
			if at, precision, err = f.instant(a.Timestamp); err != nil {
				return f.errorOf(el.at, "timestamp: %w", err)
			}
			original = a.Timestamp
		}
		if err := inRange(at); err != nil {
			return f.errorOf(el.at, "timestamp: %w; expected milliseconds since 1970", err)
		}
		e := incident.Entry{
			Start: at, Precision: precision, Text: orElse(inner.Title, firstLine(a.Message)), System: orElse(orElse(inner.Service, tagged(a.Tags, "service")), inner.Host),
			Kind: kindOfEvent(inner.Status, inner.Source), Confidence: "measured", Clock: incident.EntryClock{Original: original},
		}
		own(&e, a.Tags)
		if err := f.take(el.at, "datadog", orElse(x.ID, original+inner.Title), e); err != nil {
			return err
		}
	}
	return nil
}

func kindOfEvent(level, source string) incident.EntryKind {
	switch strings.ToLower(level) {
	case "error", "warning", "warn", "alert":
		return incident.KAlert
	}
	switch s := strings.ToLower(source); {
	case strings.Contains(s, "deploy"), strings.Contains(s, "github"), strings.Contains(s, "jenkins"), strings.Contains(s, "change"):
		return incident.KChange
	}
	return incident.KObservation
}

func tagged(tags []string, name string) string {
	for _, t := range tags {
		if v, ok := strings.CutPrefix(t, name+":"); ok {
			return v
		}
	}
	return ""
}

var entryID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{12}$`) })

// own knows an entry again that we have sent there: by its tags.
func own(e *incident.Entry, tags []string) {
	if id := tagged(tags, "id"); entryID().MatchString(id) && strings.Contains(" "+strings.Join(tags, " ")+" ", " tripcurve ") {
		e.ID = id
		for _, field := range []string{"kind", "phase", "lane", "confidence", "system"} {
			if v := tagged(tags, field); v != "" {
				_ = e.Set(field, v) // what somebody changed to no word of ours stays as it was found
			}
		}
	}
}

func firstLine(s string) string {
	s = strings.TrimSpace(strings.Trim(strings.TrimSpace(s), "%"))
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}

// words are those of a text, with one blank between them.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

var htmlTag = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<[^<>]*>`) })

// grafana reads annotations: the answer of GET /api/annotations, or what we export for
// POST. Their text is HTML.
func (f *file) grafana() error {
	list, err := f.elements("")
	if err != nil {
		return err
	}
	for _, el := range list {
		var x struct {
			ID        int64    `json:"id"`
			AlertID   int64    `json:"alertId"`
			AlertName string   `json:"alertName"`
			NewState  string   `json:"newState"`
			Time      int64    `json:"time"` // ms
			TimeEnd   int64    `json:"timeEnd"`
			Text      string   `json:"text"`
			Tags      []string `json:"tags"`
			Dashboard string   `json:"dashboardUID"`
			Login     string   `json:"login"`
		}
		if err := f.decode(el, &x); err != nil {
			return err
		}
		e := incident.Entry{
			Start: time.UnixMilli(x.Time).UTC(), Precision: time.Millisecond, Text: words(html.UnescapeString(htmlTag().ReplaceAllString(x.Text, ""))),
			Confidence: "stated", System: tagged(x.Tags, "service"), Person: x.Login, Clock: incident.EntryClock{Original: fmt.Sprint(x.Time)},
		}
		if x.Time <= 0 {
			return f.errorOf(el.at, "time is missing; expected milliseconds since 1970")
		}
		if err := inRange(e.Start); err != nil {
			return f.errorOf(el.at, "time: %w; expected milliseconds since 1970", err)
		}
		if x.TimeEnd > x.Time {
			e.End = time.UnixMilli(x.TimeEnd).UTC()
			if err := inRange(e.End); err != nil {
				return f.errorOf(el.at, "timeEnd: %w; expected milliseconds since 1970", err)
			}
		}
		if x.AlertID > 0 || x.NewState != "" {
			e.Kind, e.Confidence = incident.KAlert, "measured"
			e.Text = strings.TrimSpace(strings.Trim(x.AlertName+" "+x.NewState+": "+e.Text, ": "))
		}
		own(&e, x.Tags)
		if err := f.take(el.at, "grafana", orElse(strings.Trim(fmt.Sprint(x.ID), "0"), fmt.Sprint(x.Time, x.Dashboard, x.Text)), e); err != nil {
			return err
		}
	}
	return nil
}

// object is what an event of Kubernetes is about.
type object struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// kubernetes reads `kubectl get events -o json`: events of core/v1 and of
// events.k8s.io/v1.
func (f *file) kubernetes() error {
	var top struct {
		Kind  string          `json:"kind"`
		Items json.RawMessage `json:"items"`
	}
	_ = json.Unmarshal(f.data, &top) // a list is none
	var list []element
	var err error
	switch {
	case top.Items != nil:
		list, err = f.elements("items")
	case top.Kind == "Event":
		list = []element{{f.data, 0}}
	case top.Kind != "":
		return f.errorAt(1, 1, "kind %q; expected a List of Events, as kubectl get events -o json prints", top.Kind)
	case bytes.HasPrefix(bytes.TrimSpace(f.data), []byte("{")):
		list, err = f.elements("items") // which says what is missing
	default:
		list, err = f.elements("")
	}
	if err != nil {
		return err
	}
	for _, el := range list {
		var x struct {
			Kind     string `json:"kind"`
			Metadata struct {
				UID     string `json:"uid"`
				Name    string `json:"name"`
				Created string `json:"creationTimestamp"`
			} `json:"metadata"`
			Reason     string `json:"reason"`
			Message    string `json:"message"`
			Note       string `json:"note"`
			Type       string `json:"type"`
			First      string `json:"firstTimestamp"`
			Last       string `json:"lastTimestamp"`
			EventTime  string `json:"eventTime"`
			DeprFirst  string `json:"deprecatedFirstTimestamp"`
			DeprLast   string `json:"deprecatedLastTimestamp"`
			Count      int    `json:"count"`
			Involved   object `json:"involvedObject"`
			Regarding  object `json:"regarding"`
			Component  string `json:"reportingComponent"`
			Controller string `json:"reportingController"`
			Series     struct {
				Count int    `json:"count"`
				Last  string `json:"lastObservedTime"`
			} `json:"series"`
			Source struct {
				Component string `json:"component"`
			} `json:"source"`
		}
		if err := f.decode(el, &x); err != nil {
			return err
		}
		if x.Kind != "" && x.Kind != "Event" {
			return f.errorOf(el.at, "kind %q; expected Event", x.Kind)
		}
		first := orElse(orElse(x.First, x.DeprFirst), orElse(x.EventTime, x.Metadata.Created))
		at, precision, err := f.instant(first)
		if err != nil {
			return f.errorOf(el.at, "firstTimestamp, eventTime: %w", err)
		}
		e := incident.Entry{Start: at, Precision: precision, Confidence: "measured", Clock: incident.EntryClock{Original: first}}
		if last := orElse(orElse(x.Last, x.DeprLast), x.Series.Last); last != "" {
			end, _, err := f.instant(last)
			if err != nil {
				return f.errorOf(el.at, "lastTimestamp: %w", err)
			}
			if end.After(at) {
				e.End = end
			}
		}
		about := x.Involved
		if about == (object{}) {
			about = x.Regarding
		}
		e.System = strings.Trim(strings.ToLower(about.Kind)+"/"+about.Name, "/")
		e.Actor = orElse(orElse(x.Source.Component, x.Component), x.Controller)
		e.Text = strings.Trim(x.Reason+" of "+e.System+": "+strings.TrimSpace(orElse(x.Message, x.Note)), ": ")
		if n := max(x.Count, x.Series.Count); n > 1 {
			e.Text += fmt.Sprintf(" (%d times)", n)
		}
		if e.Kind = incident.KObservation; changes[x.Reason] {
			e.Kind, e.Lane = incident.KChange, "deploy"
		}
		if err := f.take(el.at, "kubernetes", orElse(x.Metadata.UID, x.Metadata.Name+first+e.Text), e); err != nil {
			return err
		}
	}
	return nil
}

// changes are the reasons by which somebody or something changed the system.
var changes = map[string]bool{
	"ScalingReplicaSet": true, "SuccessfulCreate": true, "SuccessfulDelete": true, "Killing": true, "Created": true, "Started": true,
	"SuccessfulRescale": true, "NodeNotReady": true, "Evicted": true, "Preempted": true, "DeploymentRollback": true, "Rebooted": true, "Restarted": true,
}
