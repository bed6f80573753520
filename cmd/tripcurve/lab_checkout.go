package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/services/lab"
	"tripcurve/services/order"
)

// checkoutMode is a flag that says how a shop takes orders.
func checkoutMode(cmd *cobra.Command, into *order.Mode) {
	cmd.Flags().Var(&choice{(*string)(into), []string{string(order.Sync), string(order.Async)}}, "checkout",
		"how the shop takes orders: reserved while the customer waits, or accepted at once and left to its queue (default sync)")
}

// drainSay is how often a drain says how far it is.
const drainSay = time.Second

func (a *app) labCheckoutCommand(dir *string) *cobra.Command {
	var drain bool
	var format string
	cmd := &cobra.Command{
		Use:   "checkout [async|sync]",
		Short: "say or switch how the lab's shop takes orders",
		Long: `Without a mode it says how the shop takes orders and what its queue has of them. async: from the next
order on each is accepted at once (202), and the queue reserves its stock and takes its payment. sync:
both are done while the customer waits, as on the night of the incident.

There is no simple way back: while accepted orders are in flight, sync is refused with their number, exit
code 1. --drain takes no new orders (503 with Retry-After) until those are done, and then switches; ctrl+c
meanwhile lets the shop take orders as before, and so does "async". Only "async" does when the order service
died during a drain.`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{string(order.Async), string(order.Sync)}, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at := a.labDir(*dir)
			if len(args) == 0 {
				if drain {
					return badInput("--drain switches back to sync: tripcurve lab checkout sync --drain")
				}
				i, err := lab.Checkout(cmd.Context(), at)
				return a.labCheckout(cmd.Context(), i, err, format)
			}
			to, err := order.ParseMode(args[0])
			if err != nil {
				return exitError{exitUsage, err}
			}
			if drain && to != order.Sync {
				return badInput("--drain is for the way back: tripcurve lab checkout sync --drain")
			}
			if drain {
				watching, stop := context.WithCancel(cmd.Context())
				said := make(chan struct{})
				go func() {
					defer close(said)
					sayDrain(watching, a.stderr, at)
				}()
				defer func() { stop(); <-said }()
			}
			i, err := lab.SwitchCheckout(cmd.Context(), at, to, drain)
			return a.labCheckout(cmd.Context(), i, err, format)
		},
	}
	cmd.Flags().BoolVar(&drain, "drain", false, "take no orders until the accepted ones are done, then switch to sync")
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

// sayDrain tells how many orders are still in flight, whenever that has changed,
// until ctx ends.
func sayDrain(ctx context.Context, out io.Writer, dir string) {
	tick := time.NewTicker(drainSay)
	defer tick.Stop()
	before := -1
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if i, err := lab.Checkout(ctx, dir); err == nil && i.Jobs.Left() != before {
			before = i.Jobs.Left()
			fmt.Fprintf(out, "draining: %s in flight\n", plural(int64(before), "accepted order"))
		}
	}
}

// labIntake is how the lab's shop takes orders, as JSON.
type labIntake struct {
	Schema string `json:"schema"`
	order.Intake
}

func (a *app) labCheckout(ctx context.Context, i order.Intake, err error, format string) error {
	var left *order.InFlightError
	switch {
	case errors.As(err, &left):
		return exitError{exitFindings, fmt.Errorf("not switched: %s in flight; wait, or stop the intake and wait with --drain", plural(int64(left.Orders), "accepted order"))}
	case errors.Is(err, lab.ErrNoLab):
		return exitError{exitUsage, err}
	case err != nil && ctx.Err() != nil:
		return exitError{exitUnreachable, errors.New("ended before the queue was drained; the shop takes orders as before")}
	case err != nil:
		return exitError{exitUnreachable, err}
	case format == "json":
		return writeJSON(a.stdout, labIntake{"tripcurve.lab-checkout/1", i})
	}
	how := "reserved and paid for while the customer waits"
	switch {
	case i.Closed:
		how = "none are taken while the accepted ones are done"
	case i.Mode == order.Async:
		how = "accepted at once, reserved and paid for by the queue"
	}
	_, err = fmt.Fprintf(a.stdout, "checkout  %s: %s\nqueue     %d waiting, %d running, %d done within a day, %d given up\n",
		i.Mode, how, i.Jobs.Waiting, i.Jobs.Running, i.Jobs.Done, i.Jobs.Failed)
	return err
}
