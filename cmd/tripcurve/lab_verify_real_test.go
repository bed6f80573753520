//go:build real

package main

import (
	"path/filepath"
	"testing"
)

// TestRealLabBlackHole holds the lab against the simulator where a connection is lost
// silently: no lock, no answer, until order is restarted.
func TestRealLabBlackHole(t *testing.T) {
	t.Parallel()
	recording := filepath.Join(t.TempDir(), "hole.incident")
	cmd, out, said := labCommand(t, labFolder(t), "run", "black-hole", "--verify", "--record", recording)
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s%s", err, out, said.all.String())
	}
	t.Log(out.String())
	// A pipeline whose connection is lost and found by the restart does what was recorded.
	fit, errs, code := command(t, "fit", recording)
	if code != exitFine {
		t.Errorf("fit: exit code %d: %s\n%s", code, errs, fit)
	}
}
