package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tripcurve/internal/export"
	"tripcurve/tui/glossary"
)

func (a *app) glossaryCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "glossary [TERM]",
		Short: "what the words of the screens and documents mean",
		Long: `Prints what a word means, or every term that has it; without one all of them. On the screens K shows the same, those
of the screen looked at first.`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, t := range glossary.All() {
				names = append(names, t.Name)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			word := strings.Join(args, " ")
			terms := glossary.All()
			if t, exact := glossary.Find(word); exact {
				terms = []glossary.Term{t}
			} else if word != "" {
				terms = glossary.Search(word)
			}
			if len(terms) == 0 {
				return badInput("glossary: no term has %q; tripcurve glossary prints all", word)
			}
			return a.writeTerms(terms, format)
		},
	}
	formatFlag(cmd, &format, "text", "json", "md")
	return cmd
}

func (a *app) writeTerms(terms []glossary.Term, format string) error {
	if format == "json" {
		return writeJSON(a.stdout, struct {
			Schema string          `json:"schema"`
			Terms  []glossary.Term `json:"terms"`
		}{"tripcurve.glossary/1", terms})
	}
	var b strings.Builder
	for i, t := range terms {
		switch {
		case format == "md":
			fmt.Fprintf(&b, "**%s**: %s\n\n", t.Head(), t.Says())
			continue
		case i > 0:
			b.WriteByte('\n')
		}
		b.WriteString(t.Head() + "\n" + export.Wrap(t.Says(), "  ", "  "))
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}
