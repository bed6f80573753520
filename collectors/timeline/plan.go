package timeline

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Change is what a reading does to one entry.
type Change struct {
	New    bool
	Before incident.Entry // zero when New
	After  incident.Entry
	Fields []string // that differ, in their order
}

// Plan is what a reading does to a timeline.
type Plan struct {
	Changes []Change
	Same    int              // entries that stay as they are
	Missing []incident.Entry // that the reading, an edited export, does not have
}

// Merge says what reading in makes of the timeline. now is all of the timeline as the
// same format exports it at this moment, so that what redaction and rounding did to an
// export is no edit; of the formats of others it is not needed: what is there already
// stays as it is, also where people have edited it since.
func Merge(name string, entries []incident.Entry, now, in Reading) (Plan, error) {
	var p Plan
	byID := map[string]incident.Entry{}
	for _, e := range entries {
		byID[e.ID] = e
	}
	written := map[string]Record{}
	for _, r := range now.Records {
		written[r.ID] = r
	}
	have := map[string]bool{}
	for _, r := range in.Records {
		before, known := byID[r.ID]
		have[r.ID] = true
		if known && !in.Ours() {
			p.Same++
			continue
		}
		c := Change{New: !known, Before: before, After: before}
		if c.New {
			c.After = incident.Entry{ID: r.ID, Confidence: "stated", Source: incident.EntrySource{Name: "people"}}
			if r.ID == "" {
				c.After.ID = incident.EntryID("people", r.Fields["start"]+" "+r.Fields["text"])
				if _, twice := byID[c.After.ID]; twice || have[c.After.ID] {
					p.Same++
					continue
				}
				have[c.After.ID] = true
			}
		}
		for _, field := range incident.Fields() {
			v, said := r.Fields[field]
			if !said || known && v == written[r.ID].Fields[field] || !known && v == "" {
				continue
			}
			if known {
				v = restore(written[r.ID].Fields[field], redact.Flat(before.Get(field)), v)
			}
			was := c.After.Get(field)
			if err := c.After.Set(field, v); err != nil {
				return Plan{}, fmt.Errorf("%s:%d:%d: %w", name, r.Line, r.Column, err)
			}
			if c.After.Get(field) != was {
				c.Fields = append(c.Fields, field)
			}
		}
		if len(c.Fields) == 0 {
			p.Same++
			continue
		}
		if err := c.After.Check(); err != nil {
			return Plan{}, fmt.Errorf("%s:%d:%d: %w", name, r.Line, r.Column, err)
		}
		p.Changes = append(p.Changes, c)
	}
	if in.Ours() {
		for _, e := range entries {
			if !have[e.ID] && !e.Hidden && len(written) > 0 {
				p.Missing = append(p.Missing, e)
			}
		}
	}
	return p, nil
}

// token is what redaction puts in a value's place.
var token = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[[a-z]+-\d+\]|\$\d+`) })

// restore puts back what redaction took out of a text before somebody edited it:
// "told [email-1]" of "told jo@example.org" becomes "asked jo@example.org" and not
// "asked [email-1]".
func restore(redacted, original, edited string) string {
	if redacted == original || !token().MatchString(edited) {
		return edited
	}
	var pattern strings.Builder
	var tokens []string
	rest := redacted
	for {
		at := token().FindStringIndex(rest)
		if at == nil {
			break
		}
		pattern.WriteString(regexp.QuoteMeta(rest[:at[0]]) + "(.+?)")
		tokens = append(tokens, rest[at[0]:at[1]])
		rest = rest[at[1]:]
	}
	re, err := regexp.Compile("^(?s:" + pattern.String() + regexp.QuoteMeta(rest) + ")$")
	if err != nil {
		return edited
	}
	values := re.FindStringSubmatch(original)
	if values == nil {
		return edited
	}
	was := map[string]string{}
	for i, t := range tokens {
		was[t] = values[i+1]
	}
	return token().ReplaceAllStringFunc(edited, func(t string) string { return orElse(was[t], t) })
}
