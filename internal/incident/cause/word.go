package cause

import (
	"math"
	"slices"
	"time"

	"tripcurve/internal/incident"
)

// basis is what the word of a finding rests on.
type basis struct {
	certain bool    // by a rule without chance, such as the conflicts of locks
	p       float64 // else: of meeting the symptom by chance
	first   bool    // it began before the symptom, by more than the clocks leave in doubt
}

// notByChance is below which a coincidence is evidence.
const notByChance = 1e-3

// word is the confidence in a finding with support: Likely only when the evidence of
// the cause is of two groups, it was first, its share of the impact can be stated
// and the counterfactual passed.
func (s *scene) word(f *incident.Finding, b basis) incident.Confidence {
	switch {
	case len(f.Support) == 0:
		return incident.NoClearCause
	case (b.certain || b.p < notByChance) && b.first && s.independent(f.Support) >= 2 && s.impact.Length() > 0 && s.passed[f.ID]:
		return incident.Likely
	}
	return incident.Possible
}

// symptomViews are the groups that see requests and calls: two of them see one hang
// twice, and confirm the symptom, not its cause.
var symptomViews = []string{"gateway", "grpc", "datadog", "prometheus", "otlp"}

// independent counts groups of evidence, all views of the symptom being one.
func (s *scene) independent(ids []incident.ID) int {
	groups, views := 0, 0
	for _, g := range s.groups(ids) {
		if slices.Contains(symptomViews, g) {
			views = 1
		} else {
			groups++
		}
	}
	return groups + views
}

// counterfactual says of a finding what its counterfactual did, or that there was
// none; without is what was left out.
func (s *scene) counterfactual(id, without string) string {
	passed, run := s.passed[id]
	switch {
	case !run:
		return "no counterfactual was run (the same incident " + without + "): Possible, not Likely"
	case passed:
		return "counterfactual: the same incident " + without + " loses most of its impact"
	}
	return "counterfactual: the same incident " + without + " keeps its impact, or with it has another than was seen: it contributes at most"
}

// chance is the probability that an event of which n came in all of the evidence
// meets the symptom within d: none in T bounds their rate by 3/T. searched is in how
// many series it was looked for (Bonferroni).
func (s *scene) chance(n int, d time.Duration, searched int) float64 {
	t := s.v.Window.Length().Seconds()
	if t <= 0 {
		return 1
	}
	rate := max(float64(n), 3) / t
	return min(1, float64(max(1, searched))*(1-math.Exp(-2*rate*d.Seconds())))
}

// clockDoubt is by how much the clocks of a group of sources and of the gateway may
// differ, by what was measured of them. Clocks that nobody measured are taken as ours.
func (s *scene) clockDoubt(group string) time.Duration {
	of := func(group string) (doubt time.Duration) {
		for _, x := range s.v.Sources {
			if x.Group == group && x.Clock.Measured() {
				doubt = max(doubt, x.Clock.Ahead.Abs()+x.Clock.Within)
			}
		}
		return doubt
	}
	return of(group) + of("gateway")
}

// before says that an instant known to err, of a source of a group, was before the
// first failing request, by more than can be doubted.
func (s *scene) before(at time.Time, err time.Duration, group string) bool {
	first := s.firstFailed()
	return !first.At.IsZero() && first.At.Sub(at) > err+s.clockDoubt(group)
}

// firstFailed is the earliest degraded call.
func (s *scene) firstFailed() incident.FirstFailed {
	var first incident.FirstFailed
	for _, x := range s.endpoints {
		if x.FirstFailed.IsZero() || !first.At.IsZero() && !x.FirstFailed.Before(first.At) {
			continue
		}
		first = incident.FirstFailed{
			Endpoint: x.Endpoint, At: x.FirstFailed, Within: precision(x.FirstFailed), Support: x.Support[:min(1, len(x.Support))],
		}
	}
	return first
}
