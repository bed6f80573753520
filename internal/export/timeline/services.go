package timeline

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// annotation is the body of Grafana's POST /api/annotations.
type annotation struct {
	Time    int64    `json:"time"`              // ms since 1970
	TimeEnd int64    `json:"timeEnd,omitempty"` // of a range
	Tags    []string `json:"tags"`
	Text    string   `json:"text"` // Grafana shows it as HTML
}

// Grafana is a list of bodies for POST /api/annotations, one an entry. What goes on
// ends at the last known instant, for an annotation has no other way to be a range.
func (d Document) Grafana() ([]byte, error) {
	list := []annotation{}
	end := latest(d.Rows, time.Time{})
	for _, r := range d.Rows {
		a := annotation{Time: r.entry.Start.UnixMilli(), Tags: r.tags(), Text: html.EscapeString(r.Text)}
		last := r.entry.End
		if r.Open {
			last = end
		}
		if last.After(r.entry.Start) {
			a.TimeEnd = last.UnixMilli()
		}
		list = append(list, a)
	}
	return asJSON("annotations", list)
}

// tags are what the services filter by; the id lets an import know its own again.
func (r Row) tags() []string {
	tags := []string{"tripcurve", "id:" + r.ID, "kind:" + r.Kind}
	for _, t := range []struct{ name, value string }{{"phase", r.Phase}, {"lane", r.Lane}, {"system", r.System}, {"confidence", r.Confidence}} {
		if t.value != "" {
			tags = append(tags, t.name+":"+t.value)
		}
	}
	return tags
}

// event is the body of Datadog's POST /api/v1/events.
type event struct {
	Title          string   `json:"title"`
	Text           string   `json:"text"`
	DateHappened   int64    `json:"date_happened"` // s since 1970; refused when older than 18 h
	AlertType      string   `json:"alert_type"`
	AggregationKey string   `json:"aggregation_key"`
	Tags           []string `json:"tags"`
}

// What Datadog takes at most, in characters.
const (
	eventTitle   = 100
	eventText    = 4000
	notebookName = 80
)

// DatadogEvents is a list of bodies for POST /api/v1/events, one an entry. Datadog
// refuses those that are older than 18 hours.
func (d Document) DatadogEvents() ([]byte, error) {
	list := []event{}
	for _, r := range d.Rows {
		var b strings.Builder
		for _, f := range append([]string{r.Text}, r.facts()...) {
			b.WriteString(redact.Markdown(f) + "\n\n")
		}
		alert := map[string]string{"trigger": "error", "impact-start": "error", "mitigated": "success", "resolved": "success"}[r.Phase]
		const fences = len("%%% \n\n %%%")
		list = append(list, event{
			Title: clip(r.Text, eventTitle), Text: "%%% \n" + clip(strings.ReplaceAll(b.String(), "%%%", "%%&#37;"), eventText-fences) + "\n %%%",
			DateHappened: r.entry.Start.Unix(), AlertType: orElse(alert, "info"), AggregationKey: clip("tripcurve "+d.Incident, eventTitle), Tags: r.tags(),
		})
	}
	return asJSON("events", list)
}

// The body of Datadog's POST /api/v1/notebooks.
type (
	notebook struct {
		Data notebookData `json:"data"`
	}
	notebookData struct {
		Type       string             `json:"type"`
		Attributes notebookAttributes `json:"attributes"`
	}
	notebookAttributes struct {
		Name   string         `json:"name"`
		Cells  []notebookCell `json:"cells"`
		Time   notebookTime   `json:"time"`
		Status string         `json:"status"`
	}
	notebookCell struct {
		Type       string `json:"type"`
		Attributes struct {
			Definition struct {
				Type string `json:"type"`
				Text string `json:"text"`
			} `json:"definition"`
		} `json:"attributes"`
	}
	notebookTime struct {
		Start string `json:"start"`
		End   string `json:"end"`
		Live  bool   `json:"live"`
	}
)

// rowsPerCell keeps a notebook's cells small enough to be edited there.
const rowsPerCell = 100

