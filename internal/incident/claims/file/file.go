// Package file reads claims from YAML: strictly, and with the place of every
// mistake.
package file

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/incident/claims"
	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
)

// Template is a commented claims file, to begin with.
//
//go:embed template.yaml
var Template []byte

const (
	mostClaims = 2000
	mostText   = 2000 // bytes of one text
	mostItems  = 200  // of one list
	mostNumber = 1e12
)

// Read is the claims in the text of a file of that name. An error says file, line
// and column, what was found and what was expected.
func Read(name string, text []byte) (*claims.Document, error) {
	docs, err := source.YAML(name, string(text))
	if err != nil {
		return nil, fmt.Errorf("claims %w", err)
	}
	switch len(docs) {
	case 0:
		return nil, fmt.Errorf("claims %w", &source.Error{File: name, Pos: source.Pos{Line: 1, Column: 1}, Found: "nothing", Want: "schema: " + claims.Schema})
	case 1:
	default:
		return nil, fmt.Errorf("claims %w", docs[1].Errorf("one document", "a second one"))
	}
	doc, err := document(docs[0])
	if err != nil {
		return nil, fmt.Errorf("claims %w", err)
	}
	return doc, nil
}

func document(n *source.Node) (*claims.Document, error) {
	var doc claims.Document
	var list *source.Node
	r := reader{n: n, what: "key", keys: []string{"schema", "incident", "zone", "window", "claims"}, need: []string{"schema", "claims"}}
	err := r.each(func(key string, v *source.Node) error {
		var err error
		switch key {
		case "schema":
			if v.Kind != source.String || v.Text != claims.Schema {
				return v.Wrong(claims.Schema)
			}
		case "incident":
			doc.Incident, err = text(v)
		case "zone":
			if doc.Zone, err = text(v); err == nil && doc.Zone != "UTC" {
				return v.Wrong("UTC: instants carry their own offset, and are printed in UTC")
			}
		case "window":
			doc.Window, doc.LengthS, err = window(v)
		case "claims":
			list = v
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if list.Kind != source.List || len(list.Items) == 0 {
		return nil, list.Wrong("a list of claims")
	}
	if len(list.Items) > mostClaims {
		return nil, list.Errorf(fmt.Sprintf("%d at most", mostClaims), "%d claims", len(list.Items))
	}
	links := make([]*source.Node, len(list.Items))
	places := map[string]bool{}
	for i, item := range list.Items {
		c, link, err := claim(item)
		if err != nil {
			return nil, err
		}
		if places[c.ID] {
			id, _ := item.Get("id")
			return nil, id.Errorf("each id once", "%q a second time", c.ID)
		}
		places[c.ID], links[i] = true, link
		doc.Claims = append(doc.Claims, c)
	}
	for i, link := range links {
		if link == nil {
			continue
		}
		for _, to := range link.Items {
			switch {
			case !places[to.Text]:
				return nil, to.Wrong("the id of a claim of this file")
			case to.Text == doc.Claims[i].ID:
				return nil, to.Wrong("the id of another claim")
			}
		}
	}
	return &doc, nil
}

func claim(n *source.Node) (c claims.Claim, links *source.Node, err error) {
	r := reader{
		n: n, what: "key", need: []string{"id", "text", "kind"},
		keys: []string{"id", "text", "kind", "operands", "links", "rules", "derived", "expect", "expect_with_evidence"},
	}
	err = r.each(func(key string, v *source.Node) (err error) {
		switch key {
		case "id":
			if c.ID, err = text(v); err == nil && strings.ContainsAny(c.ID, " \t\n") {
				return v.Wrong("an id without blanks")
			}
		case "text":
			c.Text, err = text(v)
		case "kind":
			if c.Kind, err = text(v); err == nil && !slices.Contains(claims.Kinds, c.Kind) {
				return v.Wrong("one of " + strings.Join(claims.Kinds, ", "))
			}
		case "operands":
			c.Operands, err = operands(v, claims.Known, nil)
		case "links":
			links = v
			c.Links, err = texts(v)
		case "rules":
			c.Rules, err = numbers(v)
		case "derived":
			if v.Kind != source.Bool {
				return v.Wrong("true or false")
			}
			c.Derived = v.Text == "true"
		case "expect":
			c.Expect, err = expectation(v)
		case "expect_with_evidence":
			c.ExpectWithEvidence, err = verdict(v)
		}
		return err
	})
	return c, links, err
}

// reader reads a mapping with known keys.
type reader struct {
	n    *source.Node
	what string // a key is called
	keys []string
	need []string
}

func (r reader) each(f func(key string, v *source.Node) error) error {
	if r.n.Kind != source.Map {
		return r.n.Wrong("a mapping with " + short(r.keys))
	}
	for _, m := range r.n.Members {
		if !slices.Contains(r.keys, m.Key) {
			return m.Wrong(policy.Unknown(r.what, m.Key, r.keys).Error())
		}
		if err := f(m.Key, m.Value); err != nil {
			return err
		}
	}
	for _, key := range r.need {
		if _, ok := r.n.Get(key); !ok {
			return r.n.Errorf(key, "a mapping without %s", key)
		}
	}
	return nil
}

// short names keys for an error.
func short(keys []string) string {
	const most = 8
	if len(keys) > most {
		return strings.Join(keys[:most], ", ") + ", ..."
	}
	return strings.Join(keys, ", ")
}

func text(v *source.Node) (string, error) {
	if v.Kind != source.String && v.Kind != source.Number || strings.TrimSpace(v.Text) == "" {
		return "", v.Wrong("text")
	}
	if len(v.Text) > mostText {
		return "", v.Errorf(fmt.Sprintf("%d at most", mostText), "a text of %d bytes", len(v.Text))
	}
	return v.Text, nil
}

func items(v *source.Node, want string) ([]*source.Node, error) {
	if v.Kind != source.List {
		return nil, v.Wrong("a list of " + want)
	}
	if len(v.Items) > mostItems {
		return nil, v.Errorf(fmt.Sprintf("%d at most", mostItems), "a list of %d", len(v.Items))
	}
	return v.Items, nil
}

func texts(v *source.Node) ([]string, error) {
	nodes, err := items(v, "texts")
	list := make([]string, len(nodes))
	for i, n := range nodes {
		if list[i], err = text(n); err != nil {
			return nil, err
		}
	}
	return list, err
}

// numbers of rules; an empty list lets none speak.
func numbers(v *source.Node) ([]int, error) {
	nodes, err := items(v, "rules' numbers")
	list := make([]int, len(nodes))
	for i, n := range nodes {
		k, bad := strconv.Atoi(n.Text)
		if _, ok := claims.Rule(k); bad != nil || !ok || n.Kind != source.Number {
			return nil, n.Wrong("the number of a rule, 1 to 15")
		}
		list[i] = k
	}
	return list, err
}

func number(v *source.Node) (float64, error) {
	x, err := strconv.ParseFloat(strings.ReplaceAll(v.Text, "_", ""), 64)
	if v.Kind != source.Number || err != nil || math.IsNaN(x) || x < 0 || x > mostNumber {
		return 0, v.Wrong("a number from 0 on")
	}
	return x, nil
}

func instant(v *source.Node) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, v.Text)
	if v.Kind != source.String || err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}, v.Wrong(`an instant with its offset, such as "2026-01-15T14:23:01Z", from 1970 to 2200`)
	}
	return t.UTC(), nil
}

