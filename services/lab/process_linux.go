package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// startedAt is when a process started, in the kernel's ticks since boot. A zombie
// has ended.
func startedAt(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return "", errGone
	}
	if err != nil {
		return "", errGone // it ended while it was read
	}
	// The second field is the program's name in parentheses, which may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, starttime = 0, 19 // fields 3 and 22 of proc(5)
	if len(fields) <= starttime || fields[state] == "Z" || fields[state] == "X" {
		return "", errGone
	}
	return fields[starttime], nil
}

// strays are processes of this lab that no pid file names: begun by a command
// that was killed before it could write them down, or PostgreSQL's own children.
// A process is the lab's if its environment carries the lab's mark, or if it is a
// postgres that works in the lab's cluster (it writes over its own environment).
func (s *state) strays() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		proc := filepath.Join("/proc", e.Name())
		name := ""
		if env, err := os.ReadFile(filepath.Join(proc, "environ")); err == nil &&
			slices.Contains(strings.Split(string(env), "\x00"), s.mark()) {
			name = "service"
		}
		if cwd, err := os.Readlink(filepath.Join(proc, "cwd")); err == nil && strings.TrimSuffix(cwd, " (deleted)") == s.data() {
			if exe, err := os.Readlink(filepath.Join(proc, "exe")); err == nil && strings.HasPrefix(filepath.Base(exe), "postgres") {
				name = "postgres"
			}
		}
		if name == "" {
			continue
		}
		if p, err := identify(name, pid); err == nil {
			found = append(found, p)
		}
	}
	return found
}
