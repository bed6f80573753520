package main

import (
	"github.com/spf13/cobra"

	"tripcurve/collectors/latency"
)

// telemetryFlags say what gRPC telemetry is called.
type telemetryFlags struct{ callNames []string }

// addNames adds the flag of what metrics are called, for every source of them.
func (f *telemetryFlags) addNames(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.callNames, "call-names", nil,
		"metrics of calls that are not named as usual: 'started=NAME finished=NAME method=LABEL status=LABEL', 'duration=NAME unit=ms method=LABEL' (may be repeated)")
}

// names are what the user calls metrics, beyond the usual names.
func (f *telemetryFlags) names() (*latency.Names, error) {
	names, err := latency.ParseNames(f.callNames)
	if err != nil {
		return nil, badInput("--call-names: %w", err)
	}
	return names, nil
}
