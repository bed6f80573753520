package redact

import (
	"fmt"
	"net/netip"
	"strings"
)

// Kind is a kind of thing that a Redactor replaces; it is also the first part of
// the token: [card-1].
type Kind string

const (
	Secret  Kind = "secret"
	Email   Kind = "email"
	IBAN    Kind = "iban"
	Card    Kind = "card"
	Phone   Kind = "phone"
	IP      Kind = "ip"
	Address Kind = "address"
	ID      Kind = "id"
	Literal Kind = "literal" // in SQL; replaced by $1, in a server's details by [value]
)

// kinds in the order in which they are reported, with their names for readers.
var kinds = []struct {
	kind      Kind
	one, many string
}{
	{Secret, "secret", "secrets"},
	{Email, "e-mail address", "e-mail addresses"},
	{Phone, "phone number", "phone numbers"},
	{Card, "card number", "card numbers"},
	{IBAN, "IBAN", "IBANs"},
	{IP, "IP address", "IP addresses"},
	{Address, "postal address field", "postal address fields"},
	{ID, "id", "ids"},
	{Literal, "SQL literal", "SQL literals"},
}

// Options of a Redactor. The zero value is the default of every export.
type Options struct {
	KeepNetwork bool // keep an IPv4 address's /24 and an IPv6 address's /48
	IDs         bool // replace user, cart, order, reservation and intent ids too
}

// Redactor replaces personal data and secrets in what leaves the house. Within
// one Redactor, which serves one document, the same value always gets the same
// token, so that a reader can still see that two lines speak of one client. It
// is not safe for concurrent use.
type Redactor struct {
	opt    Options
	tokens map[Kind]map[string]string
	count  map[Kind]int
}

// New makes the Redactor of one document.
func New(opt Options) *Redactor {
	return &Redactor{opt: opt, tokens: map[Kind]map[string]string{}, count: map[Kind]int{}}
}

// Text replaces what must not leave in foreign text: log lines, annotations,
// statements and sentences that quote one, whose literals become $1. Control
// characters are not its matter: the writers of each format sanitise.
func (r *Redactor) Text(s string) string {
	s = r.details(r.Prose(s))
	if !verbs.in(s) {
		return s
	}
	if at := statement().FindStringIndex(s); at != nil {
		s = s[:at[0]] + r.literals(s[at[0]:], inProse)
	}
	return s
}

// details replaces the values in the details of a server's messages.
func (r *Redactor) details(s string) string {
	t := look(s)
	for _, f := range ofServers {
		s = r.apply(f, t, s)
	}
	return s
}

// Prose is Text for sentences of our own making. SQL in them is advice, such as
// select pg_cancel_backend(48291), and is worth nothing without its literals.
func (r *Redactor) Prose(s string) string {
	s = replaceSecrets(s, func(secret string) string { return r.replaced(Secret, secret) })
	t := look(s)
	for _, f := range finders {
		s = r.apply(f, t, s)
	}
	if r.opt.IDs {
		for _, f := range idFinders {
			s = r.apply(f, t, s)
		}
	}
	return s
}

// SQL replaces the literals of a statement by $1, $2, ... and keeps its shape;
// comments, and what turns out to be no SQL, go through Text's filter before.
func (r *Redactor) SQL(s string) string {
	return r.literals(r.details(r.Prose(s)), wholeStatement)
}

func (r *Redactor) apply(f finder, t traits, s string) string {
	if !f.may(t) {
		return s
	}
	var b strings.Builder
	done := 0
	// Matches may share a delimiter, so each search begins where the last value ended.
	for at := 0; at < len(s); {
		m := f.re().FindStringSubmatchIndex(s[at:])
		if m == nil {
			break
		}
		lo, hi := at, at
		for g := 2; g < len(m); g += 2 { // the group that took part
			if m[g] >= 0 {
				lo, hi = at+m[g], at+m[g+1]
			}
		}
		value := s[lo:hi]
		if f.cut != nil && value != "" {
			value = value[:f.cut(value)]
		}
		if value != "" && !isToken(value) && !isToken("["+value) {
			b.WriteString(s[done:lo])
			b.WriteString(r.replaced(f.kind, value))
			hi = lo + len(value)
			done = hi
		} else if f.cut != nil {
			hi = lo + wordLen(s[lo:hi]) + 1 // what was found may hold one further on
		}
		at = max(hi, at+m[0]+1)
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// replaced counts one replacement and gives value's token.
func (r *Redactor) replaced(k Kind, value string) string {
	if k == Literal {
		r.count[k]++
		return "[value]"
	}
	value = canonical(k, value)
	if k == IP && r.opt.KeepNetwork {
		if a, err := netip.ParseAddr(value); err == nil {
			r.remember(k, value)
			return network(a)
		}
	}
	return r.remember(k, value)
}

func (r *Redactor) remember(k Kind, value string) string {
	r.count[k]++
	known := r.tokens[k]
	if known == nil {
		known = map[string]string{}
		r.tokens[k] = known
	}
	t, ok := known[value]
	if !ok {
		t = fmt.Sprintf("[%s-%d]", k, len(known)+1)
		known[value] = t
	}
	return t
}

func network(a netip.Addr) string {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return "[ip]"
	}
	return p.String()
}

// canonical makes the ways of writing one value equal.
func canonical(k Kind, v string) string {
	switch k {
	case Card, Phone:
		v = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "").Replace(v)
		if k == Phone && strings.HasPrefix(v, "00") {
			v = "+" + v[2:]
		}
		return v
	case IBAN:
		return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(v))
	case Email:
		return strings.ToLower(strings.Replace(v, "%40", "@", 1))
	case IP:
		if strings.Contains(v, "-") {
			return strings.ReplaceAll(v, "-", ".")
		}
		if a, err := netip.ParseAddr(v); err == nil {
			return a.String()
		}
		return v
	default:
		return v
	}
}

// Count says how often values of one kind were replaced.
type Count struct {
	Kind     Kind `json:"kind"`
	Replaced int  `json:"replaced"` // places
	Distinct int  `json:"distinct"` // different values; for SQL literals, per statement
}

// Counts lists the kinds of which something was replaced, in a fixed order; it
// is never nil.
func (r *Redactor) Counts() []Count {
	counts := []Count{}
	for _, k := range kinds {
		if n := r.count[k.kind]; n > 0 {
			distinct := len(r.tokens[k.kind])
			if k.kind == Literal {
				distinct = n
			}
			counts = append(counts, Count{k.kind, n, distinct})
		}
	}
	return counts
}

// Statement says in one sentence what was done, for the head or foot of an
// export.
func (r *Redactor) Statement() string {
	var parts []string
	for _, c := range r.Counts() {
		for _, k := range kinds {
			if k.kind == c.Kind {
				name := k.many
				if c.Replaced == 1 {
					name = k.one
				}
				parts = append(parts, fmt.Sprintf("%d %s", c.Replaced, name))
			}
		}
	}
	if len(parts) == 0 {
		return "Redacted: nothing found that had to be replaced."
	}
	return "Redacted: " + strings.Join(parts, ", ") + " replaced; equal tokens stand for equal values."
}
