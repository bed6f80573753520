package formats

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/formats/configmap"
)

// Document is what one format says in a file: the file, one document of it, or a
// file inside of a Kubernetes ConfigMap.
type Document struct {
	Name   string // of the file, or of the file inside
	Format Format // without a name where none was recognised
	Reason string
	// Text has the lines and columns that it has in the whole file: what stands
	// around it is left blank.
	Text string
	Line int // its first line
}

// Documents takes a file apart. As names the format of all its documents; ""
// detects each for itself. Documents of one format that belong together stay
// together. It is an error when nothing is recognised, or not for certain.
func Documents(file, text, as string) ([]Document, error) {
	var docs []Document
	for _, d := range split(file, text) {
		for _, f := range files(d) {
			docs = append(docs, views(f, as)...)
		}
	}
	known := false
	var err error
	for i := range docs {
		d := &docs[i]
		switch {
		case d.Format.Name != "":
		case as != "":
			d.Format, err = ByName(as)
			d.Reason = "as asked"
		default:
			d.Format, d.Reason, err = Detect(d.Name, d.Text)
		}
		if err != nil && !errors.Is(err, ErrUnknown) {
			return nil, err
		}
		known = known || err == nil
	}
	if !known {
		if err == nil { // an empty file
			err = fmt.Errorf("%s: it is empty", file)
		}
		return nil, err
	}
	return together(docs), nil
}

// split is the documents of a YAML text. Text of other kinds has no line of three
// dashes.
func split(file, text string) []Document {
	var docs []Document
	var b strings.Builder
	line, start, some := 1, 1, false
	flush := func() {
		if some {
			docs = append(docs, Document{Name: file, Text: b.String(), Line: start})
		}
		b.Reset()
		b.WriteString(strings.Repeat("\n", line))
		start, some = line+1, false
	}
	for l := range strings.Lines(text) {
		if rest, dashes := strings.CutPrefix(strings.TrimRight(l, " \t\r\n"), "---"); dashes && (rest == "" || strings.HasPrefix(strings.TrimSpace(rest), "#")) {
			flush()
		} else {
			if trimmed := strings.TrimSpace(l); !some && trimmed != "" && trimmed[0] != '#' {
				some, start = true, line
			}
			b.WriteString(l)
		}
		line++
	}
	flush()
	return docs
}

// files are the files inside of a ConfigMap, or d itself.
func files(d Document) []Document {
	if !configmap.Is(d.Name, d.Text) {
		return []Document{d}
	}
	var inside []Document
	for _, f := range configmap.Files(d.Name, d.Text) {
		inside = append(inside, Document{Name: f.Name, Text: f.Placed, Line: f.Line})
	}
	return inside
}

// modules are the formats of code, of which one text may be several.
var modules = []string{"opossum-js", "grpc-js"}

// views are d once for each format of code that it is of, or else d itself.
func views(d Document, as string) []Document {
	var all []Document
	for _, name := range modules {
		f, err := ByName(name)
		if err != nil || as != "" {
			continue
		}
		if reason := f.Detect(d.Name, d.Text); reason != "" {
			d.Format, d.Reason = f, reason
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return []Document{d}
	}
	return all
}

// joint are the formats that say one thing in several documents.
var joint = []string{"istio", "linkerd"}

// together joins the documents of formats whose documents belong together.
func together(docs []Document) []Document {
	var joined []Document
	for _, d := range docs {
		i := -1
		for j, k := range joined {
			if slices.Contains(joint, d.Format.Name) && k.Format.Name == d.Format.Name && k.Name == d.Name {
				i = j
			}
		}
		if i < 0 {
			joined = append(joined, d)
			continue
		}
		// Blank lines up to where this one begins, and the dashes before it.
		have := strings.Count(joined[i].Text, "\n")
		rest := strings.SplitAfterN(d.Text, "\n", d.Line)
		text := rest[len(rest)-1]
		if gap := d.Line - 2 - have; gap >= 0 {
			joined[i].Text += strings.Repeat("\n", gap) + "---\n" + text
		}
	}
	return joined
}
