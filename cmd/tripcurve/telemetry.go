package main

import (
	"github.com/spf13/cobra"

	"tripcurve/collectors/latency"
	"tripcurve/collectors/latency/channelz"
	"tripcurve/collectors/latency/otlp"
	"tripcurve/collectors/supervise"
)

// telemetryFlags say what gRPC telemetry is called, and what comes by itself or is
// asked of the processes; the latter two are off unless they are given.
type telemetryFlags struct {
	callNames []string
	otlp      []string
	channelz  []string
}

func (f *telemetryFlags) add(cmd *cobra.Command) {
	f.addNames(cmd)
	cmd.Flags().StringArrayVar(&f.otlp, "otlp", nil,
		"listen for OTLP metrics, over gRPC and HTTP, on this address; a port alone is loopback's: 4317 (may be repeated)")
	cmd.Flags().StringArrayVar(&f.channelz, "channelz", nil,
		"HOST:PORT of a gRPC process that serves channelz; NAME=HOST:PORT says what it is called (may be repeated)")
}

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

// collectors makes one collector of every address to listen on and of every
// process to ask; taken are the names of other sources.
func (f *telemetryFlags) collectors(taken map[string]int, callNames *latency.Names) ([]supervise.Collector, error) {
	var all []supervise.Collector
	for _, addr := range f.otlp {
		c, err := otlp.NewReceiver(otlp.ReceiverConfig{Addr: addr, Names: callNames, Name: distinct(taken, "otlp")})
		if err != nil {
			return nil, badInput("--otlp: %w", err)
		}
		all = append(all, c)
	}
	for _, addr := range f.channelz {
		c, err := channelz.New(channelz.Config{Addr: addr})
		if err != nil {
			return nil, badInput("--channelz: %w", err)
		}
		if name := distinct(taken, c.Source().Name); name != c.Source().Name {
			if c, err = channelz.New(channelz.Config{Addr: addr, Name: name}); err != nil {
				return nil, badInput("--channelz: %w", err)
			}
		}
		all = append(all, c)
	}
	return all, nil
}
