// Package locktree writes who waits for whom at one instant, as text and as JSON.
package locktree

import (
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/export/timeline"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.locktree/1"

// Options of a tree. The zero value redacts.
type Options struct {
	Unredacted bool
	Redaction  redact.Options
}

// Tree is the lock tree ready to be written. Lists are never null.
type Tree struct {
	Schema   string  `json:"schema"`
	At       string  `json:"at"`
	Sentence string  `json:"sentence"`
	Waiting  int     `json:"waiting"` // sessions that wait
	Deepest  int     `json:"deepest"` // sessions in the longest chain, the root counted
	Cycles   [][]int `json:"cycles"`  // pids that wait for each other
	Roots    []Node  `json:"roots"`

	Redaction timeline.Redaction `json:"redaction"`
}

// Node is one session. Control characters are made visible.
type Node struct {
	PID         int     `json:"pid"`
	User        string  `json:"user"`
	Application string  `json:"application"`
	Database    string  `json:"database"`
	State       string  `json:"state"`
	Query       string  `json:"query"`
	Relation    string  `json:"relation"`
	LockType    string  `json:"lock_type"`
	Held        string  `json:"held"`   // empty: unknown, or it only queues
	Wanted      string  `json:"wanted"` // empty: it waits for nothing
	Since       *string `json:"since"`
	ForS        float64 `json:"for_s"`  // since then
	Queued      bool    `json:"queued"` // its parent only waits ahead of it (a soft block)
	Blocks      int     `json:"blocks"`
	Waiters     []Node  `json:"waiters"`
}

// cleaner makes what was collected fit to be handed out.
type cleaner struct {
	*redact.Redactor
	unredacted bool
}

func (c cleaner) text(s string) string {
	if !c.unredacted {
		s = c.Text(s)
	}
	return redact.Flat(s)
}

func (c cleaner) query(s string) string {
	if s = redact.MaskSecrets(s); !c.unredacted {
		s = c.SQL(s)
	}
	return redact.Flat(s)
}

// clean is the lock tree with every text of the sessions made fit.
func (c cleaner) clean(nodes []*incident.LockNode) []*incident.LockNode {
	out := make([]*incident.LockNode, 0, len(nodes))
	for _, n := range nodes {
		x := *n
		x.Query, x.Children = c.query(n.Query), c.clean(n.Children)
		for _, s := range []*string{&x.User, &x.Application, &x.Database, &x.Client, &x.State, &x.Relation, &x.LockType} {
			*s = c.text(*s)
		}
		out = append(out, &x)
	}
	return out
}

// New makes the tree with the sentence of an analysis of the same evidence.
func New(t incident.LockTree, a incident.Analysis, opt Options) Tree {
	c := cleaner{redact.New(opt.Redaction), opt.Unredacted}
	out := Tree{
		Schema: Schema, At: t.At.UTC().Format(time.RFC3339Nano), Sentence: c.text(a.Sentence),
		Waiting: t.Waiting, Deepest: t.Deepest, Cycles: t.Cycles, Roots: []Node{},
	}
	if out.Cycles == nil {
		out.Cycles = [][]int{}
	}
	for _, r := range c.clean(t.Roots) {
		out.Roots = append(out.Roots, node(r, t.At, true))
	}
	out.Redaction = timeline.NewRedaction(c.Redactor, opt.Unredacted)
	return out
}

func node(n *incident.LockNode, at time.Time, root bool) Node {
	out := Node{
		PID: n.PID, User: n.User, Application: n.Application, Database: n.Database,
		State: n.State, Query: n.Query, Relation: n.Relation, LockType: n.LockType,
		Held: n.Held.String(), Wanted: n.Wanted.String(), Since: export.Instant(n.Since),
		Queued: !root && !n.Hard, Blocks: n.Blocks, Waiters: []Node{},
	}
	if !n.Since.IsZero() {
		out.ForS = export.Seconds(max(0, at.Sub(n.Since)))
	}
	for _, c := range n.Children {
		out.Waiters = append(out.Waiters, node(c, at, false))
	}
	return out
}

// maxAlike is how many equal waiters are listed before the rest is counted:
// 100 equal lines help nobody.
const maxAlike = 5

// Text is the sentence and the tree for a terminal or a pager. It says how much was
// replaced, if anything was.
func Text(t incident.LockTree, a incident.Analysis, opt Options) string {
	c := cleaner{redact.New(opt.Redaction), opt.Unredacted}
	var b strings.Builder
	b.WriteString(c.text(a.Sentence))
	b.WriteString("\n")
	if t.Waiting == 0 && len(t.Cycles) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "\nlocks at %s   %d waiting, %s, deepest %d\n", t.At.UTC().Format("15:04:05Z"), t.Waiting, export.Plural(len(t.Roots), "root"), t.Deepest)
	for _, c := range t.Cycles {
		fmt.Fprintf(&b, "!! these wait for each other: %s\n", strings.Trim(fmt.Sprint(c), "[]"))
	}
	for _, r := range c.clean(t.Roots) {
		rootText(&b, r, t.At)
		children(&b, r.Children, "", t.At)
	}
	if action := firstAction(a); action != "" {
		fmt.Fprintf(&b, "\nwhat to do: %s\n", redact.Lines(action))
	}
	if len(c.Counts()) > 0 {
		fmt.Fprintf(&b, "\n%s\n", c.Statement())
	}
	return b.String()
}

