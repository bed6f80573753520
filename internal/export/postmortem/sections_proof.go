package postmortem

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
)

func (b *builder) claims() []Block {
	c := b.Claims
	if c == nil {
		return []Block{text("No claims were given: `tripcurve check` reads a file of them from beside the incident file, and a postmortem that has been written has some.")}
	}
	tone := map[string]Tone{"inconsistent": Bad, "needs_evidence": Warn, "consistent": Good}
	verdict := func(s string) Cell { return Cell{Text: strings.ReplaceAll(s, "_", " "), Tone: tone[s]} }
	var rows [][]Cell
	for _, x := range c.Claims {
		why := sentence(x.Why)
		if x.Evidence != "" {
			why += " Evidence: " + sentence(x.Evidence)
		}
		if len(x.Needs) > 0 {
			why += " Needs: " + sentence(strings.Join(x.Needs, "; "))
		}
		rows = append(rows, []Cell{{Text: x.ID, Head: true}, {Text: x.Text}, verdict(x.Verdict), verdict(x.WithEvidence), {Text: x.Arithmetic}, {Text: strings.TrimSpace(why)}})
	}
	d, e := c.Document, c.WithEvidence
	blocks := []Block{
		text(fmt.Sprintf("%s, each computed against the document itself, the rules of the database and the library, and the evidence.", export.Plural(len(c.Claims), "claim"))),
		table("Verdicts", []string{"verdict", "document alone", "with evidence"},
			figures("inconsistent", export.Count(d.Inconsistent), export.Count(e.Inconsistent)), figures("needs evidence", export.Count(d.NeedsEvidence), export.Count(e.NeedsEvidence)),
			figures("consistent", export.Count(d.Consistent), export.Count(e.Consistent)), figures("not checkable", export.Count(d.NotCheckable), export.Count(e.NotCheckable))),
	}
	for _, note := range c.Notes {
		blocks = append(blocks, text("Note: "+b.ours(sentence(note))))
	}
	return append(blocks, group("All claims", table("", []string{"id", "claim", "verdict", "with evidence", "arithmetic", "why"}, rows...)))
}

// kept is what a source left in the evidence.
type kept struct {
	group      string
	kinds      map[string]int
	rows       int64 // facts, and the samples of series
	first      time.Time
	last       time.Time
	files      map[string]bool
	from, to   int64
	sum        [sha256.Size]byte
	seriesSeen []string
}

func (b *builder) evidence() (blocks []Block) {
	if b.View == nil {
		return []Block{text("There is no evidence.")}
	}
	sources := keptOf(b.View)
	var rows [][]Cell
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		s := sources[name]
		var kinds []string
		for _, k := range slices.Sorted(maps.Keys(s.kinds)) {
			kinds = append(kinds, export.Plural(s.kinds[k], k))
		}
		what := strings.Join(kinds, ", ")
		if len(s.seriesSeen) > 0 {
			what += ": " + firstOf(s.seriesSeen, 4)
		}
		hash := hex.EncodeToString(s.sum[:8])
		if len(s.files) > 0 {
			what += "; read from " + firstOf(slices.Sorted(maps.Keys(s.files)), 2)
			if s.to > s.from {
				what += fmt.Sprintf(", bytes %s to %s", export.Count(s.from), export.Count(s.to))
			}
		}
		rows = append(rows, []Cell{
			{Text: b.foreign(name), Head: true},
			{Text: b.foreign(s.group)},
			{Text: b.foreign(what)},
			{Text: stamp(s.first)},
			{Text: stamp(s.last)},
			{Text: export.Count(s.rows), Right: true},
			{Text: "`" + hash + "`"},
		})
	}
	groups := map[string]bool{}
	for _, s := range sources {
		if s.group != "" {
			groups[s.group] = true
		}
	}
	blocks = append(blocks,
		text(fmt.Sprintf("%s in %s. Sources of one group count once, for they look at one thing.", export.Plural(len(sources), "source"), export.Plural(len(groups), "independent group"))),
		table("What was kept of each source", []string{"source", "group", "what", "from", "to", "rows", "SHA-256 (first 8 bytes)"}, rows...),
		text("Rows are the counts, intervals, requests, changes and samples that were kept. The hash is over them in their order, as the incident file holds them: two files with the same hash say the same."),
	)
	if len(b.Notes.Queries) == 0 {
		return append(blocks, b.gap("evidence", "the queries by which the data was found", "queries"))
	}
	for _, q := range b.Notes.Queries {
		title := b.line(q.Source)
		inner := []Block{{Kind: Code, Code: &Listing{Lang: lang(q.Lang), Text: b.verbatim(string(q.Query))}}}
		if q.Shows != "" {
			inner = append(inner, text(b.says(q.Shows)))
		}
		blocks = append(blocks, group("Query: "+title, inner...))
	}
	return blocks
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Truncate(time.Second).Format("2006-01-02 15:04:05Z")
}

