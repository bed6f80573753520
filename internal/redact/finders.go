package redact

import (
	"math/big"
	"net/netip"
	"regexp"
	"strings"
	"sync"
)

// finder finds values of one kind. The expression's first group is the value.
type finder struct {
	kind Kind
	may  func(traits) bool // a cheap look: without it there is no match
	re   func() *regexp.Regexp
	// cut is how much of what was found is the value, from its beginning; 0: it is none.
	// nil: all of it.
	cut func(found string) int
}

// postal are the names of the fields of an address that say where somebody lives.
const postal = `(?:(?:street|address|addr)?[_-]?line[_-]?[123]|street(?:[_-]?(?:address|name|line|number|no|[123]))?|addr(?:ess)?[_-]?[123]|` +
	`zip(?:[_-]?code)?|postal(?:[_-]?code)?|post[_-]?code|plz)`

var postalHints = hintsOf("line1", "line2", "line3", "line-", "line_", "street", "addr", "zip", "post", "plz")

// quotedOrBare is a value in quotes, perhaps those of JSON inside a string, or up to what ends one.
const quotedOrBare = `(?:\\?"([^"\\]*)|'([^']*)|([^\s&;,"'{}\[\]()\\]+))`

var finders = []finder{
	{Email, func(t traits) bool { return t.at }, compiled(`([A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+)`), whole(isMail)},
	{IBAN, func(t traits) bool { return t.country && t.digits >= 8 }, compiled(`(?i)\b([A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,34})`), cutIBAN},
	{Card, func(t traits) bool { return t.run >= 13 }, compiled(`(?:^|[^\d.-]|[^\d][.-])(\d(?:[ -]?\d){12,22})`), cutCard},
	{IP, func(t traits) bool { return t.dots >= 3 }, compiled(`(?:^|[^\w.])(\d{1,3}(?:\.\d{1,3}){3})(?:$|[^\w.]|\.(?:\D|$))`), whole(isIP)},
	// As cloud providers name their machines: ip-10-0-0-7.ec2.internal, and pods.
	{IP, func(t traits) bool { return t.dashes >= 3 }, compiled(`(?i)\b(?:ip-)(\d{1,3}(?:-\d{1,3}){3})\b`), whole(isDashedIP)},
	{IP, func(t traits) bool { return t.dashes >= 3 }, compiled(`\b(\d{1,3}(?:-\d{1,3}){3})\.[a-z]`), whole(isDashedIP)},
	{IP, func(t traits) bool { return t.twoColons || t.colons >= 6 }, compiled(`(?:^|[^\w:.])((?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?)`), whole(isIP)},
	{Phone, func(t traits) bool { return t.plus }, compiled(`(?:^|[^\w+])(\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12})(?:$|[^\w])`), nil},
	{Phone, holding("00"), compiled(`(?:^|[^\w+.:,-])(00[1-9]\d{0,2}[ -](?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12})(?:$|[^\w])`), nil},
	{Phone, func(t traits) bool { return t.paren && t.digits >= 10 }, compiled(`(?:^|[^\w(])(\(\d{3}\) ?\d{3}[ .-]\d{4})(?:$|[^\w])`), nil},
	{Phone, func(t traits) bool { return t.dots+t.dashes >= 2 && t.digits >= 10 }, compiled(`(?:^|[^\w.-])(\d{3}[.-]\d{3}[.-]\d{4})(?:$|[^\w.-])`), nil},
	{Phone, holding("phone", "mobile", "msisdn", "tel"), compiled(`(?i)(?:phone|mobile|telephone|msisdn|\btel)(?:[_-]?(?:number|no))?\\?["']?\s*[:=]\s*\\?["']?(\+?\(?\d(?:[ ./()-]{0,2}\d){5,14})`), nil},
	{Address, func(t traits) bool { return t.assigned && postalHints.in(t.text) }, compiled(`(?i)(?:\b|_)` + postal + `\\?["']?\s*[:=]\s*` + quotedOrBare), cutAddress},
}

// With Options.IDs: ids that show it by their prefix, by the name of their field, or by
// their place in a path.
var idFinders = []finder{
	{ID, digits(1), compiled(`\b((?:ord|res|cart|pi|usr|user|cus|pm|shp)_[A-Za-z0-9]*\d[A-Za-z0-9]*)\b`), nil},
	{ID, digits(1), compiled(`(?i)(?:user|customer|account|cart|order|reservation|intent|shipment)s?[_-]?id\\?["']?\s*[:=]\s*\\?["']?([A-Za-z0-9][\w-]*)`), whole(hasDigit)},
	{ID, digits(1), compiled(`(?i)/(?:users|customers|accounts|carts?|orders?|reservations?|intents?|shipments?)/([A-Za-z0-9][\w-]*)`), whole(hasDigit)},
}

