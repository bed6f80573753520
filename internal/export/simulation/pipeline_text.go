package simulation

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

// Text writes the report for people; today, when there is one, is the run to compare
// with.
func (rep PipelineReport) Text(out io.Writer, today *PipelineReport) error {
	fmt.Fprintf(out, "%s, seed %d, %s from %s\n\n", redact.Line(rep.Pipeline), rep.Seed, span(rep.LengthS), rep.Start)
	if err := rep.requests(out, today); err != nil {
		return err
	}
	if err := rep.calls(out); err != nil {
		return err
	}
	if err := rep.waits(out); err != nil {
		return err
	}
	if len(rep.Story) > 0 {
		fmt.Fprintln(out)
	}
	for i, e := range rep.Story {
		if i == mostEvents {
			fmt.Fprintf(out, "... and %d more events (--format json has all)\n", len(rep.Story)-i)
			break
		}
		event(out, e)
	}
	rep.Replications.text(out)
	return nil
}

// mostEvents is what a person reads.
const mostEvents = 60

// requests is the clients' table: how every request ended, and how long they waited.
func (rep PipelineReport) requests(out io.Writer, today *PipelineReport) error {
	rows := table{{"client, request", "started", "ok", "failed", "rejected", "in flight", "p50", "p99"}}
	row := func(name string, q Request) {
		p50, p99 := "-", "-"
		if q.Started > q.InFlight {
			p50, p99 = span(q.P50S), span(q.P99S)
		}
		rows = append(rows, []string{name, count(q.Started), count(q.OK), count(q.Failed), count(q.Rejected), count(q.InFlight), p50, p99})
	}
	for i, q := range rep.Requests {
		row(q.Client+", "+q.Endpoint, q)
		if today != nil && i < len(today.Requests) {
			row("as it is in the file", today.Requests[i])
		}
	}
	if err := rows.text(out); err != nil {
		return err
	}
	for _, q := range rep.Requests {
		var parts []string
		for _, p := range []struct {
			n    int
			what string
		}{{q.TimedOut, "timed out"}, {q.Late, "answered too late"}, {q.HungUp, "given up by the client"}, {q.Degraded, "answered by a fallback"}} {
			if p.n > 0 {
				parts = append(parts, count(p.n)+" "+p.what)
			}
		}
		if len(parts) > 0 {
			fmt.Fprint(out, export.Wrap(fmt.Sprintf("of the failed %s: %s", redact.Line(q.Endpoint), strings.Join(parts, ", ")), "", "  "))
		}
	}
	return nil
}

// calls is the edges' table.
func (rep PipelineReport) calls(out io.Writer) error {
	if len(rep.Edges) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	rows := table{{"edge", "calls", "attempts", "ok", "timed out", "rejected", "streams at most"}}
	for _, e := range rep.Edges {
		rows = append(rows, []string{e.Name, count(e.Calls), count(e.Attempts), count(e.OK), count(e.TimedOut), count(e.Rejected), count(int(e.StreamsMax))})
	}
	return rows.text(out)
}

// waits is what requests waited for: connections, locks, jobs.
func (rep PipelineReport) waits(out io.Writer) error {
	if len(rep.Pools) > 0 {
		fmt.Fprintln(out)
		rows := table{{"pool", "size", "in use at most", "waiting at most", "requests that waited"}}
		for _, p := range rep.Pools {
			size := "unlimited"
			if p.Size != nil {
				size = count(*p.Size)
			}
			rows = append(rows, []string{p.Name, size, count(int(p.InUseMax)), count(int(p.WaitMax)), count(p.Waited)})
		}
		if err := rows.text(out); err != nil {
			return err
		}
	}
	for _, d := range rep.Databases {
		if d.LockWaits > 0 {
			fmt.Fprint(out, export.Wrap(fmt.Sprintf("lock waits in %s: %s, %s at most at a time", redact.Line(d.Name), count(d.LockWaits), count(int(d.WaitersMax))), "", "  "))
		}
	}
	for _, q := range rep.Queues {
		fmt.Fprint(out, export.Wrap(fmt.Sprintf("queue %s: %s came, %s done, %s given up, %s; %s waiting at most, %s at the end",
			redact.Line(q.Name), export.Plural(q.Enqueued, "job"), count(q.Done), count(q.Discarded), tries(q.Retried),
			count(int(q.DepthMax)), count(int(last(q.Depth)))), "", "  "))
	}
	return nil
}

// table is a head and its rows, whose names may be anybody's. All columns are
// right-aligned; where a line would be longer than a terminal, the first column stands on
// lines of its own.
type table [][]string

func (t table) text(out io.Writer) error {
	width := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			row[i] = redact.Line(cell)
			width[i] = max(width[i], export.Cells(row[i]))
		}
	}
	all := 0
	for _, w := range width {
		all += w + 2
	}
	wide := all > export.Columns
	var b strings.Builder
	for y, row := range t {
		var line strings.Builder
		for i, cell := range row {
			switch {
			case i > 0 || !wide:
				line.WriteString("  " + export.Right(cell, width[i]))
			case y > 0:
				b.WriteString(cell + "\n")
			}
		}
		b.WriteString(line.String() + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func last(series []int32) int32 {
	if len(series) == 0 {
		return 0
	}
	return series[len(series)-1]
}

func tries(n int) string {
	if n == 1 {
		return "1 further try"
	}
	return count(n) + " further tries"
}

func count(n int) string { return export.Number(float64(n), 0) }

// span is a number of seconds as people write it, to three digits.
func span(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g us", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case d < 10*time.Minute:
		return fmt.Sprintf("%.4g s", d.Seconds())
	default:
		return fmt.Sprintf("%.4g min", d.Minutes())
	}
}