// span is {start, end} of a node, or of those of its members.
func span(v *source.Node) (claims.Interval, error) {
	i, _, err := interval(v, false)
	return i, err
}

func window(v *source.Node) (claims.Interval, float64, error) { return interval(v, true) }

func interval(v *source.Node, length bool) (i claims.Interval, lengthS float64, err error) {
	r := reader{n: v, what: "key", keys: []string{"start", "end"}, need: []string{"start", "end"}}
	if length {
		r.keys = append(r.keys, "length_s")
	}
	var end *source.Node
	err = r.each(func(key string, v *source.Node) (err error) {
		switch key {
		case "start":
			i.Start, err = instant(v)
		case "end":
			end = v
			i.End, err = instant(v)
		case "length_s":
			lengthS, err = number(v)
		}
		return err
	})
	if err == nil {
		err = forwards(i, end)
	}
	return i, lengthS, err
}

// forwards refuses a window that ends before it begins.
func forwards(i claims.Interval, end *source.Node) error {
	if i.End.Before(i.Start) {
		return end.Errorf("an end after the start, "+i.Start.Format(time.RFC3339Nano), "the end %s: the window is reversed", end.Text)
	}
	return nil
}

func expectation(v *source.Node) (*claims.Expectation, error) {
	var e claims.Expectation
	r := reader{n: v, what: "key", keys: []string{"verdict", "arithmetic", "why"}, need: []string{"verdict"}}
	err := r.each(func(key string, v *source.Node) (err error) {
		switch key {
		case "verdict":
			e.Verdict, err = verdict(v)
		case "arithmetic":
			e.Arithmetic, err = text(v)
		case "why":
			e.Why, err = text(v)
		}
		return err
	})
	return &e, err
}

