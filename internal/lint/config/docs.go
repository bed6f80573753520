package config

import (
	"fmt"
	"strings"

	"tripcurve/internal/formats"
)

// Docs is the catalogue as a page for users.
func Docs() string {
	var b strings.Builder
	b.WriteString(`# What tripcurve lint knows

This page is written from the code; a test fails when it is not.

` + "`tripcurve lint PATH...`" + ` looks at the configuration of breakers, time limits and retries. Each finding says where, what,
why, and what to write instead. Errors and warnings make the exit code 1; notes are shown with ` + "`--notes`" + ` and fail
nothing. A YAML file of several documents is taken apart, and so is a Kubernetes ConfigMap: each document, and each file
in it, is of a format of its own. Several files at once are looked at as the layers that a call passes through.
Migrations (*.sql) have a part of their own, at the end.

## Formats

| name | what | import |
|---|---|---|
`)
	for _, f := range formats.All() {
		imports := "yes"
		if f.Import == nil {
			imports = "no"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.Name, f.Title, imports)
	}
	b.WriteString("\n## Rules\n\nEvery format also has `<format>/syntax`, `<format>/unknown-key`, `<format>/repeated-key` and `<format>/value` (errors): what its strict\nreader does not take.\n")
	group := ""
	for _, r := range Rules() {
		if generic(r.ID) {
			continue
		}
		if name, _, _ := strings.Cut(r.ID, "/"); name != group {
			group = name
			fmt.Fprintf(&b, "\n### %s\n\n| rule | severity | what |\n|---|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, r.Severity, strings.ReplaceAll(r.Doc, "|", `\|`))
	}
	return b.String()
}

// generic says whether a rule is one that every format has.
func generic(id string) bool {
	for _, m := range mistakes {
		if strings.HasSuffix(id, "/"+m.String()) {
			return true
		}
	}
	return false
}
