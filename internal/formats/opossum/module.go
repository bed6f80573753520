package opossum

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/opossum"
)

// DetectModule says why a text is a JavaScript or TypeScript module with breakers.
func DetectModule(file, text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), "{") || len(breakers(file, text)) == 0 {
		return ""
	}
	return "it calls new CircuitBreaker"
}

func breakers(file, text string) []source.Call {
	return slices.DeleteFunc(source.JSCalls(file, text), func(c source.Call) bool { return c.Name != "CircuitBreaker" })
}

// LintModule is the traps of a module: those of its options, as far as they are
// literals, and those of the code around them. The tree has the calls in order, the
// options of each under their names.
func LintModule(file, text string) ([]trap.Trap, *source.Node, error) {
	root := source.NewNode(file, source.Pos{Line: 1, Column: 1}, source.List, "")
	var all []trap.Trap
	shared := map[string]bool{}
	for i, c := range breakers(file, text) {
		call := source.NewNode(file, c.Pos, source.Map, "")
		root.Items = append(root.Items, call)
		var found traps
		if len(c.Args) > 0 {
			found.unbound(c.Args[0])
		}
		var options *source.Node
		if len(c.Args) > 1 {
			options = inCode(file, text, c.Args[1])
			if c.Args[1].Kind == source.Other && options != nil {
				if name := c.Args[1].Text; shared[name] {
					found.add("shared-options", trap.Error, "", "the constructor writes into the object it gets, so the breakers change each other's options",
						"hand over a copy: { ..."+name+" }", "%s is the options of several breakers", name)
				} else {
					shared[name] = true
				}
			}
		} else {
			options = call
		}
		if options != nil {
			call.Members = options.Members
			found = append(found, ofLiteral(options)...)
		}
		for _, t := range found {
			t.Path = trap.At([]string{strconv.Itoa(i)}, t.Path...)
			all = append(all, t)
		}
	}
	return all, root, nil
}

// inCode is an argument's object literal, or that of the constant it names, with the
// constants that are spread into it in their places.
func inCode(file, text string, n *source.Node) *source.Node {
	if n.Kind == source.Other {
		found, ok := source.JSConst(file, text, n.Text)
		if !ok {
			return nil
		}
		n = found
	}
	if n.Kind != source.Map {
		return nil
	}
	all := *n
	all.Members = nil
	for _, m := range n.Members {
		name, spread := strings.CutPrefix(m.Key, "...")
		from, ok := source.JSConst(file, text, strings.TrimSuffix(name, "()"))
		if !spread || !ok {
			from = &source.Node{Members: []source.Member{m}}
		}
		for _, m := range from.Members {
			all.Members = append(slices.DeleteFunc(all.Members, func(was source.Member) bool { return was.Key == m.Key }), m)
		}
	}
	return &all
}

// method is client.method: a member expression that is neither called nor bound.
var method = regexp.MustCompile(`^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$`)

func (t *traps) unbound(action *source.Node) {
	if action.Kind != source.Other || !method.MatchString(action.Text) {
		return
	}
	i := strings.LastIndexByte(action.Text, '.')
	t.add("unbound-method", trap.Error, "",
		"handed over bare it loses its this: every call is a TypeError, and the breaker opens on a healthy day",
		"write (...args) => "+action.Text+"(...args), or "+action.Text+".bind("+action.Text[:i]+")", "new CircuitBreaker(%s, ...)", action.Text)
}

// ofLiteral are the traps of options in code. An option that must be run to be known
// is not judged, but for the default behind ??.
func ofLiteral(options *source.Node) traps {
	known := *options
	known.Members = nil
	unknown := map[string]bool{}
	spread := false
	var found traps
	for _, m := range options.Members {
		if m.Value.Kind != source.Other {
			known.Members = append(known.Members, m)
			continue
		}
		if m.Key != "errorThreshold" && strings.HasSuffix(m.Key, "Percentage") && strings.Contains(m.Value.Text, ".errorThreshold ") {
			found.add("misnamed-option", trap.Warning, m.Key, "its callers say errorThreshold and mean a number of failures; here it is a percentage",
				"name it like the library's option", "%s takes errorThreshold", m.Key)
		}
		if v := fallback(m.Value); v != nil {
			known.Members = append(known.Members, source.Member{Pos: m.Pos, Key: m.Key, Value: v})
			continue
		}
		unknown[m.Key] = true
		spread = spread || strings.HasPrefix(m.Key, "...")
	}
	found = append(found, ignored(&known)...)
	var mistakes []error
	p, _ := decode(&known, source.Decoder{Mistakes: &mistakes})
	for _, t := range Traps(p) {
		_, there := known.Get(t.Path[0])
		// A trap may speak of two options; both must be known.
		if (there || !spread) && !slices.ContainsFunc(opossum.Names(), func(name string) bool {
			return unknown[name] && (t.Path[0] == name || strings.Contains(t.What+t.Why, name))
		}) {
			found = append(found, t)
		}
	}
	return found
}

// fallback is the literal behind the last ?? of an expression.
func fallback(n *source.Node) *source.Node {
	i := strings.LastIndex(n.Text, "??")
	if i < 0 {
		return nil
	}
	calls := source.JSCalls("", "new X("+n.Text[i+2:]+")")
	if len(calls) != 1 || len(calls[0].Args) != 1 || calls[0].Args[0].Kind == source.Other {
		return nil
	}
	v := *n
	v.Kind, v.Text = calls[0].Args[0].Kind, calls[0].Args[0].Text
	return &v
}

// ModulePolicies reads the one breaker of a module whose options are all literals.
func ModulePolicies(file, text string) (map[string]policy.Policy, []string, error) {
	calls := breakers(file, text)
	if len(calls) != 1 || len(calls[0].Args) < 2 {
		return nil, nil, &source.Error{File: file, Found: "a module without exactly one new CircuitBreaker(action, options)", Want: "one breaker, or its options as JSON"}
	}
	options := inCode(file, text, calls[0].Args[1])
	if options == nil {
		return nil, nil, calls[0].Args[1].Wrong("an object literal, or a constant that is one")
	}
	notes := []string{"only the breaker's options were read; the code around them may set deadlines and fallbacks"}
	options.Members = slices.DeleteFunc(options.Members, func(m source.Member) bool {
		if m.Key != "errorFilter" {
			return false
		}
		notes = append(notes, "errorFilter is code and was left out: what it lets pass counts as a failure here")
		return true
	})
	p, err := decode(options, source.Decoder{})
	if err != nil {
		return nil, nil, err
	}
	policies, more := Policies(Config{service(file): p})
	return policies, append(notes, more...), nil
}
