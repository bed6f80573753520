package postmortem

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// HTML is the document as one file: styles and script are in it, and its own policy
// lets it ask the network for nothing and run nothing else, whatever the evidence
// holds.
func (d *Document) HTML() ([]byte, error) {
	w := &page{terms: newMarker(d.Terms)}
	w.f(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="tripcurve">
<meta name="tripcurve-schema" content="%s">
<title>%s</title>
<style>%s</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
`, sourceHash(pageCSS), sourceHash(pageJS), Schema, redact.HTML(d.Title), pageCSS)
	w.header(d)
	w.f("<div class=\"frame\">\n<nav aria-label=\"Contents\">\n<ol>\n")
	for _, s := range d.Sections {
		w.f("<li><a href=\"#%s\">%s</a></li>\n", s.ID, redact.HTML(s.Title))
	}
	w.f("</ol>\n</nav>\n<main id=\"content\">\n")
	for _, s := range d.Sections {
		w.f("<section aria-labelledby=\"%s\">\n<h2 id=\"%[1]s\">%s</h2>\n<p class=\"from\">From: %s</p>\n", s.ID, redact.HTML(s.Title), strings.Join(s.From, ", "))
		if s.ID == "glossary" {
			w.glossary(s)
		} else {
			w.blocks(s.Blocks, 3)
		}
		w.f("</section>\n")
	}
	w.f("</main>\n</div>\n<footer><p>%s</p></footer>\n", redact.HTML(d.Redaction.Statement))
	if err := w.data(d); err != nil {
		return nil, err
	}
	w.f("<script>%s</script>\n</body>\n</html>\n", pageJS)
	return w.b.Bytes(), nil
}

// sourceHash names a style or a script in a content security policy.
func sourceHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

type page struct {
	b     bytes.Buffer
	terms *marker
	ids   int
}

func (w *page) f(format string, args ...any) { fmt.Fprintf(&w.b, format, args...) }

func (w *page) header(d *Document) {
	w.f("<header>\n<p class=\"kicker\">Postmortem <span class=\"status\">%s</span></p>\n<h1>%s</h1>\n<dl class=\"facts head\">\n", redact.HTML(d.Status), redact.HTML(d.Title))
	for _, line := range d.head() {
		if line[0] == "Status" {
			continue
		}
		w.f("<div><dt>%s</dt><dd>%s</dd></div>\n", redact.HTML(line[0]), redact.HTML(line[1]))
	}
	w.f("</dl>\n")
	if n := len(d.NotFilled); n > 0 {
		w.f("<div class=\"missing\" role=\"note\"><p><strong>%s</strong></p>\n<p>%s</p></div>\n", redact.HTML(countMissing(n)), redact.HTML(listMissing(d.NotFilled)))
	}
	w.f("</header>\n")
}

func (w *page) blocks(all []Block, depth int) {
	for _, b := range all {
		w.block(b, depth)
	}
}

func (w *page) block(b Block, depth int) {
	switch b.Kind {
	case Paragraph:
		for _, p := range paragraphs(b.Text) {
			w.f("<p>%s</p>\n", w.inline(p))
		}
	case List:
		tag := "ul"
		if b.Ordered {
			tag = "ol"
		}
		w.f("<%s>\n", tag)
		for _, item := range b.Items {
			w.f("<li>%s</li>\n", w.inline(item))
		}
		w.f("</%s>\n", tag)
	case Table:
		w.table(b)
	case Facts:
		w.f("<dl class=\"facts\">\n")
		for _, r := range b.Rows {
			w.f("<div><dt>%s</dt><dd%s>%s</dd></div>\n", w.plain(r[0].Text), class(r[1].Tone), w.plain(r[1].Text))
		}
		w.f("</dl>\n")
	case Code:
		w.code(*b.Code)
	case Callout:
		word := map[string]string{"note": "Note", "warning": "Warning", "danger": "Danger"}[b.Level]
		w.f("<div class=\"callout %s\" role=\"note\">\n<p class=\"title\"><span>%s</span> %s</p>\n", redact.HTML(b.Level), word, redact.HTML(b.Title))
		for _, p := range paragraphs(b.Text) {
			w.f("<p>%s</p>\n", w.inline(p))
		}
		w.f("</div>\n")
	case Group:
		w.group(b, depth)
	case Columns:
		w.f("<div class=\"columns\">\n")
		w.blocks(b.Blocks, depth)
		w.f("</div>\n")
	case Chart:
		w.f("<figure>\n%s\n<figcaption>%s</figcaption>\n</figure>\n", b.Chart.svg, redact.HTML(b.Chart.Alt))
	case Knobs:
		w.knobs(b.WhatIf)
	case Missing:
		w.f("<p class=\"missing\"><strong>Not filled in</strong>: %s</p>\n", redact.HTML(b.Gap.line()))
	}
}

// group is a card when it is shown unfolded, else something to unfold.
func (w *page) group(b Block, depth int) {
	level := min(depth, 6)
	if b.Open {
		w.f("<div class=\"card\">\n<h%d>%s</h%[1]d>\n", level, w.plain(b.Title))
		w.blocks(b.Blocks, depth+1)
		w.f("</div>\n")
		return
	}
	w.f("<details>\n<summary><h%d>%s</h%[1]d></summary>\n<div>\n", level, w.plain(b.Title))
	w.blocks(b.Blocks, depth+1)
	w.f("</div>\n</details>\n")
}

func class(words ...Tone) string {
	var all []string
	for _, w := range words {
		if w != "" {
			all = append(all, string(w))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return ` class="` + strings.Join(all, " ") + `"`
}

// long keeps a column of sentences from being a column of words.
func long(s string) Tone {
	if len(s) > 40 {
		return "long"
	}
	return ""
}

// table can be scrolled sideways where it does not fit, with the keyboard too.
func (w *page) table(b Block) {
	w.ids++
	label := b.Title
	if label == "" {
		label = "Table " + strconv.Itoa(w.ids)
	}
	w.f("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n<table>\n", redact.HTML(strings.ReplaceAll(label, "`", "")))
	if b.Title != "" {
		w.f("<caption>%s</caption>\n", w.plain(b.Title))
	}
	w.f("<thead><tr>")
	for i, h := range b.Head {
		right := ""
		if len(b.Rows) > 0 && i < len(b.Rows[0]) && b.Rows[0][i].Right {
			right = ` class="num"`
		}
		w.f("<th scope=\"col\"%s>%s</th>", right, w.plain(h))
	}
	w.f("</tr></thead>\n<tbody>\n")
	for _, r := range b.Rows {
		w.f("<tr>")
		for _, c := range r {
			switch {
			case c.Head:
				w.f("<th scope=\"row\"%s>%s</th>", class(c.Tone), w.plain(c.Text))
			case c.Right:
				w.f("<td class=\"num\">%s</td>", w.plain(c.Text))
			default:
				w.f("<td%s>%s</td>", class(c.Tone, long(c.Text)), w.plain(c.Text))
			}
		}
		w.f("</tr>\n")
	}
	w.f("</tbody>\n</table>\n</div>\n")
}

func (w *page) code(c Listing) {
	w.f("<figure class=\"code\">\n")
	if c.At != "" {
		w.f("<figcaption><code>%s</code></figcaption>\n", redact.HTML(c.At))
	}
	w.f("<pre tabindex=\"0\" aria-label=\"%s\"><code>", redact.HTML(strings.TrimSpace("code "+c.At)))
	noted := func(n int) bool {
		return slices.ContainsFunc(c.Notes, func(x LineNote) bool { return x.Line == n })
	}
	for i, line := range strings.Split(c.Text, "\n") {
		n := c.First + i
		mark := ""
		if noted(n) {
			mark = " noted"
		}
		if c.First > 0 {
			w.f("<span class=\"line%s\"><span class=\"n\">%d</span>%s\n</span>", mark, n, redact.HTML(line))
		} else {
			w.f("%s\n", redact.HTML(line))
		}
	}
	w.f("</code></pre>\n")
	if len(c.Notes) > 0 {
		w.f("<ul class=\"notes\">\n")
		for _, n := range c.Notes {
			w.f("<li><span class=\"n\">line %d</span> %s</li>\n", n.Line, w.inline(n.Text))
		}
		w.f("</ul>\n")
	}
	w.f("</figure>\n")
}

// plain is prose with its code.
func (w *page) plain(s string) string {
	var b strings.Builder
	for _, p := range codePieces(s) {
		if p.code {
			b.WriteString("<code>" + redact.HTML(p.text) + "</code>")
		} else {
			b.WriteString(redact.HTML(p.text))
		}
	}
	return b.String()
}

// inline is prose with its code and the first uses of terms.
func (w *page) inline(s string) string {
	var b strings.Builder
	for _, p := range w.terms.pieces(s) {
		switch {
		case p.code:
			b.WriteString("<code>" + redact.HTML(p.text) + "</code>")
		case p.term != nil:
			fmt.Fprintf(&b, `<a class="term" href="#term-%s" aria-describedby="means-%[1]s" data-means="%s">%s</a>`, p.term.ID, redact.HTML(p.term.Means), redact.HTML(p.text))
		default:
			b.WriteString(redact.HTML(p.text))
		}
	}
	return b.String()
}

func (w *page) glossary(s Section) {
	for _, b := range s.Blocks {
		if b.Kind != Facts {
			w.block(b, 3)
			continue
		}
		w.f("<dl class=\"facts\">\n")
		for _, r := range b.Rows {
			id := termID(r[0].Text)
			w.f("<div><dt id=\"term-%[1]s\">%[2]s</dt><dd id=\"means-%[1]s\">%[3]s</dd></div>\n", id, redact.HTML(r[0].Text), redact.HTML(r[1].Text))
		}
		w.f("</dl>\n")
	}
}

// knobs are sliders where scripts run, and the table of all points anyway. The files
// of the chosen point can be had without a script.
func (w *page) knobs(g *WhatIf) {
	chosen := g.Points[g.Chosen]
	w.f("<div class=\"whatif card\" id=\"whatif\">\n<h3>Breaker and deadline of <code>%s</code></h3>\n<div class=\"sliders\" hidden>\n", redact.HTML(g.Edge))
	for i, a := range g.Axes {
		w.f("<div class=\"slider\"><div><label for=\"axis-%[1]s\">%[2]s</label> <output for=\"axis-%[1]s\" id=\"value-%[1]s\">%[3]s</output></div>\n<input type=\"range\" id=\"axis-%[1]s\" min=\"0\" max=\"%[4]d\" step=\"1\" value=\"%[5]d\" aria-valuetext=\"%[3]s\"></div>\n",
			a.ID, redact.HTML(a.Label+unitOf(a.Unit)), valueWord(a, chosen.At[i]), len(a.Values)-1, chosen.At[i])
	}
	w.f("</div>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"The chosen point\">\n<table class=\"point\">\n<caption>What the simulator makes of this point, %s; 5-95 %% in brackets</caption>\n<thead><tr><th scope=\"col\">figure</th><th scope=\"col\" class=\"num\">today</th><th scope=\"col\" class=\"num\">this point</th></tr></thead>\n<tbody id=\"point\">\n", export.Plural(g.Runs, "run"))
	for i, m := range g.Measures {
		w.f("<tr><th scope=\"row\">%s</th><td class=\"num\">%s</td><td class=\"num\" id=\"figure-%s\">%s</td></tr>\n",
			redact.HTML(m.Label+unitOf(m.Unit)), export.Number(g.Today[i], m.Decimals), m.ID, figureWord(g, chosen, i))
	}
	w.f("</tbody>\n</table>\n</div>\n<p class=\"downloads\">Take this point home:\n")
	for i, t := range g.Targets {
		w.f("<a class=\"download\" id=\"file-%s\" download=\"%s\" href=\"%s\">%s</a>\n", t.ID, redact.HTML(t.File), dataURL(chosen.Files[i]), redact.HTML(t.File))
	}
	w.f("</p>\n<p>The same from the command line: <code id=\"command\">%s --for %s -o -</code></p>\n", redact.HTML(chosen.Command), redact.HTML(g.Targets[0].ID))
	w.f("<p class=\"live\" id=\"said\" aria-live=\"polite\"></p>\n</div>\n")
	w.f("<details>\n<summary><h3>Every point as a table</h3></summary>\n<div>\n")
	w.table(g.table())
	w.f("</div>\n</details>\n")
	for _, s := range g.Warnings {
		w.f("<p class=\"small\">Of the file for opossum: %s.</p>\n", w.inline(s))
	}
}

// figureWord is a figure of a point with its range: "212 (199-219)". The script
// writes it in the same way.
func figureWord(g *WhatIf, p GridPoint, i int) string {
	d := g.Measures[i].Decimals
	mean, lo, hi := export.Number(p.Figures[i], d), export.Number(p.Lo[i], d), export.Number(p.Hi[i], d)
	if lo == hi {
		return mean
	}
	return fmt.Sprintf("%s (%s-%s)", mean, lo, hi)
}

func dataURL(s string) string {
	return "data:text/plain;charset=utf-8," + strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// grid is what the script reads.
type grid struct {
	Axes   []gridAxis  `json:"axes"`
	Names  []string    `json:"measures"`
	Points []gridPoint `json:"points"`
	Files  []string    `json:"targets"`
}

type gridAxis struct {
	ID    string   `json:"id"`
	Label string   `json:"label"`
	Words []string `json:"words"`
}

type gridPoint struct {
	At      []int    `json:"at"`
	Figures []string `json:"figures"`
	Files   []string `json:"files"`
	Command string   `json:"command"`
}

// data is the grid for the script, in which nothing can end the element.
func (w *page) data(d *Document) error {
	var found *WhatIf
	for _, s := range d.Sections {
		s.Walk(func(b *Block) {
			if b.Kind == Knobs {
				found = b.WhatIf
			}
		})
	}
	if found == nil {
		return nil
	}
	g := grid{}
	for _, a := range found.Axes {
		x := gridAxis{ID: a.ID, Label: a.Label}
		for i := range a.Values {
			x.Words = append(x.Words, valueWord(a, i))
		}
		g.Axes = append(g.Axes, x)
	}
	for _, m := range found.Measures {
		g.Names = append(g.Names, m.ID)
	}
	for _, t := range found.Targets {
		g.Files = append(g.Files, t.ID)
	}
	for _, p := range found.Points {
		q := gridPoint{At: p.At, Files: p.Files, Command: p.Command + " --for " + found.Targets[0].ID + " -o -"}
		for i := range found.Measures {
			q.Figures = append(q.Figures, figureWord(found, p, i))
		}
		g.Points = append(g.Points, q)
	}
	text, err := json.Marshal(g) // escapes < > & and so also </script>
	if err != nil {
		return fmt.Errorf("postmortem as HTML: %w", err)
	}
	w.f("<script type=\"application/json\" id=\"grid\">%s</script>\n", text)
	return nil
}
