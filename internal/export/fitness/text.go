package fitness

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

// Text writes the report for people.
func (rep *Report) Text(out io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(redact.Line(fmt.Sprintf(format, args...)) + "\n") }
	list := func(title string, items []string) {
		if len(items) == 0 {
			return
		}
		line("")
		line("%s", title)
		for _, item := range items {
			b.WriteString(export.Wrap(redact.Line(item), "  - ", "    "))
		}
	}
	if len(rep.Refused) > 0 {
		line("%s cannot be fitted", rep.Incident)
		var why []string
		for _, r := range rep.Refused {
			why = append(why, r.Lacks+": "+r.Why)
		}
		list("BECAUSE OF", why)
		b.WriteString("\n" + export.Wrap(rep.Redaction.Statement, "", ""))
		_, err := io.WriteString(out, b.String())
		return err
	}
	line("%s: %s to %s", rep.Incident, rep.From, rep.To)
	line("%-36s %11s %11s %8s %7s", "", "recorded", "simulated", "off", "bound")
	of, chance, inRank := "", false, false
	for _, q := range rep.Quantities {
		if q.Of != of {
			of = q.Of
			line("%s", of)
		}
		mark := " "
		if !q.Holds {
			mark = "!"
		} else if q.ByChance {
			mark, chance = "~", true
		}
		off := q.off(q.Error)
		if apart := math.Abs(q.Simulated-q.Recorded) / q.Recorded; q.Unit == "s" && q.Holds && q.Recorded > 0 && q.Error != nil && apart > *q.Error+0.0005 {
			off, mark, inRank = q.off(&apart), "=", true
		}
		line("%s %-34s %11s %11s %8s %7s", mark, q.label(), rep.value(&q, q.Recorded), rep.value(&q, q.Simulated), off, q.off(&q.Bound))
	}
	if inRank {
		line("= no further off than the recording tells: half a rank of its requests, or 1 ms")
	}
	if chance {
		line("~ further off than the bound, and no further than one run in ten by chance")
	}
	var faults []string
	for _, f := range rep.Faults {
		from, _ := time.Parse(time.RFC3339, f.From)
		when := "at " + from.Format("15:04:05Z")
		if f.ForS > 0 {
			when = "from " + from.Format("15:04:05Z") + " for " + seconds(f.ForS)
		}
		faults = append(faults, when+": "+f.What)
	}
	list("WHAT WENT WRONG", faults)
	list("NOT IDENTIFIED", rep.NotIdentified)
	list("LEFT OUT", rep.LeftOut)
	line("")
	b.WriteString(export.Wrap(rep.verdict(), "", ""))
	b.WriteString("\n" + export.Wrap(rep.Redaction.Statement, "", ""))
	_, err := io.WriteString(out, b.String())
	return err
}

// verdict is the last sentence.
func (rep *Report) verdict() string {
	var off []string
	for _, q := range rep.Quantities {
		if !q.Holds {
			off = append(off, q.Of+" "+q.Name)
		}
	}
	if len(off) == 0 {
		return fmt.Sprintf("It reproduces the recording: all %d figures, over %d runs, are within their bounds.", len(rep.Quantities), rep.Runs)
	}
	return fmt.Sprintf("It does NOT reproduce the recording: %d of %d figures, over %d runs, are outside of their bounds: %s.", len(off), len(rep.Quantities), rep.Runs, redact.Line(strings.Join(off, ", ")))
}

// label is a quantity with the requests that it rests on.
func (q *Quantity) label() string {
	if q.Name == "requests" || q.Of == "all" {
		return q.Name
	}
	return q.Name + ", of " + export.Number(q.Facts, 0)
}

// value is a figure in its unit.
func (rep *Report) value(q *Quantity, v float64) string {
	switch q.Unit {
	case "share":
		return percent(v)
	case "s":
		return seconds(v)
	case "from":
		from, _ := time.Parse(time.RFC3339, rep.From)
		return from.Add(time.Duration(v * float64(time.Second))).Format("15:04:05Z")
	}
	return export.Number(v, 0)
}

// off is how far off, or may be.
func (q *Quantity) off(e *float64) string {
	switch {
	case e == nil:
		return "all"
	case q.Unit == "from":
		return seconds(*e)
	}
	return percent(*e)
}

func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + " %" }

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// seconds with three digits, in ms below one.
func seconds(v float64) string {
	if v < 1 {
		return strconv.FormatFloat(1000*v, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " s"
}