func rootText(b *strings.Builder, r *incident.LockNode, at time.Time) {
	fmt.Fprintf(b, "%d %s", r.PID, who(r))
	if r.Held != 0 {
		fmt.Fprintf(b, "  holds %s", r.Held)
		object(b, r)
	}
	if !r.Since.IsZero() {
		fmt.Fprintf(b, "  since %s (%s)", r.Since.UTC().Format("15:04:05Z"), age(r.Since, at))
	}
	fmt.Fprintf(b, "  %s  blocks %d\n", r.State, r.Blocks)
	if r.Query != "" {
		fmt.Fprintf(b, "|  %s\n", r.Query)
	}
}

// object says of what kind a lock is, where it is not a table's, and on what.
func object(b *strings.Builder, n *incident.LockNode) {
	if n.LockType != "" && n.LockType != "relation" {
		fmt.Fprintf(b, " (%s)", n.LockType)
	}
	if n.Relation != "" {
		fmt.Fprintf(b, " on %s", n.Relation)
	}
}

func children(b *strings.Builder, nodes []*incident.LockNode, indent string, at time.Time) {
	shown, folded := 0, 0
	for i, n := range nodes {
		leaf := len(n.Children) == 0
		if leaf && shown >= maxAlike {
			folded++
			continue
		}
		if leaf {
			shown++
		}
		branch, below := "+- ", "|  "
		if i == len(nodes)-1 {
			branch, below = "`- ", "   "
		}
		if !n.Hard {
			branch = branch[:1] + "~ " // only ahead in the queue
		}
		fmt.Fprintf(b, "%s%s%d %s  wants %s", indent, branch, n.PID, who(n), n.Wanted)
		object(b, n)
		fmt.Fprintf(b, ", waits %s", age(n.Since, at))
		if n.Blocks > 0 {
			fmt.Fprintf(b, ", blocks %d", n.Blocks)
		}
		if !n.Hard {
			b.WriteString(" (behind it in the queue)")
		}
		b.WriteString("\n")
		children(b, n.Children, indent+below, at)
	}
	if folded > 0 {
		fmt.Fprintf(b, "%s`- %d more that block nobody\n", indent, folded)
	}
}

func who(n *incident.LockNode) string {
	var parts []string
	for _, p := range []string{n.User, n.Application} {
		if p != "" && (len(parts) == 0 || p != n.User) {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return "session not seen"
	}
	return strings.Join(parts, " ")
}

func age(since, at time.Time) string {
	if since.IsZero() {
		return "for an unknown time"
	}
	return max(0, at.Sub(since)).Round(time.Second).String()
}

func firstAction(a incident.Analysis) string {
	for _, f := range a.Findings {
		if f.Action != "" {
			return f.Action
		}
	}
	return ""
}
