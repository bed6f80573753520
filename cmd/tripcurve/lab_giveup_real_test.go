//go:build real

package main

import (
	"encoding/json"
	"testing"
	"time"
)

// TestRealLabTCPGivesUp loses the packets of the one connection to inventory: TCP gives
// it up after the time that it was told, and only then are checkouts served again, by
// nobody's help.
func TestRealLabTCPGivesUp(t *testing.T) {
	t.Parallel()
	dir := labFolder(t)
	cmd, out, said := labCommand(t, dir, "run", "tcp-give-up", "--format", "json")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said.all.String())
	}
	var rep labReport
	if err := json.Unmarshal([]byte(out.String()), &rep); err != nil {
		t.Fatal(err)
	}
	var began, restarted time.Time
	for _, e := range rep.Events {
		switch e.Kind {
		case "black_hole":
			began = e.At
		case "restart":
			restarted = e.At
		}
	}
	const told = 15 * time.Second // TCP_USER_TIMEOUT
	if began.IsZero() || !restarted.IsZero() || rep.RecoveredAt == nil {
		t.Fatalf("black hole at %s, restart at %s, recovered at %v; want a recovery without a restart", began, restarted, rep.RecoveredAt)
	}
	after := rep.RecoveredAt.Sub(began)
	t.Logf("served again %s after the packets were lost; %d of %d checkouts failed", after, rep.OrdersFailed, rep.OrdersStarted)
	// From the first byte that nobody acknowledges, a moment after the hole began; then
	// grpc-go dials anew. Retransmissions, at which the kernel looks, are up to 6.4 s apart.
	if after < told || after > told+12*time.Second || rep.OrdersFailed == 0 {
		t.Errorf("served again after %s with %d failed, want %s or a few seconds more, and some", after, rep.OrdersFailed, told)
	}
}
