package config

import (
	"strings"

	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// TargetPolicy is the target of neutral words.
const TargetPolicy = "policy"

// Policies is one file of the policies of several edges in neutral words.
func Policies(edges policy.Edges, names []string, o Origin) (File, error) {
	var all File
	seen := map[string]bool{}
	for _, name := range names {
		f, err := Render(name, edges[name], TargetPolicy, Origin{})
		if err != nil {
			return File{}, err
		}
		if f.Text != "{}\n" { // an edge without any policy has no line
			all.Text += f.Text
		}
		for _, w := range f.Warnings {
			if !seen[w] {
				seen[w] = true
				all.Warnings = append(all.Warnings, w)
			}
		}
	}
	if all.Text == "" {
		all.Text = "{}\n"
	}
	if line := o.Line(); line != "" {
		all.Text = "# " + line + "\n" + all.Text
	}
	all.Name = "policy.yaml"
	return all, nil
}

// neutralPolicy is the edge's policy with its breaker in words that no library
// owns, from which every other target can be written.
func neutralPolicy(e edge, p policy.Policy, o Origin) (File, error) {
	var w warnings
	n, lost, err := library.Neutralised(p)
	if err != nil {
		return File{}, err
	}
	for _, param := range lost {
		w.add("%s's %s has no neutral word and is left out", p.Breaker.Library, param)
	}
	if p.Breaker.Library != "" && p.Breaker.Library != library.NeutralName {
		w.add("the neutral numbers open another library at another time: look at `tripcurve curve` before you use them there")
	}
	text := policyfile.Write(policy.Edges{e.String(): n}, policy.Edges{e.String(): {}})
	if line := o.Line(); line != "" {
		text = "# " + line + "\n" + text
	}
	return File{"policy." + strings.ReplaceAll(e.String(), ".", "-") + ".yaml", text, w}, nil
}
