package config

import (
	"net/url"
	"path/filepath"
	"slices"
)

// The part of SARIF 2.1.0 (OASIS, errata 01) that findings need.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		Results    []sarifResult `json:"results"`
		ColumnKind string        `json:"columnKind"`
		// The two are the standard's defaults, said for readers that have none.
		Language         string   `json:"language"`
		NewlineSequences []string `json:"newlineSequences"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name     string      `json:"name"`
		Version  string      `json:"version,omitempty"`
		Language string      `json:"language"`
		Rules    []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string      `json:"id"`
		Short   sarifText   `json:"shortDescription"`
		Default sarifConfig `json:"defaultConfiguration"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
)

// SARIF is findings of these rules for code scanners, SARIF 2.1.0. Its levels have
// our severities' names.
func SARIF(findings []Finding, rules []Rule, version string) []byte {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "tripcurve", Version: version, Language: "en", Rules: []sarifRule{}}},
		Results:    []sarifResult{},
		ColumnKind: "utf16CodeUnits", // ours are bytes: the same in a line of ASCII
		Language:   "en", NewlineSequences: []string{"\r\n", "\n"},
	}
	index := map[string]int{}
	for _, r := range rules {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Rule == r.ID }) {
			index[r.ID] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{r.ID, sarifText{r.Doc}, sarifConfig{r.Severity.String()}})
		}
	}
	for _, f := range findings {
		r := sarifResult{
			RuleID: f.Rule, RuleIndex: -1, Level: f.Severity.String(), Message: sarifText{f.Sentence()},
			Locations: []sarifLocation{{sarifPhysical{Artifact: sarifArtifact{uri(f.File)}}}},
		}
		if i, ok := index[f.Rule]; ok {
			r.RuleIndex = i
		}
		if f.Line > 0 {
			r.Locations[0].Physical.Region = &sarifRegion{f.Line, f.Column}
		}
		run.Results = append(run.Results, r)
	}
	return indented(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// uri is a file's name as a relative or absolute reference.
func uri(file string) string {
	u := url.URL{Path: filepath.ToSlash(file)}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}
