package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// unmapStart takes the program's own code and constants out of the memory of this process,
// of which its start alone went through half: every package initialises itself, and with
// each page the system maps those around it. They stay in the system's page cache, from
// where what is used is mapped again, at some microseconds each; nothing is read or written.
// What is said to be resident is then what is in use. Errors leave things as they are.
func unmapStart() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		if lo, hi, ok := unchangedPart(line, program); ok {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, lo, hi-lo, syscall.MADV_DONTNEED)
		}
	}
}

// unchangedPart is where a line of /proc/PID/maps says that a part of the program's file
// lies which nobody can have written to:
//
//	00400000-01da5000 r-xp 00000000 fe:00 10363244    /usr/local/bin/tripcurve
func unchangedPart(line, program string) (lo, hi uintptr, ok bool) {
	addresses, rest, _ := strings.Cut(line, " ")
	rights, rest, _ := strings.Cut(rest, " ")
	at := strings.IndexByte(rest, '/')
	if rights != "r-xp" && rights != "r--p" || at < 0 || strings.TrimSuffix(rest[at:], "\n") != program {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(addresses, "-")
	begin, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	return uintptr(begin), uintptr(end), err1 == nil && err2 == nil && begin < end
}
