package redact

import (
	"fmt"
	"math/big"
	"net/netip"
	"regexp"
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
	Literal Kind = "literal" // in SQL; replaced by $1, not by a token
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

// finder finds values of one kind. The expression's first group is the value.
type finder struct {
	kind Kind
	re   *regexp.Regexp
	is   func(value string) bool // nil: every match
}

var finders = []finder{
	{Email, regexp.MustCompile(`([A-Za-z0-9._%+-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+)`), isMail},
	{IBAN, regexp.MustCompile(`\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b`), isIBAN},
	{Card, regexp.MustCompile(`(?:^|[^\d.-])(\d(?:[ -]?\d){12,18})(?:$|[^\d])`), isCard},
	{IP, regexp.MustCompile(`(?:^|[^\w.])(\d{1,3}(?:\.\d{1,3}){3})(?:$|[^\w.]|\.(?:\D|$))`), isIP},
	{IP, regexp.MustCompile(`(?:^|[^\w:.])((?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?)`), isIP},
	{Phone, regexp.MustCompile(`(?:^|[^\w+])(\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12})(?:$|[^\w])`), nil},
	{Phone, regexp.MustCompile(`(?:^|[^\w(])(\(\d{3}\) ?\d{3}[ .-]\d{4})(?:$|[^\w])`), nil},
	{Phone, regexp.MustCompile(`(?:^|[^\w.-])(\d{3}[.-]\d{3}[.-]\d{4})(?:$|[^\w.-])`), nil},
	{Address, regexp.MustCompile(`(?i)"(?:line[12]|street|street_?address|zip|zip_?code|postal_?code|postcode)\\?"\s*:\s*\\?"((?:[^"\\])*)`), nil},
	{Address, regexp.MustCompile(`(?i)\b(?:street|zip|zip_?code|postal_?code|postcode)=([^\s&;,"']+)`), nil},
}

var idFinder = finder{ID, regexp.MustCompile(`\b((?:ord|res|cart|pi|usr|user|cus|pm|shp)_[A-Za-z0-9]*\d[A-Za-z0-9]*)\b`), nil}

// Text replaces what must not leave in foreign text: log lines, annotations,
// statements and sentences that quote one, whose literals become $1. Control
// characters are not its matter: the writers of each format sanitise.
func (r *Redactor) Text(s string) string {
	s = r.Prose(s)
	if at := statement.FindStringIndex(s); at != nil {
		s = s[:at[0]] + r.literals(s[at[0]:], inProse)
	}
	return s
}

// Prose is Text for sentences of our own making. SQL in them is advice, such as
// select pg_cancel_backend(48291), and is worth nothing without its literals.
func (r *Redactor) Prose(s string) string {
	s = replaceSecrets(s, func(secret string) string { return r.replaced(Secret, secret) })
	for _, f := range finders {
		s = r.apply(f, s)
	}
	if r.opt.IDs {
		s = r.apply(idFinder, s)
	}
	return s
}

// SQL replaces the literals of a statement by $1, $2, ... and keeps its shape;
// what remains, comments for instance, goes through Text's filter.
func (r *Redactor) SQL(s string) string {
	s = r.literals(s, wholeStatement)
	return r.Text(s)
}

func (r *Redactor) apply(f finder, s string) string {
	var b strings.Builder
	done := 0
	// Matches may share a delimiter, so each search begins where the last value ended.
	for at := 0; at < len(s); {
		m := f.re.FindStringSubmatchIndex(s[at:])
		if m == nil {
			break
		}
		lo, hi := at+m[2], at+m[3]
		if value := s[lo:hi]; value != "" && !isToken(value) && !isToken("["+value) && (f.is == nil || f.is(value)) {
			b.WriteString(s[done:lo])
			b.WriteString(r.replaced(f.kind, value))
			done = hi
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
	if k == IP && r.opt.KeepNetwork {
		if a, err := netip.ParseAddr(value); err == nil {
			r.remember(k, value)
			return network(a)
		}
	}
	return r.remember(k, canonical(k, value))
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
	case Card, Phone, IBAN:
		return strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace(v)
	case Email:
		return strings.ToLower(v)
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

// isMail keeps out the user part of user@host, where host is no domain but has a
// version (module@v1.2.3) or nothing but digits behind its last dot.
func isMail(v string) bool {
	top := v[strings.LastIndexByte(v, '.')+1:]
	return len(top) >= 2 && strings.Trim(top, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func isIP(v string) bool {
	_, err := netip.ParseAddr(v)
	return err == nil && v != "::"
}

// isCard is Luhn's check; an all-zero number passes it and is none.
func isCard(v string) bool {
	sum, n, nonzero := 0, 0, false
	for i := len(v) - 1; i >= 0; i-- {
		if v[i] < '0' || v[i] > '9' {
			continue
		}
		d := int(v[i] - '0')
		nonzero = nonzero || d != 0
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return nonzero && n >= 13 && n <= 19 && sum%10 == 0
}

// isIBAN is the check of ISO 13616: the rearranged number is 1 modulo 97.
func isIBAN(v string) bool {
	v = strings.ReplaceAll(v, " ", "")
	if len(v) < 15 || len(v) > 34 {
		return false
	}
	var digits strings.Builder
	for _, c := range v[4:] + v[:4] {
		if c >= 'A' {
			fmt.Fprint(&digits, int(c-'A')+10)
		} else {
			digits.WriteRune(c)
		}
	}
	n, ok := new(big.Int).SetString(digits.String(), 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1
}
