package behind

import (
	"strings"
	"testing"
)

// A shell reads the words as they were, whatever they hold; what a terminal would obey is gone.
func TestCommand(t *testing.T) {
	p := Command("head", "text", []string{"simulate", "inc-2847", "it's", "$(id) `x` \"y\"", "", "a\x1b[31mb c"}, []string{"--set", "*.cancel=propagate"}, []string{"--set", "order.inventory.deadline=5s"})
	if want := "tripcurve simulate inc-2847 'it'\\''s' '$(id) `x` \"y\"' '' 'a"; !strings.HasPrefix(p.Quote, want) || strings.Contains(p.Quote, "\x1b") {
		t.Errorf("it is %q, and should begin with %q", p.Quote, want)
	}
	if want := " \\\n  --set '*.cancel=propagate' \\\n  --set order.inventory.deadline=5s"; !strings.HasSuffix(p.Quote, want) {
		t.Errorf("it is %q, and should end with %q", p.Quote, want)
	}
}
