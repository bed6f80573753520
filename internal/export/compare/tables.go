package compare

import (
	"fmt"
	"math"
	"strings"

	"tripcurve/sim/compare"
	"tripcurve/sim/output"
)

// table is a part of the comparison, for text and for Markdown alike. The first
// column has names, the others numbers.
type table struct {
	title string
	head  []string
	rows  [][]string
	note  string
}

// tables are the parts in their order.
func (rep Report) tables() []table {
	all := []table{rep.outages(), rep.endings(), rep.costs()}
	for _, t := range []table{rep.breakers(), rep.queues()} {
		if len(t.rows) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// outages is what a remedy does to the incident: who is not served, for how long.
func (rep Report) outages() table {
	t := table{
		title: "Checkouts not served, and the outage",
		head:  []string{"remedy", "mean", "5-95 %", "vs today", "95 %", "outage", "recovers"},
		note: fmt.Sprintf("not served: not accepted within %s; vs today: paired difference with its interval; outage: first failing start "+
			"to last failing end; recovers: after the trigger's end, by itself, in half of the runs.", measured(rep.Patience, "s")),
	}
	for i, r := range rep.c.Rows {
		f, _ := r.Figure("failed")
		vs, interval := "", ""
		if i > 0 {
			vs, interval = signed(f.VersusNow.Value), bounds(f.VersusNow)
		}
		t.rows = append(t.rows, []string{
			r.Remedy.Name, figure(f.Mean), spread(f), vs, interval, measured(mean(r, "outage_s"), "s"), recovers(r),
		})
	}
	return t
}

// endings is how the checkouts ended that were not served. Columns without any are
// left out.
func (rep Report) endings() table {
	return rep.means("How they ended", []column{
		{"failed_502", "502"},
		{"failed_503", "503"},
		{"failed_504", "504"},
		{"rejected", "rejected"},
		{"late", "late"},
		{"failed_other", "other"},
		{"unanswered", "no answer"},
	}, "means; rejected: the last answer was a breaker's, whatever its status; the columns add up to those not served.")
}

// costs is what else changes.
func (rep Report) costs() table {
	return rep.means("Waits, side effects and load", []column{
		{"wait_p50_s", "p50"},
		{"wait_p99_s", "p99"},
		{"reads_failed", "reads"},
		{"orphans", "orphans"},
		{"reserve_calls", "calls"},
		{"calls_per_order", "per order"},
		{"lock_waiters", "waiters"},
		{"connections_lost", "conns"},
	}, "means; p50, p99: customers' wait between "+clock(rep.Incident.From)+" and "+clock(rep.Incident.To)+"; reads: of stock, failed; "+
		"orphans: reservations of no order; calls: of Reserve that reached inventory, per order those while something was wrong; "+
		"waiters: sessions at the lock at once; conns: connections lost.")
}

// column is a measure and its heading.
type column struct{ measure, head string }

func (rep Report) means(title string, columns []column, note string) table {
	t := table{title: title, head: []string{"remedy"}, note: note}
	var shown []column
	for _, col := range columns {
		for _, r := range rep.c.Rows {
			if mean(r, col.measure) != 0 {
				shown = append(shown, col)
				t.head = append(t.head, col.head)
				break
			}
		}
	}
	for _, r := range rep.c.Rows {
		row := []string{r.Remedy.Name}
		for _, col := range shown {
			unit := ""
			if col.measure == "wait_p50_s" || col.measure == "wait_p99_s" {
				unit = "s"
			}
			row = append(row, measured(mean(r, col.measure), unit))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// breakers is the rows that have one.
func (rep Report) breakers() table {
	t := table{
		title: "Breakers",
		head:  []string{"remedy", "opens after", "in 95 %", "trips", "false trips a day", "5-95 %"},
		note: fmt.Sprintf("opens after: since the incident began, in half of the runs; trips: on all edges; false trips: on a healthy day on which "+
			"%g %% of the calls fail by chance, on all edges, from the breakers' machines alone.", 100*compare.HealthyShare),
	}
	for _, r := range rep.c.Rows {
		if !r.Breaker {
			continue
		}
		f, _ := r.Figure(compare.FalseTrips)
		t.rows = append(t.rows, []string{
			r.Remedy.Name, until(r.Opening.Quantile(0.5, output.Level).Value), until(r.Opening.Quantile(0.95, output.Level).Value),
			figure(mean(r, "trips")), figure(f.Mean), spread(f),
		})
	}
	return t
}

// queues is the rows that leave orders to one.
func (rep Report) queues() table {
	t := table{
		title: "The queue",
		head:  []string{"remedy", "backlog", "5-95 %", "drained", "in 95 %", "no way back", "undone"},
		note: "backlog: accepted orders that wait, at most; drained: after the trigger's end, by itself, in half of the runs; no way back: the " +
			"longest time for which orders are in flight, so that switching back to synchronous checkouts is refused until they are drained; undone: accepted, " +
			"and declined or given up later, or not done at the end.",
	}
	for _, r := range rep.c.Rows {
		if !r.Queue {
			continue
		}
		f, _ := r.Figure("backlog")
		half, most := r.Drain.Quantile(0.5, output.Level).Value, r.Drain.Quantile(0.95, output.Level).Value
		drained := func(v float64) string {
			if math.IsInf(v, 0) {
				return "by restart"
			}
			return measured(v, "s")
		}
		t.rows = append(t.rows, []string{
			r.Remedy.Name, figure(f.Mean), spread(f), drained(half), drained(most), measured(mean(r, "no_way_back_s"), "s"), figure(mean(r, "undone")),
		})
	}
	return t
}

// recovers is the median of the recovery.
func recovers(r compare.Row) string {
	half := r.Recovery.Quantile(0.5, output.Level).Value
	switch {
	case r.Troubled == 0:
		return "no failure"
	case !math.IsInf(half, 0) && half <= 0:
		return "at once"
	case !math.IsInf(half, 0):
		return measured(half, "s")
	case r.Restarted > 0:
		return "by restart"
	}
	return "> " + measured(seconds(r.Watched), "s")
}

func until(v float64) string {
	if math.IsInf(v, 0) {
		return "never"
	}
	return measured(v, "s")
}

func spread(f compare.Figure) string {
	if f.P5 == f.P95 {
		return figure(f.P5)
	}
	return figure(f.P5) + "-" + figure(f.P95)
}

func signed(v float64) string {
	if v > 0 {
		return "+" + figure(v)
	}
	return figure(v)
}

func bounds(d output.Difference) string {
	if math.IsInf(d.Lo, 0) || math.IsInf(d.Hi, 0) {
		return "-"
	}
	if lo, hi := signed(d.Lo), signed(d.Hi); lo != hi {
		return lo + ".." + hi
	}
	return signed(d.Lo)
}

// clock is the time of day of an instant of the report.
func clock(instant string) string {
	_, t, _ := strings.Cut(instant, "T")
	return t
}
