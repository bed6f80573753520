//go:build !linux

package lab

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// startedAt is when a process started, as ps tells it. A zombie has ended.
func startedAt(pid int) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ps", "-o", "state=,lstart=", "-p", strconv.Itoa(pid))
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/bin:/usr/bin"}
	out, err := cmd.Output()
	state, started, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || state == "" || strings.HasPrefix(state, "Z") {
		return "", errGone
	}
	return strings.Join(strings.Fields(started), "_"), nil
}

// strays cannot be told from others' processes here: the pid files are all there is.
func (*state) strays() []process { return nil }
