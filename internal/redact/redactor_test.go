package redact

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedactorText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "14:23:01Z pid 48291 holds SHARE, 100 waiters, 1,247 orders", "14:23:01Z pid 48291 holds SHARE, 100 waiters, 1,247 orders"},
		{"instants, hashes and durations", "2026-01-15T14:23:01.402Z 2026-01-15 14:23:01.402+00 30.001 1768487011123", "2026-01-15T14:23:01.402Z 2026-01-15 14:23:01.402+00 30.001 1768487011123"},
		{"same value, same token", "a@b.example, c@d.example, A@B.example", "[email-1], [email-2], [email-1]"},
		{"e-mail in a query", "GET /u?mail=a.b%40mail.example&x=1", "GET /u?mail=[email-1]&x=1"},
		{"e-mail in two spellings", "a@b.example a%40b.example", "[email-1] [email-1]"},
		{"card before more digits", "4242 4242 4242 4242 12 times", "[card-1] 12 times"},
		{"card behind more digits", "17 4242 4242 4242 4242", "17 [card-1]"},
		{"card in an id", "txn-4242424242424242", "txn-[card-1]"},
		{"instants that pass Luhn's check", "1768487011129 1768487011123457", "1768487011129 1768487011123457"},
		{"iban before a word", "GB82 WEST 1234 5698 7654 32 SENT", "[iban-1] SENT"},
		{"iban in two spellings", "gb82west12345698765432 GB82-WEST-1234-5698-7654-32", "[iban-1] [iban-1]"},
		{"no iban", "AB12 THIS IS NOT ONE", "AB12 THIS IS NOT ONE"},
		{"address of a cloud", "ip-10-0-0-7.ec2.internal and 10-0-0-7.shop.pod 10.0.0.7", "ip-[ip-1].ec2.internal and [ip-1].shop.pod [ip-1]"},
		{"a date is no address of a cloud", "2026-01-15-14.log 14-23-01-5", "2026-01-15-14.log 14-23-01-5"},
		{"ipv6 in two spellings", "2001:db8::7 2001:0db8:0:0::7", "[ip-1] [ip-1]"},
		{"phone by its name", `"phone":"5035550123", mobile=5035550123`, `"phone":"[phone-1]", mobile=[phone-1]`},
		{"phone with an exit code", "0049 170 1234567, +49 170 1234567", "[phone-1], [phone-1]"},
		{"columns of numbers are no phone", "502 157 6000 and 0012345678901", "502 157 6000 and 0012345678901"},
		{"postal fields", `{"zip": 97201, "postalCode":"97202"} street="5 Main St" zip=97203`, `{"zip": [address-1], "postalCode":"[address-2]"} street="[address-3]" zip=[address-4]`},
		{"postal fields in JSON in a string", `"body":"{\"addressLine1\":\"5 Main St\"}"`, `"body":"{\"addressLine1\":\"[address-1]\"}"`},
		{"no postal field", "gzip=on timeline: 3 addr=db:5432 address: db", "gzip=on timeline: 3 addr=db:5432 address: db"},
		{"details of a server", "Key (email)=(bob) already exists.", "Key (email)=([value]) already exists."},
		{"parameters of a server", "parameters: $1 = 'bob', $2 = '7'", "parameters: $1 = [value], $2 = [value]"},
		{"failing row", "Failing row contains (1, bob, null).", "Failing row contains ([value])."},
		{"module version", "tripcurve@v1.2.3", "tripcurve@v1.2.3"},
		{"card", "paid with 4242 4242 4242 4242.", "paid with [card-1]."},
		{"digits that are no card", "4242 4242 4242 4241", "4242 4242 4242 4241"},
		{"cards in two spellings", "4242424242424242,4242-4242-4242-4242", "[card-1],[card-1]"},
		{"iban", "to GB82 WEST 1234 5698 7654 32 today", "to [iban-1] today"},
		{"ip", "client 10.0.0.7:5432, 10.0.0.8, 10.0.0.7.", "client [ip-1]:5432, [ip-2], [ip-1]."},
		{"version is no ip", "v1.2.3.4 1.2.3.4.5 300.1.1.1", "v1.2.3.4 1.2.3.4.5 300.1.1.1"},
		{"ipv6", "from [2001:db8::7]:80 and ::1", "from [[ip-1]]:80 and [ip-2]"},
		{"clock times are no ipv6", "14:23:01 00:00", "14:23:01 00:00"},
		{"phone", "+1 503 555 0123, (503) 555-0123, 503-555-0123", "[phone-1], [phone-2], [phone-2]"},
		{"address", `{"line1": "123 Main St", "city": "Portland", "zip": "97201"}`, `{"line1": "[address-1]", "city": "Portland", "zip": "[address-2]"}`},
		{"client secret", `"clientSecret":"pi_3Mx_secret_abc123"`, `"clientSecret":"[secret-1]"`},
		{"masked at ingest stays", "password=**** host=db", "password=**** host=db"},
		{"ids stay by default", "ord_9c4d1e of cart_8f3a2b", "ord_9c4d1e of cart_8f3a2b"},
		{"statement in prose", "migration starts: UPDATE t SET a = 'x', b = 7 WHERE c > 1.5; 100 sessions wait", "migration starts: UPDATE t SET a = $1, b = $2 WHERE c > $3; 100 sessions wait"},
		{"create index", "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)", "CREATE INDEX idx_reservations_expiry ON stock_reservations (expires_at)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := New(Options{}).Text(tt.in)
			if got != tt.want {
				t.Errorf("Text(%q)\n got %q\nwant %q", tt.in, got, tt.want)
			}
			if again := New(Options{}).Text(got); again != got {
				t.Errorf("redacting twice gives %q", again)
			}
		})
	}
}

