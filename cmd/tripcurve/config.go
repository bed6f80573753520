package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/formats"
	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim/scenario"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "write a settings file, or read a library's configuration back into a policy",
		Args:  onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return badInput("config what? %s init, or %s import FILE", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.configInitCommand(), a.configImportCommand())
	return cmd
}

func (a *app) configImportCommand() *cobra.Command {
	var o outFlags
	var as, format string
	var renames []string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "a library's configuration as a policy file for --policy",
		Long: `Reads the configuration of a library and writes it as a policy file, one policy per boundary, which
--policy takes. What could not be carried over is said on stderr. A mistake in the file ends it:
nothing is guessed. - is the standard input.

Formats, each told by its content: ` + strings.Join(formatNames(), ", ") + `.
Most files know the callee only: --edge order.inventory names the boundary of a file that has one,
--edge inventory=order.inventory renames one of several.`,
		Args: oneArg("one file"),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := a.configFile(args[0])
			if err != nil {
				return exitError{exitUsage, err}
			}
			docs, err := formats.Documents(f.Name, f.Text, as)
			if err != nil {
				return exitError{exitUsage, withHint(err)}
			}
			in := imported{file: f.Name, from: map[string]string{}, edges: policy.Edges{}}
			for _, d := range docs {
				if err := in.add(d); err != nil {
					return exitError{exitUsage, err}
				}
			}
			if len(in.edges) == 0 {
				return badInput("%s: nothing in it says what to do when calls go wrong", f.Name)
			}
			if err := in.rename(renames); err != nil {
				return exitError{exitUsage, err}
			}
			in.strangers()
			for _, n := range in.notes {
				fmt.Fprintln(a.stderr, redact.Line(f.Name+": "+n))
			}
			data, err := in.write(format)
			if err != nil {
				return err
			}
			return a.write(o.out, data, o.force, true)
		},
	}
	o.add(cmd, "file to write to (default: the standard output)")
	cmd.Flags().Lookup("out").DefValue = "-"
	o.out = "-"
	asFlag(cmd, &as)
	formatFlag(cmd, &format, "yaml", "json")
	cmd.Flags().StringSliceVar(&renames, "edge", nil, "name of the boundary: order.inventory, or inventory=order.inventory")
	return cmd
}

// imported is what the documents of a file say.
type imported struct {
	file  string
	edges policy.Edges
	from  map[string]string // boundary: the document that it is from
	notes []string
}

func (in *imported) add(d formats.Document) error {
	where := d.Name
	if d.Format.Name == "" {
		in.notes = append(in.notes, fmt.Sprintf("line %d: a document of no format known here is left out", d.Line))
		return nil
	}
	where += " (" + d.Format.Name + ": " + d.Reason + ")"
	if d.Format.Import == nil {
		return fmt.Errorf("%s: %s can be checked, but not read back into a policy", in.file, d.Format.Title)
	}
	set, err := d.Format.Import(d.Name, d.Text)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(set.Policies)) {
		if other, twice := in.from[name]; twice {
			return fmt.Errorf("%s: %s is in %s and in %s: give each a file of its own and choose one", in.file, name, other, where)
		}
		in.from[name] = where
		in.edges[name] = set.Policies[name]
	}
	in.notes = append(in.notes, "read as "+d.Format.Name+": "+d.Reason)
	in.notes = append(in.notes, set.Notes...)
	return nil
}

func (in *imported) rename(renames []string) error {
	for _, r := range renames {
		was, name, both := strings.Cut(r, "=")
		if !both {
			if len(in.edges) != 1 {
				return fmt.Errorf("--edge %s: the file has %s: write --edge %s=%s", r, strings.Join(in.edges.Names(), ", "), in.edges.Names()[0], r)
			}
			was, name = in.edges.Names()[0], r
		}
		p, ok := in.edges[was]
		if !ok {
			return fmt.Errorf("--edge %s: %w", r, policy.Unknown("boundary", was, in.edges.Names()))
		}
		delete(in.edges, was)
		if _, taken := in.edges[name]; taken {
			return fmt.Errorf("--edge %s: there is a %s already", r, name)
		}
		in.edges[name] = p
	}
	return nil
}

// strangers notes the boundaries that --policy will not know in the bundled
// pipeline.
func (in *imported) strangers() {
	known := scenario.Edges()
	for _, name := range in.edges.Names() {
		if _, ok := known[name]; ok {
			continue
		}
		hint := ""
		callee, _, _ := strings.Cut(name, "/") // a gRPC method, perhaps
		callee = strings.ToLower(callee[strings.LastIndexByte(callee, '.')+1:])
		for _, k := range known.Names() {
			if strings.HasSuffix(k, "."+callee) {
				hint = fmt.Sprintf(": --edge %s=%s names one of its edges", name, k)
			}
		}
		in.notes = append(in.notes, fmt.Sprintf("%s is no edge of the bundled pipeline%s", name, hint))
	}
}

func (in *imported) write(format string) ([]byte, error) {
	nothing := policy.Edges{}
	for name := range in.edges {
		nothing[name] = policy.Policy{}
	}
	text := policyfile.Write(in.edges, nothing)
	if format == "yaml" {
		return []byte(fmt.Sprintf("# imported from %s\n%s", redact.Line(in.file), text)), nil
	}
	// The policies as they are in the YAML, by its own reader.
	doc, err := policyfile.JSON(in.file, text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = writeJSON(&b, doc)
	return b.Bytes(), err
}
