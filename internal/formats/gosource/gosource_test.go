package gosource

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"inventory": "Inventory", "order_read": "OrderRead", "order-read": "OrderRead", "postgres.main": "PostgresMain", "9lives": "9lives", "_x": "X", "élan": "Élan",
	} {
		if got := Name(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[time.Duration]string{
		0: "0", 1: "time.Nanosecond", 1500: "1500 * time.Nanosecond", 250 * time.Microsecond: "250 * time.Microsecond",
		1500 * time.Millisecond: "1500 * time.Millisecond", time.Second: "time.Second", 90 * time.Second: "90 * time.Second",
		2 * time.Minute: "2 * time.Minute", 48 * time.Hour: "48 * time.Hour",
	} {
		if got := Duration(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestFloat(t *testing.T) {
	for in, want := range map[float64]string{0: "0.0", 2: "2.0", 0.5001: "0.5001", 1e-7: "0.0000001"} {
		if got := Float(in); got != want {
			t.Errorf("%g: %s, want %s", in, got, want)
		}
	}
}

// Whatever the text, it stays in its comment.
func TestDocKeepsItsText(t *testing.T) {
	got := Doc{Text: "Two\nlines.", Origin: "from\nhere", Notes: []string{"a\n\tnote", "another"}}.String()
	want := "// Two\n// lines.\n//\n// from here\n//\n// To know:\n//\n//   - a note\n//   - another\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFormatRefusesWhatIsNoGo(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it took it")
		}
	}()
	Format("package x\nfunc {")
}
