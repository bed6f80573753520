// Package author reads what only people can say of an incident, decisions, costs,
// owners, from a YAML file beside the incident file: strictly, and with the place
// of every mistake.
package author

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy"
)

// Schema names the YAML form and its version.
const Schema = "tripcurve.postmortem-author/1"

// Suffix takes the place of an incident file's ending in the name of the file beside it.
const Suffix = ".postmortem.yaml"

// Template is a commented file to begin with.
//
//go:embed template.yaml
var Template []byte

const (
	mostText  = 20_000 // bytes of one text
	mostItems = 500    // of one list
)

// Notes are what people wrote. A list or a text that is missing is a question that
// nobody has answered yet.
type Notes struct {
	Schema   string `json:"schema"`
	Incident string `json:"incident"`
	Title    Text   `json:"title"`
	Status   Status `json:"status"`
	Authors  []Text `json:"authors"`

	Summary      Text         `json:"summary"`
	Business     Text         `json:"business_impact"`
	Detection    Text         `json:"detection"`
	Trigger      Text         `json:"trigger"`
	Factors      []Text       `json:"contributing_factors"`
	Resolution   Text         `json:"resolution"`
	Well         []Text       `json:"went_well"`
	Badly        []Text       `json:"went_badly"`
	Lucky        []Text       `json:"lucky"`
	Surprises    []Text       `json:"surprises"`
	Actions      []Action     `json:"action_items"`
	Decisions    []Decision   `json:"decisions"`
	Options      []Option     `json:"options"`
	Paths        []Path       `json:"paths"`
	Code         []Code       `json:"code"`
	Issues       []Issue      `json:"issues"`
	Endpoints    []Label      `json:"endpoints"`
	ErrorGroups  []ErrorGroup `json:"error_groups"`
	Examples     []Example    `json:"examples"`
	Phases       []Phase      `json:"phases"`
	Rollback     []Rollback   `json:"rollback"`
	Touched      *Touched     `json:"touched"`
	Dependencies []Dependency `json:"dependencies"`
	EdgeCases    []EdgeCase   `json:"edge_cases"`
	Tests        []TestArea   `json:"tests"`
	WhatIf       *WhatIf      `json:"what_if"`
	Terms        []Term       `json:"terms"`
	Analogy      *Analogy     `json:"analogy"`
	TwoMeanings  []Word       `json:"two_meanings"`
	Flow         Text         `json:"decision_flow"`
	FAQ          []Question   `json:"faq"`
	Review       []Track      `json:"review"`
	Callouts     []Callout    `json:"callouts"`
	CodePairs    []CodePair   `json:"code_pairs"`
	Risks        []Risk       `json:"residual_risks"`
	Queries      []Query      `json:"queries"`
}

// Action is something to do.
type Action struct {
	What   Text  `json:"what"`
	Type   Type  `json:"type"`
	Owner  Text  `json:"owner"`
	Ticket Text  `json:"ticket"`
	Due    Text  `json:"due"`
	Status Reach `json:"status"`
}

// Decision came out of the incident.
type Decision struct {
	Title   Text    `json:"title"`
	Verdict Verdict `json:"verdict"`
	Text    Text    `json:"text"`
}

// Option is a way that was considered.
type Option struct {
	Name     Text     `json:"name"`
	What     Text     `json:"what"`
	Verdict  Verdict  `json:"verdict"`
	Cost     Text     `json:"cost"`
	When     Text     `json:"when"`
	Why      Text     `json:"why"`
	Gains    []Text   `json:"gains"`
	Costs    []Text   `json:"pays"`
	Remedies []string `json:"remedies"` // of tripcurve compare, whose figures stand beside it
}

// Path is one way through the system.
type Path struct {
	Name  Text   `json:"name"`
	Hot   bool   `json:"hot"` // on every request of a customer
	Text  Text   `json:"text"`
	Steps []Step `json:"steps"`
}

// Step of a path.
type Step struct {
	Call  Text `json:"call"`
	Note  Text `json:"note"`
	Guard Text `json:"guard"` // what bounds it; empty: nothing
}

// Code is a piece of a source with what its lines were worth that night.
type Code struct {
	Title Text     `json:"title"`
	File  string   `json:"file"`
	Line  int      `json:"line" min:"1" max:"10000000"` // of the first line of Text
	Lang  string   `json:"lang"`
	Text  Verbatim `json:"text"`
	Notes []Note   `json:"notes"`
	After Text     `json:"after"`
}

// Note is what a line of a piece of code was worth.
type Note struct {
	Line int  `json:"line" min:"1" max:"10000000"` // as numbered in the file
	Text Text `json:"text"`
}

// Issue is what an author makes of a finding, or an issue that no finding names.
type Issue struct {
	Finding  string   `json:"finding"` // how the finding's id begins; empty: none
	Title    Text     `json:"title"`
	Severity Severity `json:"severity"`
	Text     Text     `json:"text"`
	Fix      Text     `json:"fix"`
}

