package failmode

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGuardsStandWhereTheySay: each guard's text is in its file once, on the line
// that lines.txt has. TRIPCURVE_UPDATE=1 writes the lines as they are.
func TestGuardsStandWhereTheySay(t *testing.T) {
	var found strings.Builder
	for _, g := range slices.Sorted(maps.Keys(places)) {
		p := places[g]
		source, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(p.file)))
		if err != nil {
			t.Fatal(err)
		}
		before, after, ok := strings.Cut(string(source), p.text)
		if !ok || strings.Contains(after, p.text) {
			t.Errorf("%s: %s must hold this once: %s", g, p.file, p.text)
			continue
		}
		fmt.Fprintf(&found, "%s %d\n", g, strings.Count(before, "\n")+1)
	}
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.WriteFile("lines.txt", []byte(found.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if found.String() != lines {
		t.Errorf("lines.txt is not what the source says (TRIPCURVE_UPDATE=1 rewrites it):\n%sfound\n%s", lines, found.String())
	}
}

// TestEveryModeHasItsGuard: and none is named that stands nowhere.
func TestEveryModeHasItsGuard(t *testing.T) {
	used := map[Guard]bool{}
	for _, m := range Modes() {
		if len(m.Guards) == 0 || m.Happens == "" || m.Criterion == "" {
			t.Errorf("%s: %+v", m.ID, m)
		}
		for _, g := range m.Guards {
			used[g] = true
			if places[g].file == "" || numbers[g] == 0 {
				t.Errorf("%s: guard %s stands nowhere", m.ID, g)
			}
		}
	}
	for g := range places {
		if !used[g] {
			t.Errorf("guard %s guards nothing", g)
		}
	}
}