func verdict(v *source.Node) (string, error) {
	if !slices.Contains(claims.Verdicts(), v.Text) {
		return "", v.Wrong("one of " + strings.Join(claims.Verdicts(), ", "))
	}
	return v.Text, nil
}

// operands by the keys of known.
func operands(n *source.Node, known []claims.Operand, need []string) (claims.Operands, error) {
	out := claims.Operands{}
	r := reader{n: n, what: "operand", keys: claims.Names(known), need: need}
	err := r.each(func(key string, v *source.Node) error {
		o, _ := claims.Find(known, key)
		val, err := value(o, v)
		out[key] = val
		return err
	})
	if err != nil {
		return nil, err
	}
	if start, ok := out.At("start"); ok {
		if end, ok := out.At("end"); ok {
			at, _ := n.Get("end")
			return out, forwards(claims.Interval{Start: start, End: end}, at)
		}
	}
	return out, nil
}

func value(o claims.Operand, v *source.Node) (claims.Value, error) {
	out := claims.Value{Type: o.Type}
	if v.Kind == source.String && slices.Contains(claims.Unknown, v.Text) {
		out.Missing = true
		return out, nil
	}
	if !o.List && o.Type != claims.Objects {
		return scalar(o, v)
	}
	nodes, err := items(v, "values")
	if err != nil {
		return out, err
	}
	for _, n := range nodes {
		x := claims.Value{Type: o.Type}
		if o.Type == claims.Objects {
			x.Object, err = operands(n, o.Parts, o.Need)
		} else {
			x, err = scalar(o, n)
		}
		if err != nil {
			return out, err
		}
		out.List = append(out.List, x)
	}
	return out, nil
}

func scalar(o claims.Operand, v *source.Node) (claims.Value, error) {
	out := claims.Value{Type: o.Type}
	var err error
	switch o.Type {
	case claims.Number:
		out.Number, err = number(v)
	case claims.Text:
		if out.Text, err = text(v); err == nil && o.Words != nil && !slices.Contains(o.Words, out.Text) {
			err = v.Wrong("one of " + strings.Join(o.Words, ", "))
		}
	case claims.Switch:
		if v.Kind != source.Bool {
			return out, v.Wrong("true or false")
		}
		out.On = v.Text == "true"
	case claims.Instant:
		out.At, err = instant(v)
	case claims.Span:
		out.Span, err = span(v)
	case claims.LockMode:
		mode, ok := pglock.Parse(v.Text)
		if !ok {
			return out, v.Wrong("a lock mode, such as SHARE or ROW EXCLUSIVE")
		}
		out.Mode = mode
	case claims.Objects: // its members are read by operands
	}
	return out, err
}
