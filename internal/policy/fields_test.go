package policy

import (
	"strings"
	"testing"
)

// TestParseDurationWithoutUnit: what a message proposes can be written. It proposed NaNs
// for NaN and 1e9s for 1e9.
func TestParseDurationWithoutUnit(t *testing.T) {
	for v, want := range map[string]string{
		"5": "write 5s or 5ms", "1.5": "write 1.5s or 1.5ms", "NaN": "write it like 20s", "1e9": "write it like 20s", "0x10": "write it like 20s", "inf": "write it like 20s",
	} {
		if _, err := ParseDuration(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", v, err, want)
		}
	}
}