// Label is the word for what an endpoint went through.
type Label struct {
	Endpoint string `json:"endpoint"`
	Label    Text   `json:"label"`
}

// ErrorGroup names kinds of errors together.
type ErrorGroup struct {
	Name     Text  `json:"name"`
	Statuses []int `json:"statuses"`
	Text     Text  `json:"text"`
}

// Example is one request and its answer.
type Example struct {
	Title    Text     `json:"title"`
	Request  Verbatim `json:"request"`
	Response Verbatim `json:"response"`
}

// Phase is one of the phases from trigger to full resolution.
type Phase struct {
	Name  Text  `json:"name"`
	State Reach `json:"state"`
	From  Text  `json:"from"`
	To    Text  `json:"to"`
	Text  Text  `json:"text"`
}

// Rollback is how a remedy is taken back.
type Rollback struct {
	Remedy       Text   `json:"remedy"`
	Steps        []Text `json:"steps"`
	Irreversible Text   `json:"irreversible"` // why there is no simple way back; empty: there is
}

// Touched is what the fix changes.
type Touched struct {
	Text    Text     `json:"text"`
	Modules []Module `json:"modules"`
}

// Module has files.
type Module struct {
	Name  Text     `json:"name"`
	Text  Text     `json:"text"`
	Files []string `json:"files"`
}

// Dependency is a service that depends on the one that failed, or it on that one.
type Dependency struct {
	Name     Text `json:"name"`
	Role     Text `json:"role"`
	Hit      Text `json:"hit"` // how it was hit
	Owner    Text `json:"owner"`
	Contact  Text `json:"contact"`
	Endpoint Text `json:"interface"`
}

// EdgeCase is a failure mode beyond those that are simulated.
type EdgeCase struct {
	Case    Text `json:"case"`
	Handled bool `json:"handled"`
	Guard   Text `json:"guard"`
	Text    Text `json:"text"`
}

// TestArea is a part of the function and its tests.
type TestArea struct {
	Area  Text   `json:"area"`
	Match []Text `json:"match"` // names, or parts of names, of tests of a report
	Tests []Text `json:"tests"` // without a report
	Gap   Text   `json:"gap"`   // what is not tested
}

// WhatIf is the point that was chosen.
type WhatIf struct {
	Threshold int  `json:"error_threshold_pct" min:"1" max:"100"`
	TimeoutMS int  `json:"timeout_ms" min:"1" max:"3600000"`
	Deadline  int  `json:"deadline_ms" min:"0" max:"3600000"` // 0: none
	Text      Text `json:"text"`
}

// Term is a word of the house.
type Term struct {
	Term  Text `json:"term"`
	Means Text `json:"means"`
}

// Analogy explains by something familiar.
type Analogy struct {
	Title Text   `json:"title"`
	Text  Text   `json:"text"`
	Pairs []Pair `json:"pairs"`
	Limit Text   `json:"where_it_ends"`
}

// Pair is a thing here and what it is there.
type Pair struct {
	Here  Text `json:"here"`
	There Text `json:"there"`
}

// Word has two meanings.
type Word struct {
	Word     Text      `json:"word"`
	Meanings []Meaning `json:"meanings"`
}

// Meaning of a word in a context.
type Meaning struct {
	In    Text `json:"in"`
	Means Text `json:"means"`
}

// Question and answer.
type Question struct {
	Question Text `json:"question"`
	Answer   Text `json:"answer"`
}

// Track is one dimension of a review.
type Track struct {
	Track   Text        `json:"track"`
	Verdict ReviewState `json:"verdict"`
	Text    Text        `json:"text"`
}

// Callout is put on a part of the document.
type Callout struct {
	Part  string `json:"part"`
	Level Level  `json:"level"`
	Title Text   `json:"title"`
	Text  Text   `json:"text"`
}

// CodePair is unsafe and safe code.
type CodePair struct {
	Title  Text     `json:"title"`
	Lang   string   `json:"lang"`
	Unsafe Verbatim `json:"unsafe"`
	Safe   Verbatim `json:"safe"`
	Why    Text     `json:"why"`
}

// Risk remains.
type Risk struct {
	Risk  Text `json:"risk"`
	Until Text `json:"until"`
	Owner Text `json:"owner"`
}

// Query is how supporting data was asked for.
type Query struct {
	Source Text     `json:"source"`
	Lang   string   `json:"lang"`
	Query  Verbatim `json:"query"`
	Shows  Text     `json:"shows"`
}

