package config

import (
	"fmt"

	"tripcurve/internal/formats/source"
)

// Binding is the keys that the settings file gives to one action of the screens.
type Binding struct {
	Action string   // "quit", or "locks.fold" for one screen alone
	Keys   []string // none: the action is reached by its command only
	Where  string   // "config.yaml:7:3"
}

// readKeys reads the section keys: an action to a line, with a key or a list of keys.
func readKeys(file string, n *source.Node) ([]Binding, error) {
	if n.Kind == source.Null {
		return nil, nil
	}
	if n.Kind != source.Map {
		return nil, n.Wrong("lines of `action: key`")
	}
	var list []Binding
	for _, m := range n.Members {
		b := Binding{Action: m.Key, Where: fmt.Sprintf("%s:%d:%d", file, m.Line, m.Column)}
		keys := []*source.Node{m.Value}
		if m.Value.Kind == source.List {
			keys = m.Value.Items
		}
		for _, k := range keys {
			switch k.Kind {
			case source.Null, source.Map, source.List, source.Other:
				return nil, k.Wrong("a key such as x, ctrl+x or f5, or a list of keys, [] for none")
			default:
			}
			b.Keys = append(b.Keys, k.Text)
		}
		list = append(list, b)
	}
	return list, nil
}