// DatadogNotebook is the body for POST /api/v1/notebooks: Markdown cells over the time
// of the incident, to which one adds graphs.
func (d Document) DatadogNotebook() ([]byte, error) {
	var n notebook
	n.Data.Type = "notebooks"
	at := &n.Data.Attributes
	at.Name, at.Status = clip(d.title(), notebookName), "published"
	from, to := d.span()
	at.Time = notebookTime{Start: from.UTC().Format(time.RFC3339), End: to.UTC().Format(time.RFC3339)}
	for first := 0; first == 0 || first < len(d.Rows); first += rowsPerCell {
		part := d
		part.Rows = d.Rows[first:min(len(d.Rows), first+rowsPerCell)]
		text := string(part.Markdown())
		if first > 0 { // the head stands in the first cell
			var b strings.Builder
			for _, t := range []incident.Track{incident.IncidentTrack, incident.RemediationTrack} {
				if rows := part.track(t); len(rows) > 0 {
					part.table(&b, rows, t)
				}
			}
			text = b.String()
		}
		var c notebookCell
		c.Type = "notebook_cells"
		c.Attributes.Definition.Type, c.Attributes.Definition.Text = "markdown", text
		at.Cells = append(at.Cells, c)
	}
	return asJSON("notebook", n)
}

// span is the impact, or without one the time of the rows; never empty.
func (d Document) span() (from, to time.Time) {
	if d.Impact != nil {
		from, to = d.Impact.from, d.Impact.to
	} else if len(d.Rows) > 0 {
		from, to = d.Rows[0].entry.Start, latest(d.track(0), d.Rows[0].entry.Start)
	}
	from = from.Truncate(time.Second)
	return from, slices.MaxFunc([]time.Time{from.Add(time.Second), to.Add(time.Second - 1).Truncate(time.Second)}, time.Time.Compare)
}

// Slack's Block Kit: what chat.postMessage takes.
type (
	slackMessage struct {
		Text   string       `json:"text"` // of notifications
		Blocks []slackBlock `json:"blocks"`
	}
	slackBlock struct {
		Type     string      `json:"type"`
		Text     *slackText  `json:"text,omitempty"`
		Elements []slackText `json:"elements,omitempty"`
	}
	slackText struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
)

// What Slack takes at most.
const (
	slackHeader   = 150  // characters of a header
	slackSection  = 3000 // of a section's text
	slackElements = 2000 // of a context's
	slackBlocks   = 50   // blocks of a message
)

// Slack is a list of messages for chat.postMessage: as many as the blocks need. Times
// are shown in each reader's own zone, and in UTC where they cannot be.
func (d Document) Slack() ([]byte, error) {
	var sections []string
	for _, r := range d.Rows {
		line := r.slack()
		if n := len(sections); n > 0 && len(sections[n-1])+1+len(line) <= slackSection {
			sections[n-1] += "\n" + line
		} else {
			sections = append(sections, line)
		}
	}
	if len(sections) == 0 {
		sections = []string{"no entries"}
	}
	list := []slackMessage{}
	for len(sections) > 0 {
		title := d.title()
		if len(list) > 0 {
			title += fmt.Sprintf(" (%d)", len(list)+1)
		}
		m := slackMessage{Text: slackEscape(title), Blocks: []slackBlock{{Type: "header", Text: &slackText{"plain_text", clip(title, slackHeader)}}}}
		if len(list) == 0 {
			m.Blocks = append(m.Blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", slackEscape(clip(strings.Join(d.preface(), " "), slackElements/6))}}})
		}
		n := min(len(sections), slackBlocks-len(m.Blocks))
		for _, s := range sections[:n] {
			m.Blocks = append(m.Blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", s}})
		}
		sections = sections[n:]
		list = append(list, m)
	}
	return asJSON("messages", list)
}

// slack is a row as a line of mrkdwn, which knows no tables.
func (r Row) slack() string {
	at := stamp(r.entry.Start, r.entry.Precision, time.UTC, true)
	if r.entry.Precision < 24*time.Hour {
		form := "{date_num} {time_secs}"
		if r.entry.Precision >= time.Minute {
			form = "{date_num} {time}"
		}
		at = fmt.Sprintf("<!date^%d^%s|%s>", r.entry.Start.Unix(), form, at)
	}
	if l := r.lasted(); l != "" {
		at += " (" + l + ")"
	}
	rest := " _" + slackEscape(strings.Trim(r.sort()+", "+r.Confidence, ", ")) + "_"
	if s := r.Source.String(); s != "" {
		rest += " [" + slackEscape(clip(s, 200)) + "]"
	}
	text := r.Text
	for n := 2000; len(at)+len(rest)+len(slackEscape(text))+1 > slackSection; n -= n / 4 {
		text = clip(text, n)
	}
	return at + " " + slackEscape(text) + rest
}

// slackEscape is Slack's own: three characters, and nothing is a mention, a link or a
// date any more.
func slackEscape(s string) string { return slackEscapes.Replace(s) }

var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
