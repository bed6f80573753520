//go:build real

package main

import "testing"

// TestRealLabBlackHole holds the lab against the simulator where a connection is lost
// silently: no lock, no answer, until order is restarted.
func TestRealLabBlackHole(t *testing.T) {
	t.Parallel()
	cmd, out, said := labCommand(t, labFolder(t), "run", "black-hole", "--verify")
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s%s", err, out, said.all.String())
	}
	t.Log(out.String())
}
