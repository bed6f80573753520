package serverlog

import (
	"errors"
	"testing"
	"time"
)

func TestReadPrefix(t *testing.T) {
	at := time.Date(2026, 1, 15, 14, 23, 1, 401e6, time.UTC)
	for _, tt := range []struct {
		prefix, line, text string
		want               entry
	}{
		{"%m [%p] ", "2026-01-15 14:23:01.401 UTC [7] LOG:  a:  b", "a:  b", entry{at: at, pid: 7, severity: "LOG"}},
		{
			"%m [%p] %q%u@%d ", "2026-01-15 14:23:01.401 UTC [7] shop@orders LOG:  a", "a",
			entry{at: at, pid: 7, user: "shop", database: "orders", severity: "LOG"},
		},
		{"%m [%p] %q%u@%d ", "2026-01-15 14:23:01.401 UTC [7] LOG:  a", "a", entry{at: at, pid: 7, severity: "LOG"}},
		{
			"%t:%r:%u@%d:[%p]:", "2026-01-15 14:23:01 UTC:10.0.0.5(4711):shop@orders:[7]:ERROR:  a", "a",
			entry{at: at.Truncate(time.Second), pid: 7, user: "shop", database: "orders", client: "10.0.0.5:4711", severity: "ERROR"},
		},
		{
			"%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", "2026-01-15 14:23:01 CET [7]: [3-1] user=shop,db=orders,app=[unknown],client=::1 FATAL:  a", "a",
			entry{at: at.Truncate(time.Second).Add(-time.Hour), pid: 7, user: "shop", database: "orders", client: "::1", severity: "FATAL"},
		},
		{
			"%n %-8p|%10a|%e %c %v %x %i|%b %%", "1768486981.401 7       |      cron|40P01 6968e8a5.7 3/8 0 UPDATE waiting|client backend %LOG:  ", "",
			entry{
				at: at, pid: 7, application: "cron", state: "40P01", command: "UPDATE waiting", backendType: "client backend", severity: "LOG",
				sessionStart: time.Unix(0x6968e8a5, 0).UTC(),
			},
		},
		{"< %m >", "< 2026-01-15 16:53:01.401 +0230 >LOG:  a", "a", entry{at: at, severity: "LOG"}},
	} {
		p, err := readPrefix(tt.prefix, nil)
		if err != nil {
			t.Fatal(err)
		}
		var e entry
		text, err := p.read([]byte(tt.line), &e)
		if err != nil || string(text) != tt.text || e != tt.want {
			t.Errorf("%s\n%s: %v\n got %q %+v\nwant %q %+v", tt.prefix, tt.line, err, text, e, tt.text, tt.want)
		}
	}
}

func TestBadPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"":           `log_line_prefix "": has no %m, %t or %n before any %q: its lines do not say when they were written`,
		"[%p] ":      `log_line_prefix "[%p] ": has no %m, %t or %n before any %q: its lines do not say when they were written`,
		"[%p] %q%m ": `log_line_prefix "[%p] %q%m ": has no %m, %t or %n before any %q: its lines do not say when they were written`,
		"%m %z":      `log_line_prefix "%m %z": column 4: %z is no escape`,
		"%m %":       `log_line_prefix "%m %": ends within an escape`,
	} {
		if err := CheckPrefix(prefix); err == nil || err.Error() != want {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

func TestReadStamp(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text, want string
		loc        *time.Location
	}{
		{"2026-01-15 14:23:01.401 UTC", "2026-01-15T14:23:01.401Z", nil},
		{"2026-01-15 14:23:01 CET", "2026-01-15T13:23:01Z", nil},
		{"2026-01-15 14:23:01.401 -03", "2026-01-15T17:23:01.401Z", nil},
		{"2026-07-15 14:23:01.401 CEST", "2026-07-15T12:23:01.401Z", berlin},
		// The hour that comes twice: the abbreviation says which it is.
		{"2026-10-25 02:30:00.000 CEST", "2026-10-25T00:30:00Z", berlin},
		{"2026-10-25 02:30:00.000 CET", "2026-10-25T01:30:00Z", berlin},
		{"2026-01-15 14:23:01.401 UTC", "2026-01-15T14:23:01.401Z", berlin},
	} {
		got, err := readStamp(tt.text, tt.loc)
		if err != nil || got.Format(time.RFC3339Nano) != tt.want {
			t.Errorf("%s in %v: %v, %v; want %s", tt.text, tt.loc, got, err, tt.want)
		}
	}
	var zone *zoneError
	if _, err := readStamp("2026-01-15 14:23:01.401 IST", nil); !errors.As(err, &zone) {
		t.Errorf("IST, which India, Israel and Ireland use: %v", err)
	}
	for _, bad := range []string{"", "2026-01-15", "2026-01-15 14:23:61 UTC", "1970-01-01 00:00:00 UTC", "9999-01-01 00:00:00 UTC", "2026-01-15 14:23:01 +99"} {
		if at, err := readStamp(bad, nil); err == nil {
			t.Errorf("%q is read as %v", bad, at)
		}
	}
}

// TestTryingPrefixes: the usual prefixes are told from each other.
func TestTryingPrefixes(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"2026-01-15 14:23:01.401 UTC [7] LOG:  a\n", "%m [%p] %q%u@%d "},
		{"2026-01-15 14:23:01.401 UTC [7] shop@orders LOG:  a\n", "%m [%p] %q%u@%d "},
		{"2026-01-15 14:23:01.401 UTC [7] shop@orders/cart LOG:  a\n", "%m [%p] %q%u@%d/%a "},
		{"2026-01-15 14:23:01.401 UTC [7] [user=shop,db=orders,app=cart] LOG:  a\n", "%m [%p] %q[user=%u,db=%d,app=%a] "},
		{"2026-01-15 14:23:01 UTC:10.0.0.5(4711):shop@orders:[7]:LOG:  a\n", "%t:%r:%u@%d:[%p]:"},
		{"2026-01-15 14:23:01 UTC [7]: [3-1] user=shop,db=orders,app=cart,client=::1 LOG:  a\n", "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h "},
		{"2026-01-15 14:23:01 UTC [7]: [3-1] LOG:  a\n", "%t [%p]: [%l-1] "},
		{"< 2026-01-15 14:23:01.401 UTC >LOG:  a\n", "< %m >"},
	} {
		d, err := Sniff([]byte(tt.line), "")
		if err != nil || d.Format != Stderr || d.prefix.text != tt.want {
			t.Errorf("%s: %v, %s; want %s", tt.line, err, d.Reason, tt.want)
		}
	}
}
