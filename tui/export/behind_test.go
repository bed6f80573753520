package export

import (
	"strings"
	"testing"

	"tripcurve/internal/policy"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// What stands behind each target names the command that writes it elsewhere, and what its
// rows or values come from.
func TestBehind(t *testing.T) {
	now := policy.Edges{Proposed: {}}
	s := New(Options{Dir: t.TempDir(), Edge: Proposed, Edges: Proposal(now), Now: now, File: "it's.incident"})
	tuitest.Loaded(s, 80, 21)
	behind := func(group, name string) string {
		t.Helper()
		for i, target := range s.targets {
			if target.Group != group || target.Name != name {
				continue
			}
			s.list.At = i
			tuitest.Send(s, tuitest.Answers(s.refresh())...)
			_, parts := s.Behind()
			var b strings.Builder
			for _, p := range parts {
				b.WriteString(p.Head + "\n" + p.Text + "\n" + p.Quote + "\n")
			}
			return b.String()
		}
		t.Fatalf("no target %s/%s", group, name)
		return ""
	}
	check := func(group, name string, want ...string) {
		t.Helper()
		got := behind(group, name)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s/%s lacks %q:\n%s", group, name, w, got)
			}
		}
	}
	check(groupThresholds, "opossum", "the postmortem's 5 s", "tripcurve export config --for opossum --edge order.inventory --preset postmortem\n", "breaker opossum")
	check(groupTimeline, "CSV", `tripcurve export timeline 'it'\''s.incident' -o timeline.csv`, "takes SHARE on stock_reservations", "pg_locks")
	check(groupAnalysis, "text", `tripcurve analyze 'it'\''s.incident'`+"\n", "for it 1 fact", "the sources that were read")
	check(groupAnalysis, "JSON", "--format json")
	check("plot", "SVG", `tripcurve export plots 'it'\''s.incident' -o incident.svg`, "pg (done)")

	turned := now.Clone()
	if err := turned.Set(Proposed+".breaker", "semian"); err != nil {
		t.Fatal(err)
	}
	tuitest.Send(s, screen.PolicyMsg{Edge: Proposed, Edges: turned, Turned: true})
	check(groupThresholds, "semian", "your values of the Tune screen", "--for semian --edge order.inventory \\\n  --set order.inventory.breaker=semian", "what semian cannot express")
}