func TestRedactorSQL(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"parameters go on", "SELECT id FROM t WHERE sku = $1 AND n = 5 LIMIT 10", "SELECT id FROM t WHERE sku = $1 AND n = $2 LIMIT $3"},
		{"equal literals", "INSERT INTO t VALUES ('a', 'b', 'a')", "INSERT INTO t VALUES ($1, $2, $1)"},
		{"kinds of strings", `SELECT E'it\'s', 'it''s', $q$x'y$q$, B'01', U&'d\0061t', "Column 1"`, `SELECT $1, $2, $3, $4, $5, "Column 1"`},
		{"cut off", "SELECT 'never ends", "SELECT $1"},
		{"tokens stay", "SELECT 1 WHERE pan = 4242424242424242", "SELECT $1 WHERE pan = [card-1]"},
		{"no SQL", "deploy for a@b.example", "deploy for [email-1]"},
		{"names with digits", "SELECT line1, t2.c3 FROM t2 WHERE x=-3.5e10", "SELECT line1, t2.c3 FROM t2 WHERE x=-$1"},
		{"comments", "SELECT 1 -- for a@b.example, don't\n, 2 /* 3 */", "SELECT $1 -- for [email-1], don't\n, $2 /* 3 */"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := New(Options{}).SQL(tt.in); got != tt.want {
				t.Errorf("SQL(%q)\n got %q\nwant %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestRedactorOptions(t *testing.T) {
	r := New(Options{KeepNetwork: true, IDs: true})
	got := r.Text("10.0.0.7 ord_9c4d1e res_7f3a ord_9c4d1e user_name 2001:db8:1:2::3")
	if want := "10.0.0.0/24 [id-1] [id-2] [id-1] user_name 2001:db8:1::/48"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got = r.Text(`GET /api/orders/9c4d1e {"userId": 41, "cart_id":"8f3a"} /api/orders/:id /api/orders/latest`)
	if want := `GET /api/orders/[id-5] {"userId": [id-3], "cart_id":"[id-4]"} /api/orders/:id /api/orders/latest`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRedactorCounts(t *testing.T) {
	r := New(Options{})
	if got, want := r.Statement(), "Redacted: nothing found that had to be replaced."; got != want {
		t.Errorf("%q", got)
	}
	r.Text("a@b.example a@b.example 10.0.0.7")
	r.SQL("SELECT 1")
	want := []Count{{Email, 2, 1}, {IP, 1, 1}, {Literal, 1, 1}}
	if d := cmp.Diff(want, r.Counts()); d != "" {
		t.Error(d)
	}
	if got, want := r.Statement(), "Redacted: 2 e-mail addresses, 1 IP address, 1 SQL literal replaced; equal tokens stand for equal values."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEscapes(t *testing.T) {
	for _, tt := range []struct {
		name     string
		f        func(string) string
		in, want string
	}{
		{"markdown cell", Markdown, "a|b\nc <img> & *x* stock_reservations _y_", `a\|b<br>c &lt;img&gt; &amp; \*x\* stock_reservations \_y\_`},
		{"markdown notifies nobody", Markdown, "by @alice, see #123 and a # b", "by @<!-- -->alice, see #<!-- -->123 and a # b"},
		{"markdown links nothing", Markdown, "http://evil.example [x](y) www.evil.example", `http:<!-- -->//evil.example \[x\](y) www.<!-- -->evil.example`},
		{"markdown heading", Markdown, "# not a heading", `\# not a heading`},
		{"markdown list", Markdown, "1. not a list", `1\. not a list`},
		{"markdown number", Markdown, "29.9s is no list", "29.9s is no list"},
		{"markdown escape", Markdown, "\x1b[0m", `\\x1b\[0m`},
		{"code", MarkdownCode, "SELECT a|b\nFROM t", "`SELECT a\\|b FROM t`"},
		{"code with backquotes", MarkdownCode, "`a``b", "``` `a``b ```"},
		{"comment", MarkdownComment, "x --> <script>", "x - -&gt; &lt;script&gt;"},
		{"csv formula", CSV, "=HYPERLINK(1)", "'=HYPERLINK(1)"},
		{"csv formula after blanks", CSV, "\t@x", `'\x09@x`},
		{"csv text", CSV, "a=b", "a=b"},
		{"html", HTML, `<a href="x">'&`, "&lt;a href=&#34;x&#34;&gt;&#39;&amp;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.f(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("x", " y")
	f.Add("SELECT 'a", "'")
	f.Fuzz(func(t *testing.T, before, after string) {
		r := New(Options{IDs: true})
		s := before + " someone@mail.example " + after
		if strings.Contains(before+after, "someone@mail") {
			return
		}
		if got := r.Text(s); strings.Contains(got, "someone@mail") {
			t.Fatalf("left in %q", got)
		}
		r.SQL(s)
		for _, esc := range []func(string) string{Markdown, MarkdownCode, MarkdownComment, CSV, HTML} {
			if got := esc(s); strings.ContainsAny(got, "\x1b\n") && !strings.Contains(HTML(s), got) {
				t.Fatalf("unsafe %q", got)
			}
		}
	})
}
