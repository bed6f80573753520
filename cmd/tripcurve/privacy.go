package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tripcurve/internal/export/timeline"
	"tripcurve/internal/redact"
)

// privacy are the flags of a command that hands evidence out. Without them personal data
// and secrets are replaced.
type privacy struct {
	unredacted bool
	opt        redact.Options
}

func (p *privacy) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.unredacted, "unredacted", false, "leave texts, addresses and numbers as collected; credentials were masked when they came in")
	p.addKinds(cmd)
	cmd.MarkFlagsMutuallyExclusive("unredacted", "keep-network")
	cmd.MarkFlagsMutuallyExclusive("unredacted", "ids")
}

// addKinds adds what is replaced beyond the usual, or less.
func (p *privacy) addKinds(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.opt.KeepNetwork, "keep-network", false, "keep the network of an address: an IPv4 /24, an IPv6 /48")
	cmd.Flags().BoolVar(&p.opt.IDs, "ids", false, "replace user, cart, order, reservation and intent ids too")
}

// redacted says on stderr what was replaced, or that nothing was meant to be.
func (a *app) redacted(r timeline.Redaction) {
	if len(r.Replaced) > 0 || !r.Applied {
		fmt.Fprintln(a.stderr, r.Statement)
	}
}
