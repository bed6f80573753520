package config

import (
	"testing"

	"tripcurve/internal/formats/trap"
)

func TestGitHub(t *testing.T) {
	got := GitHub([]Finding{
		{Rule: "a/b", Severity: trap.Error, File: "dir/x,1:2.sql", Line: 3, Column: 4, What: "50 % of\nit", Why: "why"},
		{Rule: "a/c", Severity: trap.Note, File: "y", What: "z"},
	})
	want := "::error file=dir/x%2C1%3A2.sql,line=3,col=4,title=a/b::50 %25 of%0Ait: why\n::notice file=y,title=a/c::z\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
