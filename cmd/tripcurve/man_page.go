package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tripcurve/internal/config"
)

// manDate stands in every page, so that the same tree gives the same bytes on any day:
// the month of the last change that a reader of the pages would notice.
const manDate = "2026-11-30"

// manPage is the page of one command in roff, for man(7)'s macros.
func manPage(cmd *cobra.Command) string {
	var r roff
	name := pageName(cmd)
	r.line(".TH %s 1 %s tripcurve %s", roffArgument(strings.ToUpper(name)), roffArgument(manDate), roffArgument("User Commands"))
	r.head("NAME")
	r.line(`%s \- %s`, escape(name), escape(cmd.Short))
	r.head("SYNOPSIS")
	r.line(`.B %s`, roffArgument(escape(cmd.CommandPath())))
	subs := documentedBelow(cmd)
	use := strings.TrimSpace(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath()))
	if len(subs) > 0 {
		use = strings.TrimSpace("[COMMAND] " + use)
	}
	if use != "" {
		r.text(use)
	}
	r.head("DESCRIPTION")
	if cmd.Long != "" {
		r.prose(cmd.Long)
	} else {
		r.prose(strings.ToUpper(cmd.Short[:1]) + cmd.Short[1:] + ".")
	}
	if len(subs) > 0 {
		r.head("COMMANDS")
		for _, c := range subs {
			r.item(`\fB`+escape(strings.TrimPrefix(c.CommandPath(), "tripcurve "))+`\fR`, c.Short+". See "+pageName(c)+"(1).")
		}
	}
	r.flags("OPTIONS", cmd.NonInheritedFlags())
	if cmd.HasParent() {
		r.flags("OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	}
	if cmd.Example != "" {
		r.head("EXAMPLES")
		r.verbatim(cmd.Example)
	}
	if !cmd.HasParent() {
		r.head("ENVIRONMENT")
		for _, s := range config.Settings {
			r.item(`\fB`+escape(s.Env())+`\fR`, "The same as --"+s.Flag()+", which wins over it: "+s.Help+".")
		}
		r.item(`\fBTRIPCURVE_CONFIG\fR`, "The same as --config.")
		r.item(`\fBNO_COLOR\fR`, "Any value turns colours off, as --color never does.")
		r.head("FILES")
		paths := config.FindPaths(anybody)
		r.item(`\fI`+escape(paths.Config)+`\fR`, "Settings, and sources to collect from; tripcurve config init writes one with comments.")
		r.item(`\fI`+escape(paths.State)+`\fR`, "Recordings, and what is kept from one time to the next.")
		r.item(`\fI`+escape(paths.Cache)+`\fR`, "What can be made again.")
		r.head("EXIT STATUS")
		for _, s := range [][2]string{{"0", "Fine."}, {"1", "Findings, or a failed check."}, {"2", "Usage, or bad input."}, {"3", "A source could not be reached."}} {
			r.item(`\fB`+s[0]+`\fR`, s[1])
		}
	}
	r.head("SEE ALSO")
	var also []string
	if cmd.HasParent() {
		also = append(also, pageName(cmd.Parent())+"(1)")
	}
	for _, c := range subs {
		also = append(also, pageName(c)+"(1)")
	}
	r.text(strings.Join(also, ", "))
	return r.String()
}

// pageName is what a command's page is called: tripcurve-export-config.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// documented says whether a command has a page: all but those that are hidden.
func documented(cmd *cobra.Command) bool {
	return cmd.IsAvailableCommand() && !cmd.IsAdditionalHelpTopicCommand()
}

func documentedBelow(cmd *cobra.Command) (list []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if documented(c) {
			list = append(list, c)
		}
	}
	return list
}

// roff is a page being written.
type roff struct{ strings.Builder }

func (r *roff) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

func (r *roff) head(name string) { r.line(".SH %s", roffArgument(name)) }

// text is words to be filled into lines.
func (r *roff) text(words string) {
	for line := range strings.Lines(words) {
		r.line("%s", guarded(escape(strings.TrimSpace(line))))
	}
}

// item is a word, and what it means indented below it.
func (r *roff) item(word, meaning string) {
	r.line(".TP")
	r.line("%s", word)
	r.text(meaning)
}

// verbatim is lines that stay as they are.
func (r *roff) verbatim(lines string) {
	r.line(".nf")
	for line := range strings.Lines(lines) {
		r.line("%s", guarded(escape(strings.TrimRight(line, "\n"))))
	}
	r.line(".fi")
}

// prose is paragraphs as a help text has them: one whose lines are indented, or that
// lists, is left as it is.
func (r *roff) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			r.line(".PP")
		}
		if isVerbatim(paragraph) {
			r.verbatim(paragraph)
		} else {
			r.text(paragraph)
		}
	}
}

// flags lists flags as the help does, the name above and what it does below.
func (r *roff) flags(title string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	r.head(title)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		word := `\fB` + escape("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			word = `\fB` + escape("-"+f.Shorthand) + `\fR, ` + word
		}
		if kind = strings.TrimSuffix(kind, "Array"); kind != "" {
			word += ` \fI` + escape(kind) + `\fR`
		}
		if !strings.Contains(usage, "default") {
			switch f.DefValue {
			case "", "false", "[]", "0", "0s":
			default:
				usage += " (default " + f.DefValue + ")"
			}
		}
		r.item(word, usage)
	})
}

// escape keeps roff from reading text as its own.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`, "'", `\(aq`).Replace(text)
}

// guarded is a line that does not begin a request.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// roffArgument is an argument of a request.
func roffArgument(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\(dq`) + `"` }
