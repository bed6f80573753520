package formats

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tripcurve/internal/formats/opossum"
	"tripcurve/internal/formats/policyfile"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	machine "tripcurve/internal/policy/opossum"
)

// policyFormat is this program's own: the policies of any library.
func policyFormat() Format {
	return Format{
		Name: "policy", Title: "policies of this program as YAML",
		Detect: detectPolicy, Import: importPolicy, Traps: policyTraps,
	}
}

// edgeKey is an edge at the beginning of a line, for a text that does not parse.
var edgeKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^["']?(\*|[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)["']?:`)
})

func detectPolicy(file, text string) string {
	var fields []string
	for _, f := range policy.Fields() {
		fields = append(fields, f.Name)
	}
	docs, err := source.YAML(file, text)
	if err != nil {
		edge := edgeKey().FindStringSubmatch(text)
		i := slices.IndexFunc(fields, func(f string) bool { return source.HasKey(text, f) })
		if edge == nil || i < 0 {
			return ""
		}
		return "the edge " + edge[1] + " has a " + fields[i]
	}
	for _, d := range docs {
		for _, edge := range d.Members {
			for _, m := range edge.Value.Members {
				if slices.Contains(fields, m.Key) && (edge.Key == "*" || strings.Contains(edge.Key, ".")) {
					return "the edge " + edge.Key + " has a " + m.Key
				}
			}
		}
	}
	return ""
}

func importPolicy(file, text string) (Set, error) {
	edges, err := policyfile.Own(file, text)
	return Set{Policies: edges}, err
}

// policyTraps are those of the library of each edge. Only opossum's options are
// keys of the file as they are; other libraries say their traps in words alone.
func policyTraps(file, text string) ([]trap.Trap, *source.Node, error) {
	edges, root, err := policyfile.Lenient(file, text)
	if root == nil {
		return nil, nil, err
	}
	var traps []trap.Trap
	for _, name := range slices.Sorted(maps.Keys(edges)) {
		traps = append(traps, breakerTraps(name, edges[name].Breaker, root)...)
	}
	return traps, root, err
}

func breakerTraps(edge string, b policy.BreakerSpec, root *source.Node) []trap.Trap {
	l, ok := library.ByName(b.Library)
	if !ok {
		return nil
	}
	var traps []trap.Trap
	if p, err := machine.Parse(b.Params); b.Library == "opossum" && err == nil {
		for _, t := range opossum.Traps(p) {
			t.What = edge + ": " + t.What
			at := []string{edge, "breaker." + t.Path[0]}
			if n, ok := source.Find(root, at[:1]).Get("breaker"); ok && n.Kind == source.Map {
				at = []string{edge, "breaker", t.Path[0]}
			}
			t.Path = at
			traps = append(traps, t)
		}
		return traps
	}
	sentences, err := l.Traps(b.Params)
	if err != nil {
		return nil
	}
	for _, s := range sentences {
		traps = append(traps, trap.Trap{Rule: "policy/library", Severity: trap.Note, Path: []string{edge, "breaker"}, What: edge + ": " + s})
	}
	return traps
}
