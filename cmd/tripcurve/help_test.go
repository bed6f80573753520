package main

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tripcurve/internal/config"
)

// TestHelpFitsATerminal: of a command's help only what is pasted is wider than 80 columns.
func TestHelpFitsATerminal(t *testing.T) {
	a := &app{stdout: io.Discard, stderr: io.Discard, env: func(string) string { return "" }, paths: config.Paths{Config: "/home/me/.config/tripcurve/config.yaml"}}
	commands, lines := 0, 0
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		var b strings.Builder
		cmd.SetOut(&b)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		commands++
		for line := range strings.Lines(b.String()) {
			lines++
			line = strings.TrimSuffix(line, "\n")
			if pasted := strings.HasPrefix(line, "  ") && strings.Contains(line, "tripcurve "); !pasted && utf8.RuneCountInString(line) > 80 {
				t.Errorf("%s --help has a line of %d columns:\n%s", cmd.CommandPath(), utf8.RuneCountInString(line), line)
			}
			if strings.HasSuffix(line, " ") {
				t.Errorf("%s --help has blanks at the end of %q", cmd.CommandPath(), line)
			}
		}
		if usage := "\nUsage:\n  " + cmd.CommandPath(); !strings.Contains(b.String(), usage) {
			t.Errorf("%s --help has no %q:\n%s", cmd.CommandPath(), usage, b.String())
		}
		for _, c := range cmd.Commands() {
			look(c)
		}
	}
	look(a.command())
	if commands < 40 || lines < 1000 {
		t.Errorf("looked at %d commands and %d lines", commands, lines)
	}
}
