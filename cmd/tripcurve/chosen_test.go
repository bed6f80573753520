package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsChosenOnTuneIsExported turns to another library on the Tune screen of a
// real terminal, leaves, and exports without saying which set: what was chosen is
// written, a choice that cannot be read is refused, and without one the postmortem's
// values are written, each with where they came from.
func TestWhatIsChosenOnTuneIsExported(t *testing.T) {
	home := t.TempDir()
	env := []string{"HOME=" + home}
	file := filepath.Join(home, ".local/state/tripcurve/chosen/inc-2847.yaml")
	program := binary(t, "tripcurve")
	export := func(want string, code int) string {
		t.Helper()
		term := startTerminal(t, 300, 50, env, program, "export", "config", "--for", "resilience4j", "-o", "out")
		term.waitFor(want)
		if got := term.waitExit(); got != code {
			t.Fatalf("exit code %d, want %d:\n%s", got, code, term.screen())
		}
		written, err := os.ReadFile(filepath.Join(term.cmd.Dir, "out/resilience4j.inventory.yml"))
		if (err == nil) != (code == 0) {
			t.Fatalf("exit code %d, and of the file: %v", code, err)
		}
		return string(written)
	}

	if got := export("order.inventory: preset postmortem", 0); !strings.Contains(got, "minimumNumberOfCalls: 1\n") {
		t.Errorf("the postmortem's values are not in\n%s", got)
	}

	tune := startTerminal(t, 80, 24, env, program)
	tune.waitFor("48291")
	tune.send("6")
	tune.waitFor("[6 Tune]")
	tune.send(":library resilience4j\r")
	tune.waitFor("resilience4j 2.4.0")
	tune.send("q")
	if code := tune.waitExit(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if got := export("order.inventory: chosen on the Tune screen", 0); !strings.Contains(got, "minimumNumberOfCalls: 10\n") ||
		!strings.Contains(got, "values: chosen on the Tune screen\n") {
		t.Errorf("what was chosen is not in\n%s", got)
	}

	if err := os.WriteFile(file, []byte("schema: tripcurve.chosen/9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	export("what was chosen on the screens cannot be read: "+file+":1:9: ", 2)
}
