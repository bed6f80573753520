package formats

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tripcurve/internal/formats/configmap"
	"tripcurve/internal/formats/source"
)

// Document is what one format says in a file: the file, one document of it, or a
// file inside of a Kubernetes ConfigMap.
type Document struct {
	Name   string // of the file, or of the file inside
	Format Format // without a name where none was recognised
	Reason string
	// Text has the lines and columns that it has in the whole file: what stands
	// around it is left blank. Where no format was recognised it is the document alone.
	Text   string
	Line   int // its first line
	before int // lines of the file that are still to be put before Text
}

// Documents takes a file apart. As names the format of all its documents; ""
// detects each for itself. Documents of one format that belong together stay
// together. It is an error when nothing is recognised, or not for certain.
func Documents(file, text, as string) ([]Document, error) {
	parts, err := split(file, text)
	if err != nil {
		return nil, err
	}
	var docs []Document
	for _, p := range parts {
		inside, err := p.files()
		if err != nil {
			return nil, err
		}
		docs = append(docs, inside...)
	}
	docs = viewed(docs, as)
	known, placed := false, 0
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
		if err != nil {
			continue
		}
		known = true
		d.place()
		if placed += len(d.Text); placed > mostPlaced {
			return nil, &source.Error{File: file, Pos: source.Pos{Line: d.Line, Column: 1}, Found: "one more document", Want: "fewer documents or fewer lines in one file: split it", Mistake: source.Syntax}
		}
	}
	if !known {
		if err == nil { // an empty file
			err = fmt.Errorf("%s: it is empty", file)
		}
		return nil, err
	}
	return together(docs), nil
}

// What is taken apart at most: each document is held with blanks for what stands before
// it, so that a megabyte of small ones would be gigabytes.
const (
	mostLines     = 300_000 // of a file
	mostDocuments = 5000
	mostPlaced    = 64 << 20 // bytes of all documents of known formats
)

// split is the documents of a YAML text. Text of other kinds has no line of three
// dashes.
func split(file, text string) ([]Document, error) {
	if n := strings.Count(text, "\n"); n > mostLines {
		return nil, &source.Error{File: file, Pos: source.Pos{Line: mostLines + 1, Column: 1}, Found: "one more line", Want: fmt.Sprintf("%d in one file at most", mostLines), Mistake: source.Syntax}
	}
	var docs []Document
	line, start, some := 1, 1, false
	from, before, at := 0, 0, 0 // where the document begins, the lines before it, where l begins
	flush := func() {
		if some {
			docs = append(docs, Document{Name: file, Text: text[from:at], Line: start, before: before})
		}
	}
	for l := range strings.Lines(text) {
		if len(docs) == mostDocuments {
			return nil, &source.Error{File: file, Pos: source.Pos{Line: line, Column: 1}, Found: "one more document", Want: fmt.Sprintf("%d in one file at most", mostDocuments), Mistake: source.Syntax}
		}
		if rest, dashes := strings.CutPrefix(strings.TrimRight(l, " \t\r\n"), "---"); dashes && (rest == "" || strings.HasPrefix(strings.TrimSpace(rest), "#")) {
			flush()
			from, before, start, some = at+len(l), line, line+1, false
		} else if trimmed := strings.TrimSpace(l); !some && trimmed != "" && trimmed[0] != '#' {
			some, start = true, line
		}
		at += len(l)
		line++
	}
	flush()
	return docs, nil
}

// place puts a document where it stands in the file.
func (d *Document) place() {
	d.Text = strings.Repeat("\n", d.before) + d.Text
	d.before = 0
}

// files are the files inside of a ConfigMap, or d itself.
func (d Document) files() ([]Document, error) {
	if !configmap.Is(d.Name, d.Text) {
		return []Document{d}, nil
	}
	d.place()
	found, err := configmap.Files(d.Name, d.Text)
	if err != nil {
		return nil, err
	}
	var inside []Document
	for _, f := range found {
		inside = append(inside, Document{Name: f.Name, Text: f.Placed, Line: f.Line})
	}
	return inside, nil
}

// viewed is each document as many times as it has views.
func viewed(docs []Document, as string) []Document {
	var all []Document
	for _, d := range docs {
		all = append(all, views(d, as)...)
	}
	return all
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
	type group struct{ file, format string }
	var joined []Document
	first := map[group]int{} // in joined
	texts := map[group]*strings.Builder{}
	lines := map[group]int{} // in texts
	for _, d := range docs {
		g := group{d.Name, d.Format.Name}
		_, begun := first[g]
		switch {
		case !slices.Contains(joint, d.Format.Name):
			joined = append(joined, d)
		case !begun:
			first[g], texts[g], lines[g] = len(joined), &strings.Builder{}, strings.Count(d.Text, "\n")
			texts[g].WriteString(d.Text)
			joined = append(joined, d)
		default:
			// Blank lines up to where this one begins, and the dashes before it.
			gap := d.Line - 2 - lines[g]
			if gap < 0 {
				continue
			}
			own := below(d.Text, d.Line-1)
			texts[g].WriteString(strings.Repeat("\n", gap) + "---\n" + own)
			lines[g] += gap + 1 + strings.Count(own, "\n")
		}
	}
	for g, i := range first {
		joined[i].Text = texts[g].String()
	}
	return joined
}

// below is a text without its first lines.
func below(text string, lines int) string {
	for ; lines > 0; lines-- {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return text
		}
		text = rest
	}
	return text
}