func firstOf(words []string, most int) string {
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", len(words)-most)
}

// keptOf sums the facts up by their sources.
func keptOf(v *incident.View) map[string]*kept {
	all := map[string]*kept{}
	hashes := map[string]io.Writer{}
	for _, f := range v.Facts() {
		if _, where := f.(incident.LogFile); where {
			continue // where a log lies says nothing of what happened
		}
		o := f.Source()
		s := all[o.Name]
		if s == nil {
			s = &kept{group: o.Group, kinds: map[string]int{}, files: map[string]bool{}}
			all[o.Name], hashes[o.Name] = s, sha256.New()
		}
		if o.File != "" {
			s.files[o.File] = true
		}
		if o.To > o.From {
			if s.to == 0 || o.From < s.from {
				s.from = o.From
			}
			s.to = max(s.to, o.To)
		}
		s.add(f)
		fmt.Fprintf(hashes[o.Name], "%s\n%s\n", f.ID(), content(f))
	}
	for name, h := range hashes {
		copy(all[name].sum[:], h.(interface{ Sum([]byte) []byte }).Sum(nil))
	}
	return all
}

// content is a fact's text for its hash, the values of a series among it.
func content(f incident.Fact) string {
	var s incident.Series
	switch x := f.(type) {
	case *incident.Series:
		s = *x
	case incident.Series:
		s = x
	default:
		return export.Describe(f)
	}
	var b strings.Builder
	b.WriteString(export.Describe(f))
	for _, p := range s.Points {
		fmt.Fprintf(&b, "\n%d %v", p.At.UnixNano(), p.V)
	}
	return b.String()
}

func (s *kept) add(f incident.Fact) {
	see := func(from, to time.Time) {
		if !from.IsZero() && (s.first.IsZero() || from.Before(s.first)) {
			s.first = from
		}
		if to.After(s.last) {
			s.last = to
		}
	}
	series := func(x *incident.Series) {
		s.kinds["metric"]++
		s.rows += int64(len(x.Points))
		if !slices.Contains(s.seriesSeen, x.Name) {
			s.seriesSeen = append(s.seriesSeen, x.Name)
			slices.SortFunc(s.seriesSeen, cmp.Compare)
		}
		if n := len(x.Points); n > 0 {
			see(x.Points[0].At, x.Points[n-1].At)
		}
	}
	s.rows++
	switch x := f.(type) {
	case incident.Bucket:
		s.kinds["count"]++
		see(x.At, x.At.Add(x.Width))
	case incident.Latency:
		s.kinds["distribution"]++
		see(x.At, x.At.Add(x.Width))
	case incident.Upstream:
		s.kinds["count by upstream"]++
		see(x.At, x.At.Add(x.Width))
	case incident.Episode:
		s.kinds["interval"]++
		see(x.From, x.To)
	case incident.Histogram:
		s.kinds["histogram"]++
		see(x.At, x.At)
	case incident.Exemplar:
		s.kinds["request"]++
		see(x.Start, x.Start.Add(x.Took))
	case incident.Change:
		s.kinds["change"]++
		see(x.At, x.At)
	case incident.Series:
		s.rows--
		series(&x)
	case *incident.Series:
		s.rows--
		series(x)
	}
}
