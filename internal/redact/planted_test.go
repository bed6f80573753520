package redact_test

import (
	"strings"
	"testing"

	"tripcurve/internal/redact"
	"tripcurve/internal/redact/redacttest"
)

// FuzzPlanted plants each way of writing a secret into surroundings that cannot belong to
// it: nothing around it keeps it from being replaced, and what was replaced is safe to be
// redacted again.
func FuzzPlanted(f *testing.F) {
	all := redacttest.Secrets(1, 4*redacttest.Ways())
	for i := range all {
		f.Add(uint(i), "x", "y")
	}
	f.Add(uint(0), "street=\"", "'")
	f.Add(uint(3), "SELECT 'a", "[card-1]")
	f.Fuzz(func(t *testing.T, i uint, before, after string) {
		s := all[i%uint(len(all))]
		if strings.Contains(before+after, s.Value) {
			return
		}
		text := before + "\n" + s.Text + "\n" + after
		for name, of := range map[string]func(*redact.Redactor, string) string{"Text": (*redact.Redactor).Text, "SQL": (*redact.Redactor).SQL} {
			got := of(redact.New(redact.Options{IDs: true}), text)
			if strings.Contains(got, s.Value) {
				t.Fatalf("%s leaves %s %q in %q", name, s.Kind, s.Value, got)
			}
			if again := of(redact.New(redact.Options{KeepNetwork: true}), got); strings.Contains(again, s.Value) {
				t.Fatalf("again, %s leaves %q in %q", name, s.Value, again)
			}
		}
	})
}

// A document of 10,000 rows is written in a second; this is the redaction of one row.
func BenchmarkRow(b *testing.B) {
	r := redact.New(redact.Options{})
	s := "first failing POST /api/orders answered 502 after 30.001 s; pid 48291 held SHARE on stock_reservations since 14:23:01"
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		r.Text(s)
	}
}
