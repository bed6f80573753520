package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBranchAlone builds one command without the others: its name must be the one by
// which it is found, and its help what it is within the whole tree.
func TestBranchAlone(t *testing.T) {
	a := &app{env: anybody}
	whole := a.command()
	for _, b := range a.branches() {
		t.Run(b.name, func(t *testing.T) {
			want, _, err := whole.Find([]string{b.name})
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := a.commandFor([]string{b.name, "--help"}).Find([]string{b.name})
			if err != nil {
				t.Fatal(err)
			}
			if got.Name() != b.name {
				t.Fatalf("built is %q", got.Name())
			}
			if d := cmp.Diff(want.UsageString(), got.UsageString()); d != "" {
				t.Errorf("the help (-in the tree +alone):\n%s", d)
			}
		})
	}
}

// TestTreeOfArguments builds all commands for those who name none: they are told of all.
func TestTreeOfArguments(t *testing.T) {
	a := &app{env: anybody}
	all := len(a.branches())
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, 0},
		{[]string{"open", "FILE"}, 1},
		{[]string{"opne"}, all},
		{[]string{"help", "open"}, all},
		{[]string{"--help"}, all},
		{[]string{"--theme", "light", "open"}, all},
		{[]string{"__complete", "open", ""}, all},
	} {
		if got := len(a.commandFor(tt.args).Commands()); got != tt.want {
			t.Errorf("%v: %d commands, want %d", tt.args, got, tt.want)
		}
	}
}
