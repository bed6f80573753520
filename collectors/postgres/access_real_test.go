//go:build real

package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tripcurve/collectors/credential"
	"tripcurve/collectors/credential/certtest"
	"tripcurve/internal/pgtest"
)

// connects connects once and says how it went.
func connects(t *testing.T, a Access) error {
	t.Helper()
	target, err := parse(a)
	if err != nil {
		t.Fatal(err)
	}
	return connectsAgain(t, target)
}

func connectsAgain(t *testing.T, target target) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l, err := target.dial(ctx, false)
	if err == nil {
		l.close()
	}
	return err
}

// TestRealPasswordsAreRotated changes a role's password under a collector that gets
// it from the password file, from the service file and from a command.
func TestRealPasswordsAreRotated(t *testing.T) {
	s := pgtest.Start(t)
	s.Exec(t, "create role rotated login password 'p0'")
	set := func(password string) {
		t.Helper()
		s.Exec(t, "alter role rotated password '"+password+"'")
	}
	where := fmt.Sprintf("host=127.0.0.1 port=%d dbname=postgres user=rotated", s.Port)
	for _, kind := range []string{"password file", "service file"} {
		t.Run(kind, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secret")
			write := func(password string) {
				t.Helper()
				text := "127.0.0.1:*:*:rotated:" + password + "\n"
				if kind == "service file" {
					text = "[shop]\n" + strings.ReplaceAll(where, " ", "\n") + "\npassword=" + password + "\n"
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			set("first")
			write("first")
			a := Access{DSN: where}
			if kind == "service file" {
				t.Setenv("PGSERVICEFILE", file)
				a = Access{Service: "shop"}
			} else {
				t.Setenv("PGPASSFILE", file)
			}
			target, err := parse(a)
			if err != nil {
				t.Fatal(err)
			}
			if err := connectsAgain(t, target); err != nil {
				t.Fatal(err)
			}
			set("second")
			if err := connectsAgain(t, target); err == nil || !strings.Contains(err.Error(), "28P01") || strings.Contains(err.Error(), "first") {
				t.Errorf("with the old password: %v; want 28P01", err)
			}
			write("second")
			if err := connectsAgain(t, target); err != nil {
				t.Errorf("with the new one: %v", err)
			}
			// The same by the keys of the settings file instead of the environment.
			if kind == "service file" {
				t.Setenv("PGSERVICEFILE", "")
				a.ServiceFile = file
			} else {
				t.Setenv("PGPASSFILE", "")
				a.PassFile = file
			}
			if err := connects(t, a); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a command is asked again on 28P01", func(t *testing.T) {
		now, asked := "first", 0
		set(now)
		target, err := parse(Access{DSN: where, Password: credential.Asked(func() (string, error) {
			asked++
			return now, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			password string
			asked    int
		}{{"first", 1}, {"first", 1}, {"second", 2}, {"second", 2}} {
			now = step.password
			set(now)
			if err := connectsAgain(t, target); err != nil || asked != step.asked {
				t.Errorf("%s: %v; asked %d times, want %d", step.password, err, asked, step.asked)
			}
		}
		set("third") // and nobody tells the command
		if err := connectsAgain(t, target); err == nil || strings.Contains(err.Error(), "second") || asked != 3 {
			t.Errorf("%v; asked %d times, want 3 and a refusal without the password", err, asked)
		}
	})
}

// TestRealClientCertificate connects to a server that takes nothing but certificates
// of its authority, over TLS.
func TestRealClientCertificate(t *testing.T) {
	s := pgtest.Start(t)
	ca := certtest.New(t)
	ca.Server("db.example")
	ca.Client("monitor")
	other := certtest.New(t)

	var data string
	if err := s.Connect(t).QueryRow(t.Context(), "show data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	owner, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	sys := owner.Sys().(*syscall.Stat_t)
	hba := []byte("local all all trust\nhostssl all monitor 127.0.0.1/32 cert\nhost all postgres 127.0.0.1/32 scram-sha-256\n")
	for name, from := range map[string]string{"server.crt": "server.pem", "server.key": "server.key", "root.crt": "ca.pem", "pg_hba.conf": ""} {
		text := hba
		if from != "" {
			if text, err = os.ReadFile(ca.File(from)); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, int(sys.Uid), int(sys.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.Exec(t, "create role monitor login", "grant pg_monitor to monitor", "alter system set ssl_ca_file = 'root.crt'", "alter system set ssl = on", "select pg_reload_conf()")

	a := Access{
		DSN: fmt.Sprintf("postgres://monitor@127.0.0.1:%d/postgres", s.Port),
		CA:  ca.File("ca.pem"), Cert: ca.File("client.pem"), Key: ca.File("client.key"),
	}
	deadline := time.Now().Add(15 * time.Second)
	for err = connects(t, a); err != nil && time.Now().Before(deadline); err = connects(t, a) { // the server reloads in its own time
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Access)
		want   string
	}{
		"keywords":             {func(a *Access) { a.DSN = fmt.Sprintf("host=127.0.0.1 port=%d user=monitor dbname=postgres", s.Port) }, ""},
		"the host's own name":  {func(a *Access) { a.ServerName = "db.example" }, ""},
		"another name":         {func(a *Access) { a.ServerName = "evil.example" }, "certificate is valid for db.example, not evil.example"},
		"another authority":    {func(a *Access) { a.CA = other.File("ca.pem") }, "certificate signed by unknown authority"},
		"without certificates": {func(a *Access) { a.Cert, a.Key = "", "" }, "28000"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := a
			c.change(&changed)
			err := connects(t, changed)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}
