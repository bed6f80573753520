package postmortem

import (
	"slices"
	"strings"
)

// builtIn are the field's terms, each in one sentence. words are other forms in
// which a text uses it.
var builtIn = []Term{
	{Term: "circuit breaker", words: []string{"breaker"}, Means: "a guard before a call that stops calling for a while what keeps failing"},
	{Term: "half-open", words: []string{"half open"}, Means: "the state of a breaker in which it lets a probe through to see whether the other side is back"},
	{Term: "probe", Means: "a real call that an open breaker lets through to find out whether it may close"},
	{Term: "fallback", Means: "the answer that is given in place of a call's when the call fails or is not made"},
	{Term: "deadline", Means: "the instant until which a caller waits; gRPC sends it along, so that the work below ends too"},
	{Term: "timeout", Means: "how long a caller waits before it gives up; the work behind the call may go on"},
	{Term: "keepalive", Means: "pings on a connection that find out that the other end is gone"},
	{Term: "retry", words: []string{"retries"}, Means: "calling once more after a failure; many at once multiply the load"},
	{Term: "backoff", Means: "waiting longer before each further try"},
	{Term: "connection pool", words: []string{"pool"}, Means: "a fixed number of connections that all requests share; when all are taken, others wait"},
	{Term: "in flight", words: []string{"in-flight"}, Means: "begun and not ended: started minus finished"},
	{Term: "SHARE lock", words: []string{"SHARE"}, Means: "a table lock of PostgreSQL that lets reads pass and makes writes wait; CREATE INDEX takes it"},
	{Term: "CONCURRENTLY", Means: "the way of building an index in PostgreSQL that lets writes pass, slower and outside a transaction"},
	{Term: "lock_timeout", words: []string{"lock timeout"}, Means: "a setting of PostgreSQL after which a statement that waits for a lock gives up"},
	{Term: "orphan reservation", words: []string{"orphan"}, Means: "stock that was reserved for an order that does not exist, because the answer never arrived"},
	{Term: "cascade", Means: "a failure that spreads to callers because they wait for it"},
	{Term: "trigger", Means: "the change that began an incident; by itself it need not explain how long it lasted"},
	{Term: "amplifier", Means: "a missing guard that makes an incident larger or longer"},
	{Term: "remainder", Means: "the part of the impact that no trigger covers"},
	{Term: "502", Means: "the gateway's answer when what it asked gave none or a broken one"},
	{Term: "504", Means: "the gateway's answer when what it asked took too long"},
	{Term: "p99", Means: "the time that 99 of 100 requests do not exceed"},
	{Term: "p50", Means: "the median: half of the requests take no longer"},
	{Term: "outlier detection", Means: "a proxy's way of taking hosts out that fail too often"},
	{Term: "idempotency key", words: []string{"idempotent"}, Means: "a name for a request by which a second try is known as such and done once"},
	{Term: "false trip", Means: "a breaker that opens though nothing is wrong"},
}

// glossary is filled when all other parts are there.
func (b *builder) glossary() []Block { return nil }

// fillGlossary puts the terms that the text uses into their part. An author's term
// goes before ours of the same name.
func (b *builder) fillGlossary() {
	var terms []Term
	have := map[string]bool{}
	add := func(t Term) {
		t.ID = termID(t.Term)
		if t.ID != "" && !have[t.ID] {
			have[t.ID] = true
			terms = append(terms, t)
		}
	}
	for _, t := range b.Notes.Terms {
		if t.Term != "" && t.Means != "" {
			add(Term{Term: b.line(t.Term), Means: b.line(t.Means)})
		}
	}
	for _, t := range builtIn {
		add(t)
	}
	d := b.doc
	d.Terms = used(d, terms)
	shown := slices.Clone(d.Terms)
	slices.SortFunc(shown, func(x, y Term) int { return strings.Compare(strings.ToLower(x.Term), strings.ToLower(y.Term)) })
	last := &d.Sections[len(d.Sections)-1]
	if len(shown) == 0 {
		last.Blocks = []Block{text("The text uses no term that has to be explained.")}
		return
	}
	rows := make([][]Cell, len(shown))
	for i, t := range shown {
		rows[i] = row(t.Term, t.Means)
	}
	last.Blocks = []Block{text("Each term is marked where the text uses it first."), {Kind: Facts, Rows: rows}}
}

// termID is a term for a link.
func termID(term string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == ' ', r == '-', r == '_':
			return '-'
		}
		return -1
	}, term), "-")
}
