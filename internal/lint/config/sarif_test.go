package config

import (
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

// TestSARIFIsValid holds the log against the schema of SARIF 2.1.0.
func TestSARIFIsValid(t *testing.T) {
	for name, findings := range map[string][]Finding{"some": everything(t), "none": nil} {
		report, err := sarif.FromBytes(SARIF(findings, Rules(), "1.2.3"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := report.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(report.Runs[0].Results); n != len(findings) {
			t.Errorf("%s: %d results of %d findings", name, n, len(findings))
		}
	}
}
