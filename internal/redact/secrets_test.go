package redact

import (
	"strings"
	"testing"
)

func TestMaskSecrets(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing secret", "GET /api/orders/ord_9c4d1e 200 12ms", "GET /api/orders/ord_9c4d1e 200 12ms"},
		{"url", "postgres://app:hunter2@db:5432/orders?sslmode=require", "postgres://app:****@db:5432/orders?sslmode=require"},
		{"url with an @ in the password", "postgres://app:p@ss/w@db/orders", "postgres://app:****@db/orders"},
		{"url without a user", "redis://:hunter2@cache:6379/0", "redis://:****@cache:6379/0"},
		{"a port is no password", "http://host:8080/path?mail=a@b.example", "http://host:8080/path?mail=a@b.example"},
		{"keyword DSN", "host=db user=app password=hunter2 dbname=orders", "host=db user=app password=**** dbname=orders"},
		{"keyword DSN, quoted", `host=db password='hunter \' 2' user=app`, `host=db password='****' user=app`},
		{"cut off in the quotes", `password='hunter2 and mo`, `password='****`},
		{"environment", "PGPASSWORD=hunter2 psql", "PGPASSWORD=**** psql"},
		{"role", "ALTER ROLE app PASSWORD 'hunter2' VALID UNTIL 'infinity'", "ALTER ROLE app PASSWORD '****' VALID UNTIL 'infinity'"},
		{"a prepared statement keeps its parameter", "UPDATE users SET password = $1 WHERE id = $2", "UPDATE users SET password = $1 WHERE id = $2"},
		{"bearer", "Authorization: Bearer abc.def-ghi", "Authorization: Bearer ****"},
		{"basic", `"authorization":"Basic YXBwOmh1bnRlcjI="`, `"authorization":"Basic ****"`},
		{"digest", `authorization=Digest username="a"`, `authorization=****"a"`},
		{"bearer in prose", "the bearer authentication of users", "the bearer authentication of users"},
		{"jwt", "sub eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "sub **** end"},
		{"cookie", "cookie: sid=1; theme=dark", "cookie: ****"},
		{"query string", "GET /cb?code=4%2F0Ab&state=1&token=zzz HTTP/1.1", "GET /cb?code=****&state=1&token=**** HTTP/1.1"},
		{"signature", "/f?X-Amz-Signature=abc&x=1", "/f?X-Amz-Signature=****&x=1"},
		{"a gRPC code is no secret", "code=DeadlineExceeded code: 4", "code=DeadlineExceeded code: 4"},
		{"json", `{"api_key": "k-1", "n": 2}`, `{"api_key": "****", "n": 2}`},
		{"json in a string", `"body":"{\"password\":\"hunter2\",\"a\":1}"`, `"body":"{\"password\":\"****\",\"a\":1}"`},
		{"client secret", `"clientSecret": "pi_3Mx_secret_abc123"`, `"clientSecret": "****"`},
		{"client secret alone", "intent pi_3Mx_secret_abc123 made", "intent **** made"},
		{"column", "SELECT my_client_secret_hash FROM t", "SELECT my_client_secret_hash FROM t"},
		{"provider keys", "AKIAIOSFODNN7EXAMPLE ghp_0123456789abcdefghij0123", "**** ****"},
		{"private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----****-----END RSA PRIVATE KEY-----"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := MaskSecrets(tt.in)
			if got != tt.want {
				t.Errorf("MaskSecrets(%q)\n got %q\nwant %q", tt.in, got, tt.want)
			}
			if again := MaskSecrets(got); again != got {
				t.Errorf("masking twice gives %q", again)
			}
		})
	}
}

func TestBlankSecrets(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing secret", "timeout: 5000\n", "timeout: 5000\n"},
		{"yaml", "db:\n  password: hunter2-ä # mine\n  pool: 5\n", "db:\n  password: xxxxxxx-xx # mine\n  pool: 5\n"},
		{"a service of that name", "instances:\n  token:\n    failureRateThreshold: 50\n", "instances:\n  token:\n    failureRateThreshold: 50\n"},
		{"json", `{"token": "abc", "credentials": {"timeout": 5}}`, `{"token": "xxx", "credentials": {"timeout": 5}}`},
		{"code stays code", "new CircuitBreaker(token => call(token), { timeout: 5 })", "new CircuitBreaker(token => xxxx(xxxxx), { timeout: 5 })"},
		{"the kind alone", `"credentials": "ssl"`, `"credentials": "ssl"`},
		{"bearer", `timeout: "Bearer abc.def-1"`, `timeout: "Bearer xxx.xxx-x"`},
		{"url", "postgres://u:hunter2@db/x\r\n", "postgres://u:xxxxxxx@db/x\r\n"},
	} {
		got := BlankSecrets(tt.in)
		if got != tt.want {
			t.Errorf("%s: BlankSecrets(%q)\n got %q\nwant %q", tt.name, tt.in, got, tt.want)
		}
		if again := BlankSecrets(got); again != got || len(got) != len(tt.in) {
			t.Errorf("%s: twice gives %q of %d bytes, the text has %d", tt.name, again, len(again), len(tt.in))
		}
	}
}

// FuzzMaskSecrets hides one secret in any surroundings that cannot belong to it.
func FuzzMaskSecrets(f *testing.F) {
	f.Add("host=db ", " user=app")
	f.Add("{\"a\":1} ", "\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+after, "hunter2") {
			return
		}
		got := MaskSecrets(before + " password=hunter2 " + after)
		if strings.Contains(got, "hunter2") {
			t.Fatalf("left in %q", got)
		}
	})
}

func BenchmarkMaskSecretsOfACleanLine(b *testing.B) {
	s := `10.0.0.7 - - [15/Jan/2026:14:24:01 +0000] "POST /api/orders HTTP/1.1" 502 157 "-" "curl/8.5" 60.001`
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		MaskSecrets(s)
	}
}
