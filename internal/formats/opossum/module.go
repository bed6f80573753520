package opossum

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/opossum"
)

// DetectModule says why a text is a JavaScript or TypeScript module with breakers.
func DetectModule(file, text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return ""
	}
	if calls, err := breakers(source.ReadJS(file, text)); err == nil && len(calls) == 0 {
		return ""
	}
	return "it calls new CircuitBreaker"
}

func breakers(js *source.JS) ([]source.Call, error) {
	return js.Calls(func(name string) bool { return name == "CircuitBreaker" })
}

// mostOptions of all breakers of a module: constants can be handed to many of them.
const mostOptions = 100_000

// LintModule is the traps of a module: those of its options, as far as they are
// literals, and those of the code around them. The tree has the calls in order, the
// options of each under their names.
func LintModule(file, text string) ([]trap.Trap, *source.Node, error) {
	root := source.NewNode(file, source.Pos{Line: 1, Column: 1}, source.List, "")
	var all []trap.Trap
	shared := map[string]bool{}
	seen := 0
	js := source.ReadJS(file, text)
	calls, err := breakers(js)
	if err != nil {
		return nil, nil, err
	}
	for i, c := range calls {
		call := source.NewNode(file, c.Pos, source.Map, "")
		root.Items = append(root.Items, call)
		var found traps
		if len(c.Args) > 0 {
			found.unbound(c.Args[0])
		}
		var options *source.Node
		if len(c.Args) > 1 {
			options = inCode(js, c.Args[1])
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
			if seen += len(options.Members); seen > mostOptions {
				return nil, nil, &source.Error{File: file, Pos: c.Pos, Found: "one more breaker", Want: fmt.Sprintf("%d options in one module at most", mostOptions), Mistake: source.Syntax}
			}
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
func inCode(js *source.JS, n *source.Node) *source.Node {
	if n.Kind == source.Other {
		found, ok := js.Const(n.Text)
		if !ok {
			return nil
		}
		n = found
	}
	if n.Kind != source.Map {
		return nil
	}
	var spread []source.Member
	for _, m := range n.Members {
		name, is := strings.CutPrefix(m.Key, "...")
		from, ok := js.Const(strings.TrimSuffix(name, "()"))
		if !is || !ok {
			from = &source.Node{Members: []source.Member{m}}
		}
		spread = append(spread, from.Members...)
	}
	// Of a key twice the later one holds, in its own place.
	all := *n
	all.Members = nil
	last := map[string]int{}
	for i, m := range spread {
		last[m.Key] = i
	}
	for i, m := range spread {
		if last[m.Key] == i {
			all.Members = append(all.Members, m)
		}
	}
	return &all
}

// method is client.method: a member expression that is neither called nor bound.
var method = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$`) })

func (t *traps) unbound(action *source.Node) {
	if action.Kind != source.Other || !method().MatchString(action.Text) {
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
	calls, err := source.ReadJS("", "new X("+n.Text[i+2:]+")").Calls(func(string) bool { return true })
	if err != nil || len(calls) != 1 || len(calls[0].Args) != 1 || calls[0].Args[0].Kind == source.Other {
		return nil
	}
	v := *n
	v.Kind, v.Text = calls[0].Args[0].Kind, calls[0].Args[0].Text
	return &v
}

// ModulePolicies reads the one breaker of a module whose options are all literals.
func ModulePolicies(file, text string) (map[string]policy.Policy, []string, error) {
	js := source.ReadJS(file, text)
	calls, err := breakers(js)
	if err != nil {
		return nil, nil, err
	}
	if len(calls) != 1 || len(calls[0].Args) < 2 {
		return nil, nil, &source.Error{File: file, Found: "a module without exactly one new CircuitBreaker(action, options)", Want: "one breaker, or its options as JSON"}
	}
	options := inCode(js, calls[0].Args[1])
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
