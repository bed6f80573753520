package incident

import (
	"strings"
	"testing"
)

func TestCustomerIn(t *testing.T) {
	for raw, want := range map[string]string{
		`{"status":502,"user_id":"u-17","path":"/"}`:    "u-17",
		`{"status":502,"userId": 4711}`:                 "4711",
		`level=error customer_id=c9 status=502`:         "c9",
		`level=error customer="Smith & Sons" x=1`:       "Smith & Sons",
		`GET /api/orders?account_id=77&x=1 HTTP/1.1`:    "77",
		`{"user_agent":"curl/8","bad_customer":"x"}`:    "",
		`{"user_id":null}`:                              "",
		`{"user_id":"-"}`:                               "",
		`{"customer":{"user_id":"u-3"}}`:                "u-3",
		`user_id`:                                       "",
		`user_id="never closed`:                         "",
		``:                                              "",
		`10.0.0.7 - - [15/Jan/2026] "GET /" 502 157 30`: "",
		`İ user_id=u1`:                                  "", // its lower case has other bytes
	} {
		got, ok := CustomerIn(raw)
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t; want %q", raw, got, ok, want)
		}
	}
}

// What is found stands in the line, whatever the line.
func FuzzCustomerIn(f *testing.F) {
	for _, seed := range []string{`{"user_id":"u-17"}`, `customer=7&`, `tenant_id:'`, "userid=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		id, ok := CustomerIn(raw)
		if ok != (id != "") {
			t.Fatalf("%q, %t", id, ok)
		}
		if ok && !strings.Contains(raw, id) {
			t.Fatalf("%q is not in the line", id)
		}
	})
}
