package widget

import (
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// TestOfImpact: what fails is not called normal because it is too little for an impact.
func TestOfImpact(t *testing.T) {
	since := time.Unix(1, 0)
	for _, c := range []struct {
		impact   incident.Impact
		severity Severity
		word     string
	}{
		{incident.Impact{Requests: 1000}, Normal, "normal"},
		{incident.Impact{Requests: 1000, Failed: 2}, Normal, "normal"},
		{incident.Impact{Requests: 1, Failed: 1}, Warn, "failed"},
		{incident.Impact{Requests: 1000, Failed: 100, FirstFailed: since}, Warn, "failing"},
		{incident.Impact{Requests: 1000, Failed: 900, FirstFailed: since}, Crit, "failing"},
		{incident.Impact{Vanished: true}, Warn, "gone"},
	} {
		if severity, word := OfImpact(c.impact); severity != c.severity || word != c.word {
			t.Errorf("%d of %d failed, since %v: %s (%d), want %s (%d)", c.impact.Failed, c.impact.Requests, c.impact.FirstFailed, word, severity, c.word, c.severity)
		}
	}
}
