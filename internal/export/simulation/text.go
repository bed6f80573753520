package simulation

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// Text writes the report for people, with a second column when there is a run
// to compare with.
func (rep Report) Text(out io.Writer, today *Report) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	head := "\tthis run\t"
	if today != nil {
		head = "\ttoday\tthis run\tdifference\t"
	}
	fmt.Fprintf(out, "%s, seed %d\n\n", rep.Scenario, rep.Seed)
	fmt.Fprintln(w, head)
	row := func(name, unit string, get func(Report) float64) {
		v := get(rep)
		if today == nil {
			fmt.Fprintf(w, "%s\t%s\t\n", name, measured(v, unit))
			return
		}
		t := get(*today)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", name, measured(t, unit), measured(v, unit), difference(t, v, unit))
	}
	row("orders failed", "", func(r Report) float64 { return float64(r.OrdersFailed) })
	row("  answered 502", "", func(r Report) float64 { return float64(r.Orders502) })
	row("  answered 503", "", func(r Report) float64 { return float64(r.Orders503) })
	row("  accepted too late", "", func(r Report) float64 { return float64(r.OrdersLate) })
	row("of these rejected by a breaker", "", func(r Report) float64 { return float64(r.OrdersRejected) })
	row("outage of checkouts", "s", func(r Report) float64 { return r.OutageS })
	row("  not under the lock", "s", func(r Report) float64 { return r.RemainderS })
	row("wait until recovery, p50", "s", func(r Report) float64 { return r.WaitP50S })
	row("wait until recovery, p99", "s", func(r Report) float64 { return r.WaitP99S })
	row("reads of stock failed", "", func(r Report) float64 { return float64(r.failed("GET", "/api/inventory/:sku")) })
	row("orphan reservations", "", func(r Report) float64 { return float64(r.Orphans) })
	row("calls on inventory", "", func(r Report) float64 { return float64(r.ReserveCalls) })
	row("lock waiters at most", "", func(r Report) float64 { return float64(r.LockWaitersMax) })
	row("DEADLINE_EXCEEDED", "", func(r Report) float64 { return float64(r.DeadlineExceeded) })
	if err := w.Flush(); err != nil {
		return err
	}
	if rep.Queue != nil {
		rep.Queue.text(out, rep.LockWindow != nil)
	}
	rep.story(out)
	rep.traps(out)
	if len(rep.Assumed) > 0 {
		fmt.Fprintln(out, "\nAssumed, for nobody measured or stated it:")
		for _, a := range rep.Assumed {
			fmt.Fprint(out, export.Wrap(a, "  - ", "    "))
		}
	}
	if rep.Replications != nil {
		return rep.Replications.text(out)
	}
	return nil
}

// traps writes the traps that the run fell into.
func (rep Report) traps(out io.Writer) {
	if len(rep.Traps) == 0 {
		return
	}
	fmt.Fprintln(out, "\nTraps that this run fell into:")
	for _, t := range rep.Traps {
		fmt.Fprint(out, export.Wrap(fmt.Sprintf("%s: %s.", t.ID, t.Text), "  - ", "    "))
		fmt.Fprint(out, export.Wrap("Why: "+t.Why+".", "    ", "    "))
		way := "Way out: " + t.Way + "."
		if t.Change != nil {
			way += " Try --set " + *t.Change + "."
		}
		fmt.Fprint(out, export.Wrap(way, "    ", "    "))
	}
}

// story writes what happened when.
func (rep Report) story(out io.Writer) {
	fmt.Fprintln(out)
	for _, e := range rep.Events {
		event(out, e)
	}
	switch {
	case rep.OutageS == 0:
	case rep.RemainderS == 0:
		fmt.Fprintf(out, "\nThe lock covers all of the %s s in which checkouts failed.\n", number(rep.OutageS))
	default:
		fmt.Fprintln(out)
		fmt.Fprint(out, export.Wrap(fmt.Sprintf("The lock covers %.1f %% of the %s s in which checkouts failed; %s s have another reason.",
			100*rep.Coverage, number(rep.OutageS), number(rep.RemainderS)), "", ""))
	}
}

// event is one thing that happened, its text in a column of its own.
func event(out io.Writer, e Event) {
	first := fmt.Sprintf("%s  %-18s ", clock(e.At), strings.ReplaceAll(e.Kind, "_", " "))
	fmt.Fprint(out, export.Wrap(redact.Line(e.Text), first, strings.Repeat(" ", len(first))))
}

// text says what became of the orders that were left to the queue.
func (q *CheckoutQueue) text(out io.Writer, locked bool) {
	text := fmt.Sprintf("%s orders were accepted at once and left to the queue: %s done, %s declined, %s given up, %s in flight at the end. At most %s waited",
		count(q.Accepted), count(q.Done), count(q.Declined), count(q.Failed), count(q.InFlight), count(q.BacklogMax))
	switch {
	case q.BacklogMax == 0:
	case q.DrainedAfterS == nil:
		text += "; that backlog was not drained before the end"
	case !locked: // in a run without a trigger it is the first instant at which none waited
	default:
		text += fmt.Sprintf("; that backlog was drained %s after the lock's end", measured(*q.DrainedAfterS, "s"))
	}
	fmt.Fprintln(out)
	fmt.Fprint(out, export.Wrap(text+".", "", ""))
}

func (rep Report) failed(method, route string) int {
	for _, e := range rep.Endpoints {
		if e.Method == method && e.Route == route {
			return e.Failed
		}
	}
	return 0
}

// clock is the time of day of an RFC 3339 instant of this report.
func clock(instant string) string {
	_, t, _ := strings.Cut(instant, "T")
	return t
}

// number prints whole numbers with thousands apart and others with one decimal.
func number(v float64) string {
	if v != math.Trunc(v) && math.Abs(v) < 1000 {
		return fmt.Sprintf("%.1f", v)
	}
	return export.Number(v, 0)
}

// measured is a number with its unit, which counts have none of. Less than a
// second is told in milliseconds.
func measured(v float64, unit string) string {
	switch {
	case unit == "":
		return number(v)
	case unit == "s" && v != 0 && math.Abs(v) < 1:
		return number(math.Round(v*1000)) + " ms"
	}
	return number(v) + " " + unit
}

func difference(from, to float64, unit string) string {
	if from == to {
		return "same"
	}
	d := measured(to-from, unit)
	if to > from {
		d = "+" + d
	}
	if from == 0 {
		return d
	}
	return fmt.Sprintf("%s (%+.0f %%)", d, 100*(to-from)/from)
}
