package grpcclient

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// DetectModule says why a text is a JavaScript or TypeScript module with clients of
// @grpc/grpc-js.
func DetectModule(file, text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return ""
	}
	all, err := clients(file, text)
	if err != nil && !strings.Contains(text, "createInsecure(") && !strings.Contains(text, "createSsl(") || err == nil && len(all) == 0 {
		return ""
	}
	return "it makes a client with gRPC credentials or options"
}

// client is new XClient(address, credentials, options).
type client struct {
	source.Call
	credentials Credentials // empty where they must be run to be known
	options     *source.Node
}

func clients(file, text string) ([]client, error) {
	calls, err := source.ReadJS(file, text).Calls(func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	var all []client
	for _, c := range calls {
		if len(c.Args) < 2 {
			continue
		}
		found := client{Call: c, options: source.NewNode(file, c.Pos, source.Map, "")}
		switch {
		case strings.Contains(c.Args[1].Text, "createInsecure("):
			found.credentials = Insecure
		case strings.Contains(c.Args[1].Text, "createSsl("):
			found.credentials = SSL
		}
		named := false
		if len(c.Args) > 2 && c.Args[2].Kind == source.Map {
			found.options = c.Args[2]
			for _, m := range c.Args[2].Members {
				named = named || strings.HasPrefix(m.Key, "grpc.") || strings.HasPrefix(m.Key, "grpc-node.")
			}
		}
		if found.credentials != "" || named {
			all = append(all, found)
		}
	}
	return all, nil
}

// callDeadline is a deadline that somewhere a call is given.
var callDeadline = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[{,]\s*deadline\s*[:,}]`) })

// LintModule is the traps of the clients that a module makes, as far as their options
// are literals. The tree has the clients in order, the options of each under their
// names.
func LintModule(file, text string) ([]trap.Trap, *source.Node, error) {
	root := source.NewNode(file, source.Pos{Line: 1, Column: 1}, source.List, "")
	deadline := callDeadline().MatchString(text)
	made, err := clients(file, text)
	if err != nil {
		return nil, nil, err
	}
	var all []trap.Trap
	for i, cl := range made {
		root.Items = append(root.Items, cl.options)
		cl.options.Key = cl.Pos
		known := *cl.options
		known.Members = nil
		unknown := map[string]bool{}
		for _, m := range cl.options.Members {
			if m.Value.Kind == source.Other {
				unknown[m.Key] = true
			} else {
				known.Members = append(known.Members, m)
			}
		}
		var mistakes []error // options of the constructor that are none of the channel's
		var c Config
		_ = source.Decoder{Mistakes: &mistakes}.Decode(&known, &c)
		if cl.credentials != "" {
			c.Credentials = &cl.credentials
		}
		for _, t := range Traps(c) {
			if unknown[t.Path[0]] || deadline && t.Rule == "grpc-client/no-deadline" {
				continue
			}
			t.What = cl.Name + ": " + t.What
			t.Path = trap.At([]string{strconv.Itoa(i)}, t.Path...)
			all = append(all, t)
		}
	}
	return all, root, nil
}
