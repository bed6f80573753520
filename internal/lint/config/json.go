package config

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Schema names the shape of JSON's output.
const Schema = "tripcurve.lint/1"

type document struct {
	Schema   string         `json:"schema"`
	Findings []inJSON       `json:"findings"`
	Count    map[string]int `json:"count"` // by severity
	// Statements are those of migrations with their locks.
	Statements any `json:"statements,omitempty"`
}

type inJSON struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	What     string `json:"what"`
	Why      string `json:"why,omitempty"`
	Instead  string `json:"instead,omitempty"`
}

// JSON is findings for programs, with the statements of migrations where there are
// any.
func JSON(findings []Finding, statements any) []byte {
	d := document{Schema: Schema, Findings: []inJSON{}, Count: map[string]int{"error": 0, "warning": 0, "note": 0}, Statements: statements}
	for _, f := range findings {
		d.Findings = append(d.Findings, inJSON{f.Rule, f.Severity.String(), f.File, f.Line, f.Column, f.What, f.Why, f.Instead})
		d.Count[f.Severity.String()]++
	}
	return indented(d)
}

func indented(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("lint: findings of plain text do not marshal: %v", err))
	}
	return b.Bytes()
}
