package simulation

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"tripcurve/internal/export"
)

// Text writes the report for people; today, when there is one, is the run to compare
// with.
func (rep PipelineReport) Text(out io.Writer, today *PipelineReport) error {
	fmt.Fprintf(out, "%s, seed %d, %s from %s\n\n", rep.Pipeline, rep.Seed, span(rep.LengthS), rep.Start)
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
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "client, request\tstarted\tok\tfailed\trejected\tin flight\tp50\tp99\t")
	row := func(name string, q Request) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, count(q.Started), count(q.OK), count(q.Failed), count(q.Rejected), count(q.InFlight), span(q.P50S), span(q.P99S))
	}
	for i, q := range rep.Requests {
		row(q.Client+", "+q.Endpoint, q)
		if today != nil && i < len(today.Requests) {
			row("as it is in the file", today.Requests[i])
		}
	}
	if err := w.Flush(); err != nil {
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
			fmt.Fprintf(out, "of the failed %s: %s\n", q.Endpoint, strings.Join(parts, ", "))
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
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "edge\tcalls\tattempts\tok\ttimed out\trejected\tstreams at most\t")
	for _, e := range rep.Edges {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", e.Name, count(e.Calls), count(e.Attempts), count(e.OK), count(e.TimedOut), count(e.Rejected), count(int(most(e.Streams))))
	}
	return w.Flush()
}

// waits is what requests waited for: connections, locks, jobs.
func (rep PipelineReport) waits(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	if len(rep.Pools) > 0 {
		fmt.Fprintln(w, "\npool\tsize\tin use at most\twaiting at most\trequests that waited\t")
		for _, p := range rep.Pools {
			size := "unlimited"
			if p.Size != nil {
				size = count(*p.Size)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", p.Name, size, count(int(most(p.InUse))), count(int(most(p.Waiting))), count(p.Waited))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, d := range rep.Databases {
		if d.LockWaits > 0 {
			fmt.Fprintf(out, "lock waits in %s: %s, %s at most at a time\n", d.Name, count(d.LockWaits), count(int(d.WaitersMax)))
		}
	}
	for _, q := range rep.Queues {
		fmt.Fprintf(out, "queue %s: %s jobs left, %s done, %s tried again, %s given up, %s waiting at most\n", q.Name, count(q.Enqueued), count(q.Done), count(q.Retried), count(q.Discarded), count(int(most(q.Depth))))
	}
	return nil
}

func most(series []int32) (m int32) {
	for _, v := range series {
		m = max(m, v)
	}
	return m
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
