// Package pglock knows PostgreSQL's eight table lock modes and which of them
// conflict (checked on a live PostgreSQL 15, all 64 pairs).
package pglock

import "fmt"

// Mode is a table lock mode; the zero value is no lock.
type Mode uint8

const (
	None Mode = iota
	AccessShare
	RowShare
	RowExclusive
	ShareUpdateExclusive
	Share
	ShareRowExclusive
	Exclusive
	AccessExclusive
)

// conflicts[m] has bit w set when a held m makes a request for w wait.
var conflicts = [...]uint16{
	AccessShare:          bits(AccessExclusive),
	RowShare:             bits(Exclusive, AccessExclusive),
	RowExclusive:         bits(Share, ShareRowExclusive, Exclusive, AccessExclusive),
	ShareUpdateExclusive: bits(ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
	Share:                bits(RowExclusive, ShareUpdateExclusive, ShareRowExclusive, Exclusive, AccessExclusive),
	ShareRowExclusive:    bits(RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
	Exclusive:            bits(RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
	AccessExclusive:      bits(AccessShare, RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
}

func bits(ms ...Mode) (b uint16) {
	for _, m := range ms {
		b |= 1 << m
	}
	return b
}

// Conflicts says whether a lock held in one mode makes a request for the other
// wait. It is symmetric.
func Conflicts(held, wanted Mode) bool {
	return Conflicting(held)&(1<<wanted) != 0
}

// Conflicting are all modes that conflict with one: bit m is set for mode m.
func Conflicting(m Mode) uint16 {
	if int(m) < len(conflicts) {
		return conflicts[m]
	}
	return 0
}

var names = [...]struct{ catalog, sql string }{
	None:                 {"", ""},
	AccessShare:          {"AccessShareLock", "ACCESS SHARE"},
	RowShare:             {"RowShareLock", "ROW SHARE"},
	RowExclusive:         {"RowExclusiveLock", "ROW EXCLUSIVE"},
	ShareUpdateExclusive: {"ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"},
	Share:                {"ShareLock", "SHARE"},
	ShareRowExclusive:    {"ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"},
	Exclusive:            {"ExclusiveLock", "EXCLUSIVE"},
	AccessExclusive:      {"AccessExclusiveLock", "ACCESS EXCLUSIVE"},
}

// String is the SQL spelling, as in LOCK TABLE ... IN SHARE MODE.
func (m Mode) String() string {
	if int(m) < len(names) {
		return names[m].sql
	}
	return fmt.Sprintf("lock mode %d", uint8(m))
}

// Catalog is the spelling of pg_locks.mode.
func (m Mode) Catalog() string {
	if int(m) < len(names) {
		return names[m].catalog
	}
	return ""
}

// Parse reads either spelling; ok is false for anything else.
func Parse(s string) (m Mode, ok bool) {
	for i, n := range names {
		if i > 0 && (s == n.catalog || s == n.sql) {
			return Mode(i), true
		}
	}
	return None, false
}
