// Package matrix writes the failure-mode matrix as plain text of 80 columns, as
// Markdown, as CSV and as JSON. All say the same.
package matrix

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
	"tripcurve/sim/failmode"
)

// Schema names the JSON form and its version.
const Schema = "tripcurve.failure-modes/1"

// Report is the matrix ready to be written. Lists are never null.
type Report struct {
	Schema   string   `json:"schema"`
	Scenario string   `json:"scenario"` // whose load and world it is
	Seeds    int      `json:"seeds"`    // nights of each cell
	Configs  []Config `json:"configurations"`
	Modes    []Mode   `json:"modes"`
}

// Config is a column.
type Config struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// Mode is a row.
type Mode struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Happens   string  `json:"happens"`
	Criterion string  `json:"passes_when"`
	Guards    []Guard `json:"guards"`
	Cells     []Cell  `json:"cells"`
}

// Guard is where the source holds.
type Guard struct {
	At   string `json:"at"` // file:line
	Does string `json:"does"`
}

// Cell is a mode under a configuration.
type Cell struct {
	Config   string    `json:"configuration"`
	Pass     bool      `json:"pass"` // in every night
	Passed   int       `json:"passed"`
	Of       int       `json:"nights"`
	Measured string    `json:"measured"` // of the worst night
	Figures  []float64 `json:"figures"`  // by night
}

// New makes the report.
func New(scenario string, seeds int, rows []failmode.Row) Report {
	rep := Report{Schema: Schema, Scenario: scenario, Seeds: seeds, Configs: []Config{}, Modes: []Mode{}}
	for _, c := range failmode.Configs() {
		rep.Configs = append(rep.Configs, Config{c.Name, c.What})
	}
	for _, r := range rows {
		m := Mode{ID: r.ID, Name: r.Name, Happens: r.Happens, Criterion: r.Criterion, Guards: []Guard{}, Cells: []Cell{}}
		for _, g := range r.Guards {
			m.Guards = append(m.Guards, Guard{g.At(), g.Does()})
		}
		for _, c := range r.Cells {
			m.Cells = append(m.Cells, Cell{c.Config, c.Pass(), c.Passed, c.Of, c.Measured, append([]float64{}, c.Figures...)})
		}
		rep.Modes = append(rep.Modes, m)
	}
	return rep
}

// Failing counts the modes that fail under the configuration of that name.
func (rep Report) Failing(config string) (n int) {
	for _, m := range rep.Modes {
		for _, c := range m.Cells {
			if c.Config == config && !c.Pass {
				n++
			}
		}
	}
	return n
}

// word is a cell in a table.
func (c Cell) word() string {
	switch {
	case c.Pass:
		return "pass"
	case c.Passed == 0:
		return "FAIL"
	}
	return fmt.Sprintf("FAIL %d of %d", c.Of-c.Passed, c.Of)
}

func (rep Report) lead() string {
	return fmt.Sprintf("Failure modes of the order pipeline with the load and the world of %s, %s of each. A mode passes when it does in every night.",
		rep.Scenario, export.Plural(rep.Seeds, "night"))
}

// Text is the report for a terminal.
func (rep Report) Text() string {
	var b strings.Builder
	line := func(first, rest, s string) { b.WriteString(export.Wrap(redact.Line(s), first, rest)) }
	line("", "", rep.lead())
	for _, c := range rep.Configs {
		line("  "+c.Name+": ", "    ", c.What+".")
	}
	fmt.Fprintf(&b, "\n  %-46s", "")
	for _, c := range rep.Configs {
		fmt.Fprintf(&b, "%-13s", c.Name)
	}
	b.WriteByte('\n')
	for _, m := range rep.Modes {
		fmt.Fprintf(&b, "  %-46s", m.Name)
		for _, c := range m.Cells {
			fmt.Fprintf(&b, "%-13s", c.word())
		}
		b.WriteByte('\n')
	}
	for _, m := range rep.Modes {
		b.WriteByte('\n')
		line("", "", strings.ToUpper(m.Name[:1])+m.Name[1:])
		line("  ", "  ", strings.ToUpper(m.Happens[:1])+m.Happens[1:]+".")
		line("  passes when ", "    ", m.Criterion+".")
		for _, c := range m.Cells {
			line(fmt.Sprintf("  %-5s %-4s ", c.Config, c.word()), "             ", c.Measured)
		}
		for _, g := range m.Guards {
			line("  guard ", "        ", g.At+": "+g.Does)
		}
	}
	return trimmed(b.String())
}

// trimmed is a text without blanks at the ends of its lines.
func trimmed(s string) string {
	all := strings.Split(s, "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], " ")
	}
	return strings.Join(all, "\n")
}

// Markdown is the report in GitHub-flavoured Markdown.
func (rep Report) Markdown() []byte {
	var b bytes.Buffer
	md := redact.Markdown
	fmt.Fprintf(&b, "# Failure modes\n\n%s\n\n", md(rep.lead()))
	for _, c := range rep.Configs {
		fmt.Fprintf(&b, "- **%s**: %s.\n", md(c.Name), md(c.What))
	}
	b.WriteString("\n| failure mode |")
	for _, c := range rep.Configs {
		fmt.Fprintf(&b, " %s | measured |", md(c.Name))
	}
	b.WriteString(" passes when | guard |\n|---|")
	b.WriteString(strings.Repeat("---|---|", len(rep.Configs)) + "---|---|\n")
	for _, m := range rep.Modes {
		fmt.Fprintf(&b, "| %s: %s |", md(m.Name), md(m.Happens))
		for _, c := range m.Cells {
			fmt.Fprintf(&b, " %s | %s |", c.word(), md(c.Measured))
		}
		guards := make([]string, len(m.Guards))
		for i, g := range m.Guards {
			guards[i] = redact.MarkdownCode(g.At) + " " + md(g.Does)
		}
		fmt.Fprintf(&b, " %s | %s |\n", md(m.Criterion), strings.Join(guards, "; "))
	}
	return b.Bytes()
}

// CSV is a line for each cell, as RFC 4180 has it.
func (rep Report) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	_ = w.Write([]string{"failure_mode", "configuration", "pass", "passed", "nights", "measured", "guards"}) // the error is kept for the end
	for _, m := range rep.Modes {
		var guards []string
		for _, g := range m.Guards {
			guards = append(guards, g.At)
		}
		for _, c := range m.Cells {
			_ = w.Write([]string{m.ID, c.Config, strconv.FormatBool(c.Pass), strconv.Itoa(c.Passed), strconv.Itoa(c.Of), c.Measured, strings.Join(guards, " ")})
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// JSON is the report for programs.
func (rep Report) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(rep)
	return b.Bytes(), err
}
