package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestManPagesAreComplete looks for what lets man(1) and lexgrog(1) read a page: its
// head, one line that says what the command does, no request of roff's that came from
// a help text, every flag, and pages behind SEE ALSO.
func TestManPagesAreComplete(t *testing.T) {
	requests := map[string]bool{".TH": true, ".SH": true, ".TP": true, ".PP": true, ".B": true, ".nf": true, ".fi": true}
	pages := map[string]string{}
	var write func(*cobra.Command)
	write = func(cmd *cobra.Command) {
		pages[pageName(cmd)] = manPage(cmd)
		if n := len(cmd.Short); n < 10 || n > 90 || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: a first line of %d letters: %q", cmd.CommandPath(), n, cmd.Short)
		}
		for _, c := range documentedBelow(cmd) {
			write(c)
		}
	}
	write(manTree())
	for name, page := range pages {
		if !strings.HasPrefix(page, `.TH "`+strings.ToUpper(name)+`" 1 `) {
			t.Errorf("%s begins with %q", name, page[:min(60, len(page))])
		}
		for line := range strings.Lines(page) {
			if request, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(line, ".") && !requests[request] || strings.HasPrefix(line, "'") {
				t.Errorf("%s: a line that roff takes for a request: %q", name, line)
			}
		}
		_, also, found := strings.Cut(page, `.SH "SEE ALSO"`)
		if !found {
			t.Errorf("%s names no other page", name)
		}
		for other := range strings.SplitSeq(strings.TrimSpace(also), ", ") {
			if other = strings.ReplaceAll(strings.TrimSuffix(other, "(1)"), `\-`, "-"); pages[other] == "" {
				t.Errorf("%s names %q, which is no page", name, other)
			}
		}
	}
	if len(pages) < 50 {
		t.Errorf("%d pages", len(pages))
	}
}
