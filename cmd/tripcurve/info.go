package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tripcurve/internal/config"
	"tripcurve/internal/redact"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.stdout, "tripcurve %s %s/%s %s\n", buildVersion(), runtime.GOOS, runtime.GOARCH, runtime.Version())
			return err
		},
	}
}

// buildVersion is the release's version, else the commit that Go recorded.
func buildVersion() string {
	if version != "dev" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return version
}

type infoReport struct {
	Schema   string        `json:"schema"`
	Version  string        `json:"version"`
	Paths    infoPaths     `json:"paths"`
	Settings []infoSetting `json:"settings"`
	Sources  []infoSource  `json:"sources"`         // of the settings file
	Mistake  string        `json:"sources_mistake"` // why they could not be read
}

type infoSource struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Line int    `json:"line"`
}

type infoPaths struct {
	Config      string `json:"config"`
	ConfigFound bool   `json:"config_found"`
	State       string `json:"state"`
	Cache       string `json:"cache"`
}

type infoSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
	Flag  string `json:"flag"`
	Env   string `json:"env"`
}

func (a *app) infoCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "info",
		Short: "print every path, and every setting and source with where it came from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r := infoReport{
				Schema:  "tripcurve.info/1",
				Version: buildVersion(),
				Paths:   infoPaths{a.settings.File, a.settings.Exists, a.paths.State, a.paths.Cache},
				Sources: []infoSource{},
			}
			file, err := a.sources()
			if err != nil {
				r.Mistake = err.Error()
			} else {
				for _, e := range file.Entries() {
					r.Sources = append(r.Sources, infoSource{e.Name, e.Kind, e.Line})
				}
			}
			for _, s := range config.Settings {
				v := a.settings.Get(s.Name)
				r.Settings = append(r.Settings, infoSetting{s.Name, v.Text, v.Origin, "--" + s.Flag(), s.Env()})
			}
			if format == "json" {
				return writeJSON(a.stdout, r)
			}
			w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
			found := "not there, defaults are used"
			if r.Paths.ConfigFound {
				found = "read"
			}
			fmt.Fprintf(w, "version\t%s\n", r.Version)
			fmt.Fprintf(w, "settings file\t%s\t(%s)\n", r.Paths.Config, found)
			fmt.Fprintf(w, "recordings\t%s\n", r.Paths.State)
			fmt.Fprintf(w, "cache\t%s\n\n", r.Paths.Cache)
			for _, s := range r.Settings {
				fmt.Fprintf(w, "%s\t%s\tfrom %s\n", s.Name, s.Value, s.From)
			}
			fmt.Fprintln(w)
			switch {
			case r.Mistake != "":
				fmt.Fprintf(w, "sources\tMISTAKE\t%s\n", redact.Line(r.Mistake))
			case len(r.Sources) == 0:
				fmt.Fprintf(w, "sources\tnone in the settings file; `tripcurve config init` shows how to list some\n")
			}
			for _, s := range r.Sources {
				fmt.Fprintf(w, "source\t%s\t%s, line %d\n", redact.Line(s.Name), s.Kind, s.Line)
			}
			return w.Flush()
		},
	}
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

// formatFlag adds --format with its choices, the first being the default.
func formatFlag(cmd *cobra.Command, target *string, choices ...string) {
	cmd.Flags().Var(&choice{value: target, choices: choices}, "format", "output format")
	*target = choices[0]
	cmd.Flags().Lookup("format").DefValue = choices[0]
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

// writeJSON writes v as indented JSON with a final newline.
func writeJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
