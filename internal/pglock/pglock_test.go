package pglock

import (
	"strings"
	"testing"
)

// matrix is the table of PostgreSQL's manual, checked on a live 15 with LOCK ...
// NOWAIT: rows held, columns wanted, AS RS RX SUX S SRX X AX.
var matrix = []string{
	AccessShare:          ". . . . . . . x",
	RowShare:             ". . . . . . x x",
	RowExclusive:         ". . . . x x x x",
	ShareUpdateExclusive: ". . . x x x x x",
	Share:                ". . x x . x x x",
	ShareRowExclusive:    ". . x x x x x x",
	Exclusive:            ". x x x x x x x",
	AccessExclusive:      "x x x x x x x x",
}

func TestConflictsAreTheManuals(t *testing.T) {
	for held := AccessShare; held <= AccessExclusive; held++ {
		for i, cell := range strings.Fields(matrix[held]) {
			wanted := AccessShare + Mode(i)
			if got, want := Conflicts(held, wanted), cell == "x"; got != want {
				t.Errorf("%v held, %v wanted: conflict %v, want %v", held, wanted, got, want)
			}
			if Conflicts(held, wanted) != Conflicts(wanted, held) {
				t.Errorf("%v and %v: not symmetric", held, wanted)
			}
		}
	}
	for m := None; m <= AccessExclusive; m++ {
		if Conflicts(None, m) || Conflicts(m, None) {
			t.Errorf("no lock conflicts with %v", m)
		}
	}
	if Conflicts(99, Share) {
		t.Error("an unknown mode conflicts")
	}
}

func TestBothSpellingsAreRead(t *testing.T) {
	for m := AccessShare; m <= AccessExclusive; m++ {
		for _, s := range []string{m.String(), m.Catalog()} {
			if got, ok := Parse(s); !ok || got != m {
				t.Errorf("Parse(%q) = %v, %v; want %v", s, got, ok, m)
			}
		}
	}
	for _, s := range []string{"", "share", "SIReadLock"} {
		if m, ok := Parse(s); ok {
			t.Errorf("Parse(%q) = %v", s, m)
		}
	}
	if got := Mode(99).String(); got != "lock mode 99" {
		t.Errorf("an unknown mode prints as %q", got)
	}
}