// Read is the notes in the text of a file of that name. parts are the ids of the
// parts of a document that a callout may stand on; facts the names that {{name}} in
// a text may call. An error says file, line and column, what was found and what was
// expected.
func Read(name string, text []byte, parts, facts []string) (*Notes, error) {
	docs, err := source.YAML(name, string(text))
	if err != nil {
		return nil, fmt.Errorf("postmortem %w", err)
	}
	switch len(docs) {
	case 0:
		return nil, fmt.Errorf("postmortem %w", &source.Error{File: name, Pos: source.Pos{Line: 1, Column: 1}, Found: "nothing", Want: "schema: " + Schema})
	case 1:
	default:
		return nil, fmt.Errorf("postmortem %w", docs[1].Errorf("one document", "a second one"))
	}
	n, err := read(docs[0], parts, facts)
	if err != nil {
		return nil, fmt.Errorf("postmortem %w", err)
	}
	return n, nil
}

func read(root *source.Node, parts, facts []string) (*Notes, error) {
	var n Notes
	if err := empty(root, reflect.TypeOf(n)); err != nil {
		return nil, err
	}
	if err := (source.Decoder{}).Decode(root, &n); err != nil {
		return nil, err
	}
	schema, ok := root.Get("schema")
	if !ok {
		return nil, root.Errorf("schema: "+Schema, "a file without a schema")
	}
	if schema.Text != Schema {
		return nil, schema.Wrong(Schema)
	}
	if err := check(root, reflect.TypeOf(n), facts); err != nil {
		return nil, err
	}
	list, _ := root.Get("callouts")
	for i, c := range n.Callouts {
		part, ok := list.Items[i].Get("part")
		if !ok {
			return nil, list.Items[i].Errorf("part: one of "+strings.Join(parts, ", "), "a callout on no part")
		}
		if !known(c.Part, parts) {
			return nil, part.Wrong("one of " + strings.Join(parts, ", "))
		}
	}
	return &n, nil
}

func known(word string, words []string) bool { return slices.Contains(words, word) }

// empty takes out members without a value, for a template's key that nobody has
// filled in yet is a question without an answer and no mistake. Its key has to be one.
func empty(n *source.Node, t reflect.Type) error {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	kept := n.Members[:0]
	for _, m := range n.Members {
		of, ok := field(t, m.Key)
		if m.Value.Kind != source.Null {
			kept = append(kept, m)
			if ok { // the decoder says it of the others
				if err := empty(m.Value, of); err != nil {
					return err
				}
			}
		} else if !ok && t.Kind() == reflect.Struct {
			return m.Wrong(policy.Unknown("key", m.Key, source.Keys(t)).Error())
		}
	}
	n.Members = kept
	for _, item := range n.Items {
		if err := empty(item, t); err != nil {
			return err
		}
	}
	return nil
}

// field is the type of what stands under a key of a struct.
func field(t reflect.Type, key string) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	for i := range t.NumField() {
		if f := t.Field(i); source.Key(f) == key {
			return f.Type, true
		}
	}
	return nil, false
}

// check looks at all that the decoder lets pass: lengths, and the facts that texts call.
func check(n *source.Node, t reflect.Type, facts []string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n.Kind {
	case source.List:
		if len(n.Items) > mostItems {
			return n.Errorf(fmt.Sprintf("%d at most", mostItems), "a list of %d", len(n.Items))
		}
		for _, item := range n.Items {
			if err := check(item, t.Elem(), facts); err != nil {
				return err
			}
		}
	case source.Map:
		for _, m := range n.Members {
			if of, ok := field(t, m.Key); ok {
				if err := check(m.Value, of, facts); err != nil {
					return err
				}
			}
		}
	case source.String:
		if len(n.Text) > mostText {
			return n.Errorf(fmt.Sprintf("%d at most", mostText), "a text of %d bytes", len(n.Text))
		}
		if t == reflect.TypeFor[Text]() {
			return checkFacts(n, facts)
		}
	case source.Null, source.Bool, source.Number, source.Other:
	}
	return nil
}

// checkFacts says where a text calls a fact that there is not.
func checkFacts(n *source.Node, facts []string) error {
	for _, p := range Pieces(n.Text) {
		switch {
		case p.Broken:
			return n.Errorf("{{name}} with one of "+strings.Join(facts, ", "), "{{ without }}")
		case p.Fact != "" && !known(p.Fact, facts):
			return n.Errorf("one of "+strings.Join(facts, ", "), "{{%s}}", p.Fact)
		}
	}
	return nil
}

// Piece is a part of a text: what was written, or the name of a fact to put there.
type Piece struct {
	Text, Fact string
	Broken     bool // a fact's name that does not end
}

// Pieces takes a text apart at {{name}}.
func Pieces(s string) (all []Piece) {
	for s != "" {
		before, rest, found := strings.Cut(s, "{{")
		if before != "" {
			all = append(all, Piece{Text: before})
		}
		if !found {
			return all
		}
		name, after, ended := strings.Cut(rest, "}}")
		if !ended {
			return append(all, Piece{Text: "{{" + rest, Broken: true})
		}
		all = append(all, Piece{Fact: strings.TrimSpace(name)})
		s = after
	}
	return all
}
