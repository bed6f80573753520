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
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, p := range unchangedParts(string(maps), program) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, p.lo, p.hi-p.lo, syscall.MADV_DONTNEED)
	}
}

// part is a part of the address space.
type part struct{ lo, hi uintptr }

// unchangedParts are where /proc/PID/smaps says that parts of the program's file lie which
// nobody can write to and nobody has written to: where a program may be loaded anywhere
// (-buildmode=pie), constants that hold addresses were, before they became read-only.
//
//	00400000-01da5000 r-xp 00000000 fe:00 10363244    /usr/local/bin/tripcurve
//	...
//	Anonymous:             0 kB
func unchangedParts(maps, program string) (all []part) {
	var p part
	ours := false
	for line := range strings.Lines(maps) {
		switch name, value, _ := strings.Cut(line, ":"); {
		case ours && name == "Anonymous":
			if strings.TrimSpace(value) == "0 kB" {
				all = append(all, p)
			}
			ours = false
		case strings.ContainsRune(name, '-'): // no other line has one in front of a colon
			p, ours = programPart(line, program)
		}
	}
	return all
}

// programPart is what the first line of a mapping says, if it is of the program's file and
// nobody can write to it.
func programPart(line, program string) (p part, ok bool) {
	addresses, rest, _ := strings.Cut(line, " ")
	rights, rest, _ := strings.Cut(rest, " ")
	at := strings.IndexByte(rest, '/')
	if rights != "r-xp" && rights != "r--p" || at < 0 || strings.TrimSuffix(rest[at:], "\n") != program {
		return part{}, false
	}
	from, to, _ := strings.Cut(addresses, "-")
	lo, err1 := strconv.ParseUint(from, 16, 64)
	hi, err2 := strconv.ParseUint(to, 16, 64)
	return part{uintptr(lo), uintptr(hi)}, err1 == nil && err2 == nil && lo < hi
}
