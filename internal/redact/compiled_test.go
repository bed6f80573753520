package redact

import "testing"

// TestExpressions compiles what is otherwise compiled when it is first needed. A finder's
// first group is what it finds.
func TestExpressions(t *testing.T) {
	for _, list := range [][]finder{finders, idFinders, ofServers} {
		for _, f := range list {
			if f.re().NumSubexp() == 0 {
				t.Errorf("%v has no group", f.re())
			}
		}
	}
	for _, f := range secretFinders {
		if n := f.re().NumSubexp(); n != 1 {
			t.Errorf("%v has %d groups, want 1", f.re(), n)
		}
	}
}
