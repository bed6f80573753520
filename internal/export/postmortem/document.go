// Package postmortem writes the document of an incident: what the evidence and the
// simulator say of it, and what people wrote beside it, as Markdown, as HTML in one
// file and as JSON. All three are made of one Document, and the same input gives the
// same bytes.
package postmortem

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tripcurve/internal/export/timeline"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.postmortem/1"

// Document is a postmortem ready to be written. All of its texts are redacted, and
// free of control characters; each writer escapes them for its format. In prose
// `code` stands between backquotes. Lists are never null.
type Document struct {
	Schema      string             `json:"schema"`
	Incident    string             `json:"incident"`
	Title       string             `json:"title"`
	Status      string             `json:"status"`
	Authors     []string           `json:"authors"`
	Window      *Window            `json:"window"` // of the impact; null when nothing failed
	GeneratedAt *string            `json:"generated_at,omitempty"`
	Redaction   timeline.Redaction `json:"redaction"`
	NotFilled   []Gap              `json:"not_filled_in"` // what was asked of people and not answered
	Terms       []Term             `json:"glossary"`      // those that the text uses
	Sections    []Section          `json:"sections"`

	unhurt string // what is known where there is no impact
}

// Window is half open.
type Window struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	DurationS float64 `json:"duration_s"`
}

// Gap is a question that nobody has answered yet.
type Gap struct {
	Section string `json:"section"`
	What    string `json:"what"`
	Key     string `json:"key"` // of the author's file
}

// Term is a word and what it means.
type Term struct {
	ID    string `json:"id"`
	Term  string `json:"term"`
	Means string `json:"means"`
	words []string
}

// Section is one part of the document under its own heading.
type Section struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	From   []string `json:"from"` // what it was made of: evidence, simulation, author, program
	Blocks []Block  `json:"blocks"`
}

// Kind of a block.
type Kind string

// The kinds of blocks.
const (
	Paragraph Kind = "text"
	List      Kind = "list"
	Table     Kind = "table"
	Facts     Kind = "facts" // a table of two columns without a head
	Code      Kind = "code"
	Callout   Kind = "callout"
	Group     Kind = "group"   // blocks under a title of their own
	Columns   Kind = "columns" // groups side by side
	Chart     Kind = "chart"
	Knobs     Kind = "what_if"
	Missing   Kind = "not_filled_in"
)

// Block is a piece of a section. Which fields it has depends on its kind.
type Block struct {
	Kind    Kind     `json:"kind"`
	Title   string   `json:"title,omitempty"`
	Text    string   `json:"text,omitempty"`
	Level   string   `json:"level,omitempty"` // of a callout: note, warning, danger
	Ordered bool     `json:"ordered,omitempty"`
	Items   []string `json:"items,omitempty"`
	Head    []string `json:"head,omitempty"`
	Rows    [][]Cell `json:"rows,omitempty"`
	Code    *Listing `json:"code,omitempty"`
	Blocks  []Block  `json:"blocks,omitempty"`
	Open    bool     `json:"-"` // a group that is shown unfolded
	Chart   *Picture `json:"chart,omitempty"`
	WhatIf  *WhatIf  `json:"what_if,omitempty"`
	Gap     *Gap     `json:"gap,omitempty"`
}

// Tone of a cell; a word in it says the same.
type Tone string

// The tones.
const (
	Good Tone = "good"
	Bad  Tone = "bad"
	Warn Tone = "warn"
)

// Cell of a table.
type Cell struct {
	Text string `json:"text"`
	Tone Tone   `json:"tone,omitempty"`
	// Right says that it is a figure.
	Right bool `json:"-"`
	// Head says that it names its row.
	Head bool `json:"-"`
}

// Listing is code or data, which is written as it is.
type Listing struct {
	At    string     `json:"at,omitempty"` // file:line
	First int        `json:"first_line,omitempty"`
	Lang  string     `json:"language,omitempty"`
	Text  string     `json:"text"`
	Notes []LineNote `json:"notes,omitempty"`
}

// LineNote says what a line was worth that night.
type LineNote struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// Picture is drawn in HTML alone; a table beside it says the same in all formats.
type Picture struct {
	Alt string `json:"alt"`
	svg string
}

func text(s string) Block { return Block{Kind: Paragraph, Text: s} }

func list(items ...string) Block { return Block{Kind: List, Items: items} }

func ordered(items ...string) Block { return Block{Kind: List, Ordered: true, Items: items} }

func callout(level, title, s string) Block {
	return Block{Kind: Callout, Level: level, Title: title, Text: s}
}

func group(title string, blocks ...Block) Block {
	return Block{Kind: Group, Title: title, Blocks: blocks}
}

func opened(title string, blocks ...Block) Block {
	b := group(title, blocks...)
	b.Open = true
	return b
}

func table(title string, head []string, rows ...[]Cell) Block {
	return Block{Kind: Table, Title: title, Head: head, Rows: rows}
}

func facts(rows ...[]Cell) Block { return Block{Kind: Facts, Rows: rows} }

// row makes cells of texts, the first of which names the row.
func row(cells ...string) []Cell {
	out := make([]Cell, len(cells))
	for i, s := range cells {
		out[i] = Cell{Text: s, Head: i == 0}
	}
	return out
}

// figures makes the cells of a row from the second on stand to the right.
func figures(cells ...string) []Cell {
	out := row(cells...)
	for i := range out[1:] {
		out[i+1].Right = true
	}
	return out
}

// JSON is the document with a fixed order of keys.
func (d *Document) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("postmortem as JSON: %w", err)
	}
	return b.Bytes(), nil
}

// Walk calls f for every block of the section, those inside others too.
func (s Section) Walk(f func(*Block)) { walk(s.Blocks, f) }

func walk(blocks []Block, f func(*Block)) {
	for i := range blocks {
		f(&blocks[i])
		walk(blocks[i].Blocks, f)
	}
}
