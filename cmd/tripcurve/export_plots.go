package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/export/plot"
	"tripcurve/internal/incident"
	"tripcurve/sim"
	"tripcurve/sim/compare"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// The pictures that take a scenario beside the evidence.
const (
	remediesPlot = "remedies"
	paretoPlot   = "pareto"
	breakersPlot = "breakers"
	allPlots     = "all"
)

// plotsFlags are what export plots is asked for.
type plotsFlags struct {
	outFlags
	format string
	names  []string
	world  string
	seeds  int
	policy policyFlags
}

// plotNames are the pictures that can be asked for, in their order.
func plotNames() (names []string) {
	for _, p := range plot.Pictures() {
		names = append(names, p.Name)
	}
	return append(names, remediesPlot, paretoPlot)
}

func plotsHelp() string {
	var b strings.Builder
	line := func(name, about string) { fmt.Fprintf(&b, "  %-10s %s\n", name, about) }
	for _, p := range plot.Pictures() {
		line(p.Name, p.About)
	}
	line(remediesPlot, "remedies: waits over time, checkouts not served (simulated)")
	line(paretoPlot, "remedies: checkouts not served against waits, the best (simulated)")
	return b.String()
}

func (a *app) exportPlotsCommand() *cobra.Command {
	var f plotsFlags
	cmd := &cobra.Command{
		Use:   "plots [FILE]",
		Short: "pictures of an incident as PNG, SVG or PDF",
		Long: `Draws an incident. --plots chooses the pictures:

` + plotsHelp() + `
One is written to the file of -o, several and "all" into the folder of -o. With --set or --policy the
breakers are those of the scenario simulated so, for today's evidence may have none. A recorded FILE needs
--scenario for what is simulated; without, "all" leaves it out. The same incident gives the same bytes.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := bundledName
			if len(args) == 1 {
				arg = args[0]
			}
			return a.exportPlots(cmd.Context(), arg, &f)
		},
	}
	f.add(cmd, "file to write to, or - for the standard output; its ending chooses the format; of several plots the folder (default: the plot's name and .png, or plots)")
	cmd.Flags().StringSliceVar(&f.names, "plots", []string{plotNames()[0]}, "pictures to draw: "+strings.Join(append(plotNames(), allPlots), ", "))
	_ = cmd.RegisterFlagCompletionFunc("plots", cobra.FixedCompletions(append(plotNames(), allPlots), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().Var(&choice{value: &f.format, choices: plot.Formats()}, "format", "output format (default: the file's ending, or png)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(plot.Formats(), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().IntVar(&f.seeds, "seeds", fewer, "runs of each remedy that is compared")
	worldFlag(cmd, &f.world)
	f.policy.add(cmd)
	return cmd
}

// check settles names, format and where to, before anything is computed.
func (f *plotsFlags) check() error {
	known := plotNames()
	for _, n := range f.names {
		if n != allPlots && !slices.Contains(known, n) {
			return badInput("--plots %q: expected some of %s, or %s", n, strings.Join(known, ", "), allPlots)
		}
	}
	if f.seeds < 2 || f.seeds > mostCompared {
		return badInput("--seeds %d: expected 2 to %d", f.seeds, mostCompared)
	}
	if f.several() {
		if f.out == "" {
			f.out = "plots"
		}
		if f.format == "" {
			f.format = plot.Formats()[0]
		}
		switch info, err := os.Stat(f.out); {
		case f.out == "-":
			return badInput("-o -: several plots need a folder; --plots %s writes one", known[0])
		case err == nil && !info.IsDir():
			return badInput("-o %s: several plots need a folder, and this is a file", f.out)
		}
		return nil
	}
	if f.out == "" {
		f.out = f.names[0] + ".png"
		if f.format != "" {
			f.out = f.names[0] + "." + f.format
		}
	}
	if f.format == "" {
		f.format = strings.TrimPrefix(filepath.Ext(f.out), ".")
	}
	if formats := plot.Formats(); !slices.Contains(formats, f.format) {
		if f.out == "-" {
			return badInput("a plot on the standard output needs --format %s", strings.Join(formats, " or --format "))
		}
		return badInput("-o %s: expected a name that ends in .%s", f.out, strings.Join(formats, " or ."))
	}
	return nil
}

func (f *plotsFlags) several() bool { return len(f.names) != 1 || f.names[0] == allPlots }

func (f *plotsFlags) wants(name string) bool {
	return slices.Contains(f.names, name) || slices.Contains(f.names, allPlots)
}

// drawn is one picture, made before any is written.
type drawn struct {
	name string
	data []byte
}

func (a *app) exportPlots(ctx context.Context, arg string, f *plotsFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	sc, err := f.scenario(arg)
	if err != nil {
		return err
	}
	name, v, an, err := analyzed(ctx, []string{arg})
	if err != nil {
		return err
	}
	var list []drawn
	add := func(name string, data []byte, err error) error {
		list = append(list, drawn{name, data})
		return err
	}
	for _, p := range plot.Pictures() {
		if !f.wants(p.Name) {
			continue
		}
		if p.Name == breakersPlot && f.policy.given() {
			data, err := f.breakers(ctx, sc)
			if err := add(p.Name, data, err); err != nil {
				return err
			}
			continue
		}
		data, err := p.Draw(name, v, an, f.format)
		if err := add(p.Name, data, err); err != nil {
			return err
		}
	}
	if sc == nil && slices.Contains(f.names, allPlots) {
		fmt.Fprintf(a.stderr, "%s and %s are left out: they are simulated, and no scenario is fitted to %s (--scenario)\n", remediesPlot, paretoPlot, arg)
	}
	if sc != nil && (f.wants(remediesPlot) || f.wants(paretoPlot)) {
		c, err := a.remediesOf(ctx, *sc, f.seeds)
		if err != nil {
			return err
		}
		for _, p := range []struct {
			name string
			draw func(*compare.Comparison, string) ([]byte, error)
		}{{remediesPlot, plot.Remedies}, {paretoPlot, plot.TradeoffPage}} {
			if !f.wants(p.name) {
				continue
			}
			data, err := p.draw(c, f.format)
			if err := add(p.name, data, err); err != nil {
				return err
			}
		}
	}
	if !f.several() {
		return a.write(f.out, list[0].data, f.force, false)
	}
	return a.writePlots(f, list)
}

// scenario is what is simulated of a picture that takes a scenario; nil where none is
// wanted, or "all" can do without.
func (f *plotsFlags) scenario(arg string) (*sim.Scenario, error) {
	simulated := slices.Contains(f.names, remediesPlot) || slices.Contains(f.names, paretoPlot) || f.policy.given()
	if f.policy.given() && !f.wants(breakersPlot) {
		return nil, badInput("--set and --policy are of the plot of breakers")
	}
	if !simulated && (!slices.Contains(f.names, allPlots) || f.world == "" && arg != bundledName) {
		if f.world != "" {
			return nil, badInput("--scenario is of what is simulated: --plots %s, %s, or %s with --set", remediesPlot, paretoPlot, breakersPlot)
		}
		return nil, nil
	}
	sc, err := fitted(arg, f.world)
	if err != nil {
		return nil, err
	}
	return &sc, nil
}

// breakers draws those of the scenario with the policies that were given.
func (f *plotsFlags) breakers(ctx context.Context, sc *sim.Scenario) ([]byte, error) {
	changed := *sc
	if err := f.policy.change(&changed); err != nil {
		return nil, err
	}
	r, err := scenario.Run(ctx, changed, scenario.Observers{})
	if err != nil {
		return nil, err
	}
	w := incident.Window{From: r.Start, To: r.Start.Add(r.Length)}
	return plot.BreakerStrips(sc.Name, fmt.Sprintf("simulated with %s, seed %d", f.policy.words(), r.Seed), w, plot.StripsOf(r), f.format)
}

// words is what was changed.
func (f *policyFlags) words() string {
	parts := slices.Clone(f.sets)
	if f.file != "" {
		parts = append([]string{filepath.Base(f.file)}, parts...)
	}
	return strings.Join(parts, ", ")
}

// remediesOf compares all remedies of a scenario.
func (a *app) remediesOf(ctx context.Context, sc sim.Scenario, seeds int) (*compare.Comparison, error) {
	defer hurry()()
	f := compareFlags{}
	remedies, err := f.remedies(sc)
	if err != nil {
		return nil, err
	}
	progress, begun := bar.New(a.stderr, "remedies"), time.Now()
	defer progress.Clear()
	c, err := compare.Run(ctx, sc, remedies, compare.Options{Seeds: seeds, Workers: runtime.NumCPU(), Progress: func(done, of int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(of))
		}
	}})
	switch {
	case ctx.Err() != nil:
		return nil, badInput("export plots: interrupted; nothing was written")
	case err != nil:
		return nil, badInput("export plots: %w", err)
	}
	return c, nil
}

// writePlots writes all into the folder, or none where one would be replaced.
func (a *app) writePlots(f *plotsFlags, list []drawn) error {
	path := func(d drawn) string { return filepath.Join(f.out, d.name+"."+f.format) }
	for _, d := range list {
		if old, err := os.ReadFile(path(d)); err == nil && !f.force && string(old) != string(d.data) {
			return badInput("%s: the file exists; --force replaces it", path(d))
		}
	}
	if err := folderExists(f.out); err != nil {
		return err
	}
	if err := os.Mkdir(f.out, 0o755); err != nil && !os.IsExist(err) {
		return exitError{exitUsage, err}
	}
	for _, d := range list {
		if err := a.write(path(d), d.data, f.force, false); err != nil {
			return err
		}
	}
	return nil
}