// ofServers are values that Postgres writes into the details of its messages.
var ofServers = []finder{
	// parameters: $1 = 'a@b.example', $2 = '42'
	{Literal, holding(" = '"), compiled(`\$\d+ = ('(?:[^']|'')*'?)`), nil},
	// Key (email)=(a@b.example) already exists.
	{Literal, holding("key ("), compiled(`(?i)\bKey \([^)]*\)=\((.*?)\)(?: already exists| is not present| is still referenced| conflicts|\.|$)`), nil},
	// Failing row contains (1, bob, ...).
	{Literal, holding("failing row"), compiled(`(?i)\bfailing row contains \((.*)\)`), nil},
}

// traits are what one look at a text tells: they spare most texts most expressions.
type traits struct {
	text            string
	digits          int
	run             int  // most digits with at most a blank or a dash between two
	dots, dashes    int  // between two digits
	colons          int  // all of them
	twoColons       bool // together
	at, plus, paren bool // @ or %, +, (
	assigned        bool // : or =
	country         bool // two letters and two digits: an IBAN begins so
}

func look(s string) traits {
	t := traits{text: s}
	run := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isDigit(c) {
			t.digits++
			run++
			t.run = max(t.run, run)
			t.country = t.country || i >= 3 && isDigit(s[i-1]) && isLetter(s[i-2]) && isLetter(s[i-3])
			continue
		}
		between := i > 0 && i+1 < len(s) && isDigit(s[i-1]) && isDigit(s[i+1])
		if !between || c != ' ' && c != '-' {
			run = 0
		}
		switch c {
		case '.':
			if between {
				t.dots++
			}
		case '-':
			if between {
				t.dashes++
			}
		case ':':
			t.colons++
			t.assigned = true
			t.twoColons = t.twoColons || i > 0 && s[i-1] == ':'
		case '=':
			t.assigned = true
		case '@', '%':
			t.at = true
		case '+':
			t.plus = true
		case '(':
			t.paren = true
		}
	}
	return t
}

func digits(n int) func(traits) bool { return func(t traits) bool { return t.digits >= n } }

// holding is of texts with one of these in them.
func holding(texts ...string) func(traits) bool {
	h := hintsOf(texts...)
	return func(t traits) bool { return h.in(t.text) }
}

// whole makes a cut of a test: all of what was found, or nothing.
func whole(is func(string) bool) func(string) int {
	return func(found string) int {
		if is(found) {
			return len(found)
		}
		return 0
	}
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

func isDashedIP(v string) bool { return isIP(strings.ReplaceAll(v, "-", ".")) }

func hasDigit(v string) bool { return strings.ContainsAny(v, "0123456789") }

// cutAddress keeps out what is no value: nothing, and what stands in its place.
func cutAddress(v string) int {
	switch {
	case strings.TrimSpace(v) == "", strings.EqualFold(v, "null"), v[0] == '$', v == "?", strings.HasPrefix(v, Mask):
		return 0
	}
	return len(v)
}

// cutCard is how much of what was found is a card's number; other digits may follow it.
func cutCard(v string) int {
	cut := 0
	for i := 12; i < len(v); i++ {
		if ends := i+1 == len(v) || v[i+1] == ' ' || v[i+1] == '-'; ends && isDigit(v[i]) && isCard(v[:i+1]) {
			cut = i + 1
		}
	}
	return cut
}

// isCard is Luhn's check. An all-zero number passes it and is none, and so does every
// tenth instant in milliseconds, microseconds or nanoseconds since 1970.
func isCard(v string) bool {
	sum, n, nonzero, plain := 0, 0, false, true
	for i := len(v) - 1; i >= 0; i-- {
		if !isDigit(v[i]) {
			plain = false
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
	if plain && v[0] == '1' && (n == 13 || n == 16 || n == 19) {
		return false // an instant of 2001 to 2033
	}
	return nonzero && n >= 13 && n <= 19 && sum%10 == 0
}

// ibanLengths are those of the countries in SWIFT's registry, release 99.
var ibanLengths = sync.OnceValue(func() map[string]int {
	m := map[string]int{}
	for _, c := range strings.Fields(`AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28
		EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28
		LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22
		RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30`) {
		m[c[:2]] = int(c[2]-'0')*10 + int(c[3]-'0')
	}
	return m
})

// cutIBAN is how much of what was found is an IBAN by the check of ISO 13616: the
// rearranged number is 1 modulo 97. What follows may look like more of it, so its length is
// that of its country.
func cutIBAN(v string) int {
	n := ibanLengths()[strings.ToUpper(v[:2])]
	plain := make([]byte, 0, n)
	for i := 0; i < len(v) && len(plain) < n; i++ {
		if v[i] == ' ' || v[i] == '-' {
			continue
		}
		if plain = append(plain, upper(v[i])); len(plain) == n && isIBAN(string(plain)) && (i+1 == len(v) || !isWord(v[i+1])) {
			return i + 1
		}
	}
	return 0
}

func upper(b byte) byte {
	if 'a' <= b && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
}

func isIBAN(v string) bool {
	var digits strings.Builder
	for _, c := range []byte(v[4:] + v[:4]) {
		if c >= 'A' {
			n := c - 'A' + 10
			digits.WriteByte('0' + n/10)
			digits.WriteByte('0' + n%10)
		} else {
			digits.WriteByte(c)
		}
	}
	n, ok := new(big.Int).SetString(digits.String(), 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1
}
