package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"tripcurve/internal/export/chosen"
	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
	"tripcurve/sim/scenario"
)

// presetChosen is the preset that the screens write.
const presetChosen = "chosen"

// presets are sets of policies that can be asked for by name.
var presets = []struct {
	name, help string
	change     func(policy.Edges, string) error // nil: read from the state folder
}{
	{"today", "what ran on the night of INC-2847", func(policy.Edges, string) error { return nil }},
	{"postmortem", "opossum with the postmortem's 5 s, 50 % and 30 s on the edge", func(e policy.Edges, edge string) error {
		return e.Set(edge+".breaker", "opossum")
	}},
	{presetChosen, "chosen last on the Tune or the Export screen", nil},
}

func presetNames() []string {
	var names []string
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}

func presetHelp() string {
	var lines []string
	for _, p := range presets {
		lines = append(lines, p.name+" ("+p.help+")")
	}
	return strings.Join(lines, ", ")
}

// keeper keeps what is chosen on the screens, which all play the bundled scenario.
func (a *app) keeper() *chosen.Keeper {
	return chosen.NewKeeper(chosen.Path(a.paths.State, bundledName), bundledName, scenario.Edges())
}

// chosenSet is the policies to write, and in words where they come from.
type chosenSet struct {
	edges policy.Edges
	edge  string // whose policy is written; * is all
	from  string
	file  string // in which the set is kept; empty for the others
}

// others are the edges that the set changes beside names.
func (s chosenSet) others(names []string) []string {
	own := scenario.Edges()
	return slices.DeleteFunc(s.edges.Names(), func(name string) bool {
		return slices.Contains(names, name) || reflect.DeepEqual(s.edges[name], own[name])
	})
}

// chooseSet finds out which policies are meant. Who writes to a pipe or a script
// has to say so; at a terminal what was chosen last on the screens is taken, else the
// postmortem's, and said. edge is --edge, empty when it was not given.
func (a *app) chooseSet(p *policyFlags, preset, edge string) (set chosenSet, err error) {
	set.edges, set.edge = scenario.Edges(), edge
	if own, err := ownEdges(p.file); err != nil {
		return set, err
	} else if own != nil {
		set.edges = own
	}
	switch {
	case p.given() || preset != "":
	case !a.onTerminal():
		return set, badInput("export config: which set of policies? Say it, for the standard output is no terminal: --preset %s, --policy FILE, or --set PATH=VALUE",
			strings.Join(presetNames(), " or "))
	default:
		if preset, err = a.defaultPreset(); err != nil {
			return set, err
		}
	}
	if err := a.preset(&set, preset); err != nil {
		return set, err
	}
	if set.edges, err = p.apply(set.edges); err != nil {
		return set, err
	}
	if set.edge == "" {
		set.edge = defaultEdge
	}
	var from []string
	if set.from != "" {
		from = append(from, set.from)
	}
	if p.file != "" {
		from = append(from, "--policy "+p.file)
	}
	for _, s := range p.sets {
		from = append(from, "--set "+s)
	}
	set.from = strings.Join(from, ", ")
	return set, nil
}

// onTerminal says whether a person reads the standard output.
func (a *app) onTerminal() bool {
	out, ok := a.stdout.(*os.File)
	return ok && isTerminal(out)
}

// defaultPreset is what a person gets who says nothing. A choice that cannot be read
// is an error and not the postmortem's values, which are not what was chosen.
func (a *app) defaultPreset() (string, error) {
	_, err := chosen.Read(chosen.Path(a.paths.State, bundledName), bundledName, scenario.Edges())
	switch {
	case err == nil:
		return presetChosen, nil
	case chosen.None(err):
		return "postmortem", nil
	}
	return "", unreadable(err)
}

// unreadable says what to do about a choice that cannot be read.
func unreadable(err error) error {
	return badInput("what was chosen on the screens cannot be read: %w; say which set you want with --preset today or postmortem, or remove the file", err)
}

// preset puts the values of a preset into the set; none changes nothing.
func (a *app) preset(set *chosenSet, name string) error {
	if name == presetChosen {
		return a.presetChosen(set)
	}
	for _, known := range presets {
		if known.name != name {
			continue
		}
		set.from = "preset " + name + " (" + known.help + ")"
		on := []string{set.edge}
		switch set.edge {
		case "":
			on = []string{defaultEdge}
		case "*":
			on = set.edges.Names()
		}
		for _, e := range on {
			if _, ok := set.edges[e]; ok {
				if err := known.change(set.edges, e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// presetChosen takes what was chosen on the screens, and the edge that was looked at
// unless another one is asked for.
func (a *app) presetChosen(set *chosenSet) error {
	set.file = chosen.Path(a.paths.State, bundledName)
	s, err := chosen.Read(set.file, bundledName, scenario.Edges())
	if chosen.None(err) {
		return badInput("--preset %s: nothing is chosen yet: turn a knob on the Tune screen first (there is no %s)", presetChosen, set.file)
	}
	if err != nil {
		return unreadable(err)
	}
	set.edges = s.Edges
	if set.edge == "" {
		set.edge = s.Edge
	}
	set.from = fmt.Sprintf("chosen on the %s screen", redact.Line(s.Screen))
	return nil
}

// ownEdges are empty policies for the edges of a policy file that knows none of
// the bundled pipeline's: a file of the user's own system. nil where it does.
func ownEdges(file string) (policy.Edges, error) {
	if file == "" {
		return nil, nil
	}
	text, err := policyText(file)
	if err != nil {
		return nil, err
	}
	own, err := policyfile.Own(file, text)
	if err != nil {
		return nil, notPolicy(file, text, err)
	}
	bundled := scenario.Edges()
	for name := range own {
		if _, ok := bundled[name]; ok || name == "*" {
			return nil, nil
		}
		own[name] = policy.Policy{}
	}
	return own, nil
}
