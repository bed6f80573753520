package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	export "tripcurve/internal/export/curve"
	"tripcurve/internal/export/plot"
	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/redact"
	"tripcurve/sim/curve"
	"tripcurve/sim/scenario"
	"tripcurve/tui/bar"
)

// curveFlags are what tripcurve curve is asked for.
type curveFlags struct {
	libraries []string
	sets      []string
	own       bool
	file      string
	edge      string
	edgeAsked bool // --edge was given
	mode      string
	arrivals  string
	healthy   []string
	points    int
	deadline  time.Duration // of the caller itself; 0 is none
	curve.Options
	outFlags
	format string
}

// ask is how long somebody waits before being shown how far it is.
const ask = 500 * time.Millisecond

var textFormats = []string{"text", "json", "csv"}

func (a *app) curveCommand() *cobra.Command {
	f := curveFlags{Options: curve.Defaults()}
	formats := slices.Concat(textFormats, plot.Formats())
	cmd := &cobra.Command{
		Use:   "curve",
		Short: "the trip curve: how soon a breaker opens against the share of failing calls",
		Long: `Runs the exact machines of breaker libraries under healthy calls of which, from some moment on, a
share fails, at once or by hanging, and says how long each takes to open, how many calls it lets in
until then, and how often it opens on a healthy day.

All libraries get the same numbers, as far as they can express them: open at 50 % failures of at
least 10 calls in 10 s, stay open for 30 s, end a call after --timeout; notes say what a library
could not keep. --own starts from each library's own defaults. --set changes one parameter under
the library's own name. One library can be drawn with several settings under names of yours:

  tripcurve curve --for opossum,opossum/fast --set opossum/fast.rollingCountTimeout=2s

--policy draws the breaker of one edge (--edge) of a policy file, and libraries named beside it get
the numbers of that edge.

Libraries: ` + strings.Join(breakerNames(), ", ") + `.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return badInput("curve takes no arguments, found %q: libraries are named with --for", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.curve(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.libraries, "for", nil, "libraries, each LIBRARY or LIBRARY/NAME, or all (default "+strings.Join(usual(), ",")+")")
	flags.StringArrayVar(&f.sets, "set", nil, "one parameter, such as opossum.volumeThreshold=20 (may be repeated)")
	flags.BoolVar(&f.own, "own", false, "start from each library's own defaults instead of the same numbers")
	flags.StringVar(&f.file, "policy", "", "YAML file of policies by edge, of which one is drawn")
	flags.StringVar(&f.edge, "edge", defaultEdge, "edge of --policy; the only one of a file that has one")
	flags.Float64Var(&f.Rate, "rate", f.Rate, "calls per second")
	flags.Var(&choice{value: &f.arrivals, choices: []string{curve.Poisson.String(), curve.Regular.String()}}, "arrivals", "how calls come: as independent callers make them, or one each 1/rate")
	flags.Var(&choice{value: &f.mode, choices: []string{"both", "errors", "hangs"}}, "mode", "how calls fail")
	flags.DurationVar(&f.Timeout, "timeout", f.Timeout, "ends a hanging call; the caller's own where the library has no time limit; 0 never")
	flags.DurationVar(&f.deadline, "deadline", 0, "the caller's own time limit beside the library's, of every library that --for names (default none)")
	flags.DurationVar(&f.Horizon, "horizon", f.Horizon, "a breaker that has not opened after this long is said never to")
	flags.DurationVar(&f.Latency, "latency", f.Latency, "of an answer, good or bad")
	flags.IntVar(&f.points, "points", len(f.Shares), "failing shares to compute, up to 100 %")
	flags.IntVar(&f.Seeds, "seeds", f.Seeds, "runs for each point")
	flags.Uint64Var(&f.Seed, "seed", f.Seed, "the first of them")
	flags.StringSliceVar(&f.healthy, "healthy", []string{"0.1%", "1%"}, "failing shares of a healthy day, on which false trips are counted")
	flags.DurationVar(&f.HealthyLength, "healthy-length", f.HealthyLength, "how long false trips are counted; 0 leaves them out")
	flags.Lookup("arrivals").DefValue, flags.Lookup("mode").DefValue = curve.Poisson.String(), "both"
	f.add(cmd, "file to write to, or - for the standard output; its ending chooses the format")
	flags.Var(&choice{value: &f.format, choices: formats}, "format", "output format (default: the file's ending, else text)")
	complete := func(flag string, of ...string) {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp))
	}
	complete("format", formats...)
	complete("mode", "both", "errors", "hangs")
	complete("arrivals", curve.Poisson.String(), curve.Regular.String())
	complete("for", append(breakerNames(), "all")...)
	complete("edge", scenario.Edges().Names()...)
	_ = cmd.RegisterFlagCompletionFunc("set", func(*cobra.Command, []string, string) (paths []string, _ cobra.ShellCompDirective) {
		for _, l := range library.All() {
			for _, p := range l.Params {
				paths = append(paths, l.Name+"."+p.Name+"=")
			}
		}
		return paths, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// breakerNames are the libraries that have a breaker.
func breakerNames() (names []string) {
	for _, l := range library.All() {
		if (curve.Setting{Name: l.Name, Library: l.Name}).Check() == nil {
			names = append(names, l.Name)
		}
	}
	return names
}

// usual are the libraries drawn when none is named: few enough to be read.
func usual() []string {
	return slices.DeleteFunc([]string{"opossum", "resilience4j", "gobreaker"}, func(name string) bool {
		return !slices.Contains(breakerNames(), name)
	})
}

func (a *app) curve(cmd *cobra.Command, f *curveFlags) error {
	if err := f.read(cmd); err != nil {
		return err
	}
	settings, notes, err := f.settings()
	if err != nil {
		return err
	}
	defer hurry()()
	f.Workers = runtime.NumCPU()
	progress, begun := bar.New(a.stderr, "trip curves"), time.Now()
	res, err := curve.Compute(cmd.Context(), settings, f.Options, func(done, total int) {
		if time.Since(begun) > ask {
			progress.Set(int64(done), int64(total))
		}
	})
	progress.Clear()
	switch {
	case cmd.Context().Err() != nil:
		return badInput("curve: interrupted; nothing was written")
	case err != nil:
		return badInput("curve: %w", err)
	}
	doc := export.Document{Result: res, Notes: notes}
	var data []byte
	switch f.format {
	case "json":
		data, err = doc.JSON()
	case "csv":
		data, err = doc.CSV()
	case "text":
		var b strings.Builder
		err = doc.Text(&b)
		data = []byte(b.String())
	default:
		data, err = plot.Curves(res, f.format)
		for _, n := range notes { // the picture has no room for them
			fmt.Fprintf(a.stderr, "%s: %s\n", redact.Line(n.Setting), redact.Line(n.Text))
		}
	}
	if err != nil {
		return err
	}
	return a.write(f.out, data, f.force, !slices.Contains(plot.Formats(), f.format))
}

// read checks the flags and fills the options from them.
func (f *curveFlags) read(cmd *cobra.Command) error {
	if f.format == "" {
		f.format = "text"
		if ext := strings.TrimPrefix(filepath.Ext(f.out), "."); f.out != "" && f.out != "-" && ext != "txt" {
			if known := slices.Concat([]string{"json", "csv"}, plot.Formats()); !slices.Contains(known, ext) {
				return badInput("-o %s: expected a name that ends in .txt, .%s, or --format", f.out, strings.Join(known, ", ."))
			}
			f.format = ext
		}
	}
	if f.out == "" {
		if !slices.Contains(textFormats, f.format) {
			return badInput("--format %s needs -o FILE (or -o - for the standard output)", f.format)
		}
		f.out = "-"
	}
	if f.out == "-" && (f.format == "png" || f.format == "pdf") && isTerminal(os.Stdout) {
		return badInput("a %s is nothing for a terminal: -o FILE.%s", strings.ToUpper(f.format), f.format)
	}
	switch f.mode {
	case "errors":
		f.Modes = []curve.Mode{curve.Errors}
	case "hangs":
		f.Modes = []curve.Mode{curve.Hangs}
	}
	if f.arrivals == curve.Regular.String() {
		f.Arrivals = curve.Regular
	}
	if f.points < 1 || f.points > 1000 {
		return badInput("--points %d: expected 1 to 1000", f.points)
	}
	if f.deadline < 0 {
		return badInput("--deadline %s: expected a time that is not negative", f.deadline)
	}
	if f.deadline > 0 && f.file != "" && len(f.libraries) == 0 {
		return badInput("--deadline %s is of the libraries that --for names: the edge of --policy has its own", f.deadline)
	}
	f.Shares = curve.Shares(f.points)
	f.Healthy = nil
	for _, text := range f.healthy {
		number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
		share, err := strconv.ParseFloat(number, 64)
		if percent {
			share /= 100
		}
		if err != nil || !(share > 0) || share > 1 {
			return badInput("--healthy %q: expected a share such as 0.1%% or 0.001", text)
		}
		f.Healthy = append(f.Healthy, share)
	}
	f.edgeAsked = cmd.Flags().Changed("edge")
	if f.file == "" && f.edgeAsked {
		return badInput("--edge %s names an edge of a policy file: say which with --policy", f.edge)
	}
	return nil
}

// settings are what to draw, with what has to be said about each.
func (f *curveFlags) settings() (settings []curve.Setting, notes []export.Note, err error) {
	base := curve.Same(f.Timeout)
	if f.file != "" {
		s, n, err := f.ofPolicy()
		if err != nil {
			return nil, nil, err
		}
		settings, base = append(settings, s), n
	}
	names := f.libraries
	if len(names) == 0 && f.file == "" {
		names = usual()
	}
	for _, name := range names {
		of, n, err := f.ofLibraries(strings.TrimSpace(name), base)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range of {
			if !slices.ContainsFunc(settings, func(had curve.Setting) bool { return had.Name == s.Name }) {
				settings = append(settings, s)
			}
		}
		for _, note := range n { // a library that was named twice has said it
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	for _, text := range f.sets {
		if err := set(settings, text); err != nil {
			return nil, nil, err
		}
	}
	for _, s := range settings {
		if err := s.Check(); err != nil {
			return nil, nil, badInput("%w", err)
		}
	}
	return settings, notes, nil
}

// ofPolicy is the breaker of one edge of a policy file, and its numbers for others.
func (f *curveFlags) ofPolicy() (curve.Setting, policy.Neutral, error) {
	text, err := policyText(f.file)
	if err != nil {
		return curve.Setting{}, policy.Neutral{}, err
	}
	base, err := ownEdges(f.file)
	if err != nil {
		return curve.Setting{}, policy.Neutral{}, err
	}
	if base == nil {
		base = scenario.Edges()
	}
	edges, err := policyfile.Read(f.file, text, base)
	if err != nil {
		return curve.Setting{}, policy.Neutral{}, notPolicy(f.file, text, err)
	}
	if names := edges.Names(); len(names) == 1 && !f.edgeAsked {
		f.edge = names[0]
	}
	p, ok := edges[f.edge]
	if !ok {
		return curve.Setting{}, policy.Neutral{}, badInput("--edge: %w", policy.Unknown("edge", f.edge, edges.Names()))
	}
	if p.Breaker.Library == "" {
		return curve.Setting{}, policy.Neutral{}, badInput("--policy %s: %s has no breaker, so there is no curve of it", f.file, f.edge)
	}
	n, err := library.NeutralOf(p)
	if err != nil {
		return curve.Setting{}, policy.Neutral{}, exitError{exitUsage, fmt.Errorf("--policy %s: %s: %w", f.file, f.edge, err)}
	}
	return curve.OfPolicy(f.edge, p), n, nil
}

// ofLibraries are the settings that one name of --for means.
func (f *curveFlags) ofLibraries(name string, base policy.Neutral) (settings []curve.Setting, notes []export.Note, err error) {
	if name == "all" {
		for _, l := range library.All() {
			s, n := f.ofLibrary(l, l.Name, base)
			if err := s.Check(); errors.Is(err, curve.ErrNoBreaker) {
				notes = append(notes, export.Note{Setting: l.Name, Text: "has no circuit breaker, so it has no curve"})
				continue
			}
			settings, notes = append(settings, s), append(notes, n...)
		}
		return settings, notes, nil
	}
	own, _, _ := strings.Cut(name, "/")
	l, ok := library.ByName(own)
	if !ok {
		return nil, nil, badInput("--for: %w", policy.Unknown("breaker library", own, append(breakerNames(), "all")))
	}
	s, notes := f.ofLibrary(l, name, base)
	return []curve.Setting{s}, notes, nil
}

func (f *curveFlags) ofLibrary(l library.Library, name string, base policy.Neutral) (curve.Setting, []export.Note) {
	if f.own {
		return curve.Setting{Name: name, Library: l.Name, Params: map[string]string{}, Timeout: f.deadline}, nil
	}
	s, losses := curve.OfNeutral(l, base)
	s.Name, s.Timeout = name, f.deadline
	var notes []export.Note
	for _, loss := range losses {
		notes = append(notes, export.Note{Setting: name, Text: loss})
	}
	return s, notes
}

// set gives one parameter of one setting its value: NAME.PARAMETER=VALUE.
func set(settings []curve.Setting, text string) error {
	path, value, ok := strings.Cut(text, "=")
	if !ok {
		return badInput("--set %q: expected LIBRARY.PARAMETER=VALUE, such as opossum.volumeThreshold=20", text)
	}
	var of *curve.Setting
	var names []string
	for i := range settings {
		s := &settings[i]
		names = append(names, s.Name)
		if strings.HasPrefix(path, s.Name+".") && (of == nil || len(s.Name) > len(of.Name)) {
			of = s
		}
	}
	if of == nil {
		name, _, _ := strings.Cut(path, ".")
		if slices.Contains(names, path) {
			return badInput("--set %s: names a drawn setting and none of its parameters: write it like opossum.volumeThreshold=20", path)
		}
		return badInput("--set %s: %w", path, policy.Unknown("drawn setting", name, names))
	}
	l, _ := library.ByName(of.Library)
	param := path[len(of.Name)+1:]
	own, err := l.Check(param, value)
	if err != nil {
		return exitError{exitUsage, fmt.Errorf("--set %s: %w", path, err)}
	}
	params := map[string]string{}
	for k, v := range of.Params {
		params[k] = v
	}
	params[param] = own
	of.Params = params
	return nil
}
