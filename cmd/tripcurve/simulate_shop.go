package main

import (
	"time"

	"github.com/spf13/cobra"

	"tripcurve/services/order"
	"tripcurve/sim"
)

// shopFlags change how the shop of a bundled scenario takes orders.
type shopFlags struct {
	checkout order.Mode
	back     time.Duration
	drain    bool
}

func (f *shopFlags) add(cmd *cobra.Command) {
	checkoutMode(cmd, &f.checkout)
	cmd.Flags().DurationVar(&f.back, "back", 0, "with --checkout async: switch back to sync this long after the run's beginning (default: never)")
	cmd.Flags().BoolVar(&f.drain, "drain", false, "with --back: take no orders until the accepted ones are done; without, the switch is refused while any is in flight")
}

func (f *shopFlags) given() bool { return *f != shopFlags{} }

// apply is the scenario as the flags change it.
func (f *shopFlags) apply(sc sim.Scenario) (sim.Scenario, error) {
	switch {
	case f.back < 0 || f.back >= sc.Length:
		return sc, badInput("--back %s: the run is %s long", f.back, sc.Length)
	case f.back > 0 && f.checkout != order.Async:
		return sc, badInput("--back %s: there is a way back only from --checkout async", f.back)
	case f.drain && f.back == 0:
		return sc, badInput("--drain is for the way back: --back says when")
	}
	sc.Checkout = f.checkout
	if f.back > 0 {
		sc.Faults = append(sc.Faults[:len(sc.Faults):len(sc.Faults)], sim.SwitchCheckout{At: f.back, To: order.Sync, Drain: f.drain})
	}
	return sc, nil
}
