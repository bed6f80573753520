// Package redacttest plants personal data, secrets and hostile text for tests of whatever
// leaves the house.
package redacttest

import (
	"fmt"
	"html"
	"math/big"
	"math/rand/v2"
	"strings"
	"unicode"

	"tripcurve/internal/redact"
)

// Secret is a value that must not leave, in surroundings in which it is met.
type Secret struct {
	Kind  redact.Kind
	Value string // as it stands in Text, unlike every other one
	Text  string
}

// Secrets are n of them, of every kind in turn; equal seeds give equal ones. With n of 200
// each way of writing one is there several times.
func Secrets(seed uint64, n int) []Secret {
	r := dice{rand.New(rand.NewPCG(seed, 0x7265646163))}
	all := make([]Secret, 0, n)
	for i := range n {
		all = append(all, ways[i%len(ways)](r))
	}
	return all
}

// Ways is how many ways of writing a secret there are.
func Ways() int { return len(ways) }

// plainly takes away what an export puts into or between the letters of a value: escapes,
// comments, line breaks.
func plainly(s string) string {
	s = strings.ReplaceAll(html.UnescapeString(s), "<!-- -->", "")
	return strings.Map(func(r rune) rune {
		if r == '\\' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// Leaks are the values that are in a text of any format.
func Leaks(text string, all []Secret) (found []string) {
	text = plainly(text)
	for _, s := range all {
		if strings.Contains(text, plainly(s.Value)) {
			found = append(found, fmt.Sprintf("%s %q of %q", s.Kind, s.Value, s.Text))
		}
	}
	return found
}

type dice struct{ *rand.Rand }

const (
	lower = "abcdefghijklmnopqrstuvwxyz"
	digit = "0123456789"
	mixed = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digit
)

func (r dice) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// key is a text with letters and digits.
func (r dice) key(n int) string { return r.of(mixed, n-2) + r.of(digit, 1) + r.of(lower, 1) }

func (r dice) card() string {
	base := r.of("345", 1) + r.of(digit, 14)
	for d := range 10 {
		if v := fmt.Sprint(base, d); luhn(v) {
			return v
		}
	}
	panic("no check digit for " + base)
}

func luhn(v string) bool {
	sum := 0
	for i := range len(v) {
		d := int(v[len(v)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func (r dice) iban() string {
	account := r.of("123456789", 1) + r.of(digit, 17)
	n, _ := new(big.Int).SetString(account+"131400", 10) // D and E as numbers, and no check digits yet
	return fmt.Sprintf("DE%02d%s", 98-new(big.Int).Mod(n, big.NewInt(97)).Int64(), account)
}

func grouped(v string, by int, sep string) string {
	var parts []string
	for len(v) > by {
		parts, v = append(parts, v[:by]), v[by:]
	}
	return strings.Join(append(parts, v), sep)
}

func in(kind redact.Kind, value, format string) Secret {
	return Secret{kind, value, strings.ReplaceAll(format, "%", value)}
}

func (r dice) ip() string {
	return fmt.Sprintf("%d.%d.%d.%d", 11+r.IntN(180), 20+r.IntN(230), 20+r.IntN(230), 20+r.IntN(230))
}

var ways = []func(dice) Secret{
	func(r dice) Secret {
		return in(redact.Email, r.of(lower, 8)+"."+r.of(digit, 3)+"@mail.example", "the customer % called twice")
	},
	func(r dice) Secret {
		return in(redact.Email, r.of(lower, 9)+"+shop@example.org", `{"email": "%", "status": 502}`)
	},
	func(r dice) Secret {
		return in(redact.Email, r.of(lower, 9)+"%40example.org", `GET /api/users?mail=% HTTP/1.1`).decoded()
	},
	func(r dice) Secret {
		return in(redact.Phone, "+49 170 "+r.of("123456789", 1)+r.of(digit, 6), "call % back")
	},
	func(r dice) Secret {
		return in(redact.Phone, "("+r.of("23456789", 1)+r.of(digit, 2)+") 555-"+r.of(digit, 4), "phone (% ext. 4)").trimmed()
	},
	func(r dice) Secret {
		return in(redact.Phone, r.of("23456789", 1)+r.of(digit, 9), `{"phone":"%","n":1}`)
	},
	func(r dice) Secret { return in(redact.Card, r.card(), "card=% declined") },
	func(r dice) Secret {
		return in(redact.Card, grouped(r.card(), 4, " "), "charged % 12 times")
	},
	func(r dice) Secret { return in(redact.Card, grouped(r.card(), 4, "-"), `{"pan":"%"}`) },
	func(r dice) Secret { return in(redact.IBAN, r.iban(), "refund to % PAID") },
	func(r dice) Secret { return in(redact.IBAN, grouped(r.iban(), 4, " "), "refund to % SENT today") },
	func(r dice) Secret { return in(redact.Secret, r.key(24), `"authorization":"Bearer %"`) },
	func(r dice) Secret { return in(redact.Secret, r.key(20)+"=", "Authorization: Basic %") },
	func(r dice) Secret {
		return in(redact.Secret, "eyJ"+r.key(20)+"."+r.key(30)+"."+r.key(20), "token was % then")
	},
	func(r dice) Secret { return in(redact.Secret, r.key(18), "cookie: sid=%; theme=dark") },
	func(r dice) Secret { return in(redact.Secret, r.key(18), `{"http_cookie":"cart=%"}`) },
	func(r dice) Secret { return in(redact.Secret, r.key(18), `Set-Cookie: session=%; HttpOnly`) },
	func(r dice) Secret { return in(redact.Secret, r.key(32), "X-Api-Key: %") },
	func(r dice) Secret { return in(redact.Secret, r.of("0123456789abcdef", 32), "DD-API-KEY=% curl") },
	func(r dice) Secret { return in(redact.Secret, "pi_"+r.key(14)+"_secret_"+r.key(12), "intent % made") },
	func(r dice) Secret { return in(redact.Secret, "sk_live_"+r.key(22), "with % as key") },
	func(r dice) Secret {
		return in(redact.Secret, "AKIA"+r.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "signed by %")
	},
	func(r dice) Secret { return in(redact.Secret, "ghp_"+r.of(mixed, 36), "cloned with %") },
	func(r dice) Secret {
		return in(redact.Secret, r.key(12), "postgres://app:%@db:5432/orders?sslmode=require")
	},
	func(r dice) Secret { return in(redact.Secret, r.key(12), "host=db user=app password=% dbname=orders") },
	func(r dice) Secret { return in(redact.Secret, r.key(12), "app:%@tcp(db:3306)/orders") },
	func(r dice) Secret { return in(redact.Secret, r.key(12), "ALTER ROLE app PASSWORD '%'") },
	func(r dice) Secret { return in(redact.Secret, r.key(16), "GET /cb?code=%&state=1 HTTP/1.1") },
	func(r dice) Secret { return in(redact.IP, r.ip(), `% - - "POST /api/orders HTTP/1.1" 502 157`) },
	func(r dice) Secret {
		return in(redact.IP, "2001:db8:"+r.of("123456789abcdef", 4)+"::7", "from [%]:443")
	},
	func(r dice) Secret {
		return in(redact.IP, strings.ReplaceAll(r.ip(), ".", "-"), "upstream ip-%.ec2.internal down")
	},
	func(r dice) Secret {
		return in(redact.Address, r.of(digit, 3)+" "+r.of(lower, 7)+" Street", `"shippingAddress":{"line1":"%","city":"Portland"}`)
	},
	func(r dice) Secret {
		return in(redact.Address, r.of(digit, 3)+" "+r.of(lower, 7)+" Road", `street="%" city=Portland`)
	},
	func(r dice) Secret { return in(redact.Address, r.of("123456789", 9), `{"zip": %}`) },
	func(r dice) Secret { return in(redact.Address, r.of("123456789", 9), `{\"postalCode\":\"%\"}`) },
	func(r dice) Secret {
		return in(redact.Literal, r.of(lower, 12), "UPDATE users SET name = '%' WHERE id = 7")
	},
	func(r dice) Secret {
		return in(redact.Literal, r.of("123456789", 11), "SELECT * FROM orders WHERE customer = %")
	},
	func(r dice) Secret {
		return in(redact.Literal, r.of(lower, 12), "DETAIL:  Key (name)=(%) already exists.")
	},
	func(r dice) Secret {
		return in(redact.Literal, r.of(lower, 12), "DETAIL:  parameters: $1 = '%', $2 = '4'")
	},
}

// decoded takes a % sign that is meant for one: in puts a value for each.
func (s Secret) decoded() Secret {
	s.Value = strings.TrimSuffix(s.Value, "%40example.org") // all that matters of it
	s.Text = "GET /api/users?mail=" + s.Value + "%40example.org HTTP/1.1"
	return s
}

// trimmed takes the second opening parenthesis away.
func (s Secret) trimmed() Secret {
	s.Text = strings.Replace(s.Text, "((", "(", 1)
	return s
}

// Hostile are texts that do something where they are not made safe: to a terminal, a
// browser, a spreadsheet, a reader of Markdown, or to who is named in them.
var Hostile = []string{
	"\x1b[2J\x1b[1;31mgone", "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x07", "bell\x07back\bspace", "\u009b31mC1",
	"\u202eevil\u202c", "zero\u200bwidth", "line\u2028separator", "a\r\nb: injected", "tab\tand\vtab", "nul\x00byte", "\xff\xfe no text",
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", `"><svg onload=alert(1)>`, "</td></table></title></style><script>x</script>",
	"<!-- --><b>bold</b>", "--><script>x</script>", "javascript:alert(1)", "&lt;b&gt; &amp; &#60;script&#62;",
	"=HYPERLINK(\"http://evil.example\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1",
	"a|b|c", "`code` ``", "**bold** _x_ ~~s~~", "[link](http://evil.example)", "![img](http://evil.example/x.png)", "# heading", "- list", "1. list",
	"> quote", "@alice please look", "see #123 and org/repo#4", "http://evil.example/x www.evil.example", "<http://evil.example>",
	"line one\nline two\n\n# new heading\n\n| a | b |\n|---|---|", "]]>", "{{7*7}} ${7*7} <%= 7*7 %>", "gantt: title; section x #59; %% comment", "<!channel> <@U123> *b*",
	"%%%\nnotify @all", "\\", "'; DROP TABLE x; --", strings.Repeat("long ", 400),
}
