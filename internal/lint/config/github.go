package config

import (
	"fmt"
	"strings"

	"tripcurve/internal/formats/trap"
)

// GitHub is findings as workflow commands, one a line, which GitHub Actions shows
// beside the lines of a pull request.
func GitHub(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		command := map[trap.Severity]string{trap.Error: "error", trap.Warning: "warning", trap.Note: "notice"}[f.Severity]
		fmt.Fprintf(&b, "::%s file=%s", command, githubProperty(f.File))
		if f.Line > 0 {
			fmt.Fprintf(&b, ",line=%d,col=%d", f.Line, f.Column)
		}
		fmt.Fprintf(&b, ",title=%s::%s\n", githubProperty(f.Rule), githubData(f.Sentence()))
	}
	return b.String()
}

var (
	githubEscapes         = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubPropertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func githubData(s string) string     { return githubEscapes.Replace(s) }
func githubProperty(s string) string { return githubPropertyEscapes.Replace(s) }
