package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What stands beside a DSN reaches the library whatever the DSN's notation, and no
// value of it can become a keyword.
func TestWhatStandsBesideTheDSN(t *testing.T) {
	for _, c := range []struct {
		a               Access
		host, user, tls string
	}{
		{a: Access{DSN: "postgres://monitor@db/shop", PassFile: "/none"}, host: "db", user: "monitor"},
		{a: Access{DSN: "host=db user=monitor", PassFile: `/it's a \file' host=evil`}, host: "db", user: "monitor"},
		{a: Access{DSN: "postgres://monitor@db/shop?application_name=x", PassFile: "/a&host=evil"}, host: "db", user: "monitor"},
		{a: Access{DSN: "postgres://monitor@db/shop?sslmode=require", ServerName: "db.example"}, host: "db", user: "monitor", tls: "db.example"},
	} {
		got, err := parse(c.a)
		if err != nil {
			t.Errorf("%s: %v", c.a.dsn(), err)
			continue
		}
		name := ""
		if got.config.TLSConfig != nil && c.tls != "" {
			name = got.config.TLSConfig.ServerName
		}
		if d := cmp.Diff([]string{c.host, c.user, c.tls}, []string{got.config.Host, got.config.User, name}); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.a.dsn(), d)
		}
	}
	if got, want := (Access{DSN: "host=db", CA: "/ca.pem"}).dsn(), "host=db sslrootcert='/ca.pem' sslmode='verify-full'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := (Access{DSN: "postgres://db/shop?sslmode=verify-ca", CA: "/c a.pem"}).dsn(), "postgres://db/shop?sslmode=verify-ca&sslrootcert=%2Fc+a.pem"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
