package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"tripcurve/services/gateway"
	"tripcurve/services/lab"
)

// labReport is what a lab says of a run, as JSON.
type labReport struct {
	Schema   string    `json:"schema"`
	Scenario string    `json:"scenario"`
	Start    time.Time `json:"start"`
	LengthS  float64   `json:"length_s"`

	OrdersStarted int `json:"orders_started"`
	OrdersServed  int `json:"orders_served"`
	OrdersFailed  int `json:"orders_failed"`
	OrdersLate    int `json:"orders_late"`
	Orders502     int `json:"orders_502"`
	Orders503     int `json:"orders_503"`
	OutOfStock    int `json:"orders_out_of_stock"`
	GaveUp        int `json:"orders_gave_up"` // the customer hung up, and tried no more
	TriedAgain    int `json:"tries_again"`    // failed tries of a checkout that was tried once more

	BlockerPID     int        `json:"blocker_pid,omitempty"`
	LockFrom       *time.Time `json:"lock_from"`
	LockTo         *time.Time `json:"lock_to"`
	LockWaitersMax int        `json:"lock_waiters_max"`
	PoolFullAfterS *float64   `json:"pool_full_after_s"`
	RecoveredAt    *time.Time `json:"recovered_at"`
	Orphans        int        `json:"orphan_reservations"`

	OrdersPaid       int `json:"orders_paid"`
	OrdersShipped    int `json:"orders_shipped"`
	FulfilmentFailed int `json:"fulfilment_failed"` // given up
	FulfilmentLeft   int `json:"fulfilment_left"`   // paid, and neither shipped nor given up

	Endpoints []labEndpoint `json:"endpoints"`
	Events    []labEvent    `json:"events"`

	Verify *labVerify `json:"verify"` // null without --verify
}

type labEndpoint struct {
	Endpoint string `json:"endpoint"`
	Requests int    `json:"requests"`
	Failed   int    `json:"failed"`
}

type labEvent struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
}

func newLabReport(r *lab.Result) labReport {
	rep := labReport{
		Schema: "tripcurve.lab/1", Scenario: r.Scenario, Start: r.Start.UTC(), LengthS: r.Length.Seconds(),
		OrdersStarted: r.Orders.Started, OrdersServed: r.Orders.Served, OrdersFailed: r.Orders.Failed, OrdersLate: r.Orders.Late,
		Orders502: r.Orders.Answered502, Orders503: r.Orders.Answered503, OutOfStock: r.Orders.OutOfStock,
		GaveUp: r.Orders.GaveUp, TriedAgain: r.Orders.TriedAgain,
		BlockerPID: r.BlockerPID, LockFrom: known(r.LockFrom), LockTo: known(r.LockTo), LockWaitersMax: r.WaitersMax,
		RecoveredAt: known(r.RecoveredAt), Orphans: r.Orphans,
		OrdersPaid: r.Fulfilment.Paid, OrdersShipped: r.Fulfilment.Shipped,
		FulfilmentFailed: r.Fulfilment.Failed, FulfilmentLeft: r.Fulfilment.Left + r.Fulfilment.Unsent,
		Events: []labEvent{},
	}
	if r.PoolFullAfter >= 0 {
		s := r.PoolFullAfter.Seconds()
		rep.PoolFullAfterS = &s
	}
	for route := gateway.PostOrder; route <= gateway.PostIntent; route++ {
		e := labEndpoint{Endpoint: route.Method() + " " + route.Template()}
		for _, a := range r.Answers {
			if a.Route == route {
				e.Requests++
				if a.Failed() {
					e.Failed++
				}
			}
		}
		rep.Endpoints = append(rep.Endpoints, e)
	}
	for _, e := range r.Events {
		rep.Events = append(rep.Events, labEvent(e))
	}
	return rep
}

// known is nil for a time that was never reached.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (a *app) labReport(r *lab.Result, rep labReport, format string) error {
	if format == "json" {
		return writeJSON(a.stdout, rep)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "scenario\t%s, %s from %s\n", rep.Scenario, r.Length, rep.Start.Format("2006-01-02 15:04:05Z"))
	line := fmt.Sprintf("checkouts\t%d came, %d served, %d failed", rep.OrdersStarted, rep.OrdersServed, rep.OrdersFailed)
	var ends []string
	for _, e := range []struct {
		n    int
		what string
	}{{rep.Orders502, "502"}, {rep.Orders503, "503"}, {r.Orders.Answered504, "504"}, {rep.OutOfStock, "out of stock"}, {rep.OrdersLate, "late"}, {rep.GaveUp, "gave up"}, {r.Orders.NoAnswer, "no answer"}, {r.Orders.Invalid, "refused"}} {
		if e.n > 0 {
			ends = append(ends, fmt.Sprintf("%s: %d", e.what, e.n))
		}
	}
	if len(ends) > 0 {
		line += " (" + strings.Join(ends, ", ") + ")"
	}
	fmt.Fprintln(w, line)
	if rep.TriedAgain > 0 {
		fmt.Fprintf(w, "tried again\t%s\n", plural(int64(rep.TriedAgain), "time"))
	}
	for _, e := range rep.Endpoints[1:] {
		fmt.Fprintf(w, "%s\t%d requests, %d failed\n", e.Endpoint, e.Requests, e.Failed)
	}
	clock := func(t *time.Time) string { return t.Format("15:04:05.0Z") }
	if rep.LockFrom != nil && rep.LockTo != nil {
		fmt.Fprintf(w, "lock\tpid %d, %s to %s, at most %d sessions of inventory waited\n", rep.BlockerPID, clock(rep.LockFrom), clock(rep.LockTo), rep.LockWaitersMax)
	}
	if rep.PoolFullAfterS != nil {
		fmt.Fprintf(w, "pool full\t%.1f s after the first fault\n", *rep.PoolFullAfterS)
	}
	if rep.RecoveredAt != nil {
		fmt.Fprintf(w, "recovered\t%s\n", clock(rep.RecoveredAt))
	} else if rep.OrdersFailed > 0 {
		fmt.Fprintln(w, "recovered\tnever")
	}
	fmt.Fprintf(w, "fulfilment\t%d paid, %d shipped, %d given up, %d left\n", rep.OrdersPaid, rep.OrdersShipped, rep.FulfilmentFailed, rep.FulfilmentLeft)
	fmt.Fprintf(w, "orphans\t%s that no order names\n", plural(int64(rep.Orphans), "reservation"))
	if err := w.Flush(); err != nil || rep.Verify == nil {
		return err
	}
	return rep.Verify.text(a.stdout)
}
