package matrix_test

import (
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"tripcurve/internal/export"
	"tripcurve/internal/export/matrix"
	"tripcurve/sim/failmode"
)

// sample is every mode, each failing in one of three nights as it was written then.
func sample() matrix.Report {
	var rows []failmode.Row
	for _, m := range failmode.Modes() {
		rows = append(rows, failmode.Row{Mode: m, Cells: []failmode.Cell{
			{Config: "then", Passed: 2, Of: 3, Measured: "28 reservations | without an order", Figures: []float64{28, 0, 0}},
			{Config: "ours", Passed: 3, Of: 3, Measured: "0 reservations without an order", Figures: []float64{0, 0, 0}},
		}})
	}
	return matrix.New("inc-2847", 3, rows)
}

func TestText(t *testing.T) {
	text := sample().Text()
	for _, line := range strings.Split(text, "\n") {
		if n := utf8.RuneCountInString(line); n > export.Columns {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.HasSuffix(line, " ") {
			t.Errorf("a blank at the end: %q", line)
		}
	}
	flat := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		"3 nights of each", "many buyers, one last item FAIL 1 of 3 pass", "ours pass 0 reservations without an order",
		"guard services/inventory/statements.go:", "passes when never more than one is sold",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("not there: %s\n%s", want, text)
		}
	}
}

func TestFailing(t *testing.T) {
	if rep := sample(); rep.Failing("then") != len(failmode.Modes()) || rep.Failing("ours") != 0 {
		t.Errorf("failing: %d then, %d ours", rep.Failing("then"), rep.Failing("ours"))
	}
}

// TestFormatsSayTheSame: a row of Markdown for each mode, a line of CSV for each
// cell, and JSON that reads back.
func TestFormatsSayTheSame(t *testing.T) {
	rep := sample()
	modes := len(failmode.Modes())

	bar := regexp.MustCompile(`(^|[^\\])\|`)
	rows := 0
	for _, line := range strings.Split(string(rep.Markdown()), "\n") {
		if strings.HasPrefix(line, "|") {
			rows++
			if n := len(bar.FindAllString(line, -1)); n != 8 && !strings.HasPrefix(line, "|---") {
				t.Errorf("%d bars: %s", n, line)
			}
		}
	}
	if rows != modes+2 {
		t.Errorf("%d rows of Markdown", rows)
	}

	text, err := rep.CSV()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) != 2*modes+1 || !strings.Contains(string(text), "\r\n") {
		t.Errorf("%d lines of CSV, %v", len(lines), err)
	}

	js, err := rep.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back matrix.Report
	if err := json.Unmarshal(js, &back); err != nil || back.Schema != matrix.Schema || len(back.Modes) != modes || len(back.Modes[0].Guards) == 0 {
		t.Errorf("JSON: %v, %d modes", err, len(back.Modes))
	}
}
