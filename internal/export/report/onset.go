package report

import (
	"time"

	"tripcurve/internal/export"
	"tripcurve/internal/incident"
)

// Onset is when many series changed together. The beginning of the impact is
// what a log tells exactly and stands for itself.
type Onset struct {
	At       *string  `json:"at"` // null: no series changed
	ErrorS   float64  `json:"error_s"`
	Together bool     `json:"together"` // enough series for one event
	Opens    bool     `json:"opens"`    // together, and requests fail: an incident
	Of       int      `json:"of"`       // series that vary at all
	Agree    []Agreed `json:"agree"`
	Says     string   `json:"says"`
}

// Agreed is a series that changed at the onset.
type Agreed struct {
	Series     string   `json:"series"`
	JumpSigmas float64  `json:"jump_sigmas"` // of its own noise; negative is downwards
	At         string   `json:"at"`
	Support    []string `json:"support"`
}

// Component is a service that is slower since the onset, and how much of that is
// its own.
type Component struct {
	Name        string   `json:"name"`
	BeforeS     float64  `json:"before_s"`
	DuringS     float64  `json:"during_s"`
	Calls       int64    `json:"calls"`
	OwnS        float64  `json:"own_s"` // a call
	Share       *float64 `json:"share"` // of what is more where it is seen first, 0..1
	CallersView bool     `json:"callers_view"`
	Says        string   `json:"says"`
	Support     []string `json:"support"`
}

// Gap is a call whose caller waits longer than its callee works.
type Gap struct {
	Caller  string   `json:"caller"`
	Callee  string   `json:"callee"`
	BeforeS float64  `json:"before_s"`
	DuringS float64  `json:"during_s"`
	Says    string   `json:"says"`
	Support []string `json:"support"`
}

func newOnset(o incident.Onset, foreign func(string) string) *Onset {
	if o.Says == "" {
		return nil
	}
	out := &Onset{
		At: export.Instant(o.At), ErrorS: export.Seconds(o.Err), Together: o.Together, Opens: o.Opens, Of: o.Of,
		Agree: []Agreed{}, Says: foreign(o.Says),
	}
	for _, a := range o.Agree {
		out.Agree = append(out.Agree, Agreed{
			Series: foreign(a.Name), JumpSigmas: float64(int64(a.Jump*10)) / 10, At: a.At.UTC().Format(time.RFC3339), Support: ids(a.Support, foreign),
		})
	}
	return out
}

func newComponents(list []incident.Component, foreign func(string) string) []Component {
	out := []Component{}
	for _, c := range list {
		out = append(out, Component{
			Name: foreign(c.Name), BeforeS: export.Seconds(c.Before), DuringS: export.Seconds(c.During), Calls: c.Calls,
			OwnS: export.Seconds(c.Own), Share: share(c.Share), CallersView: c.CallersView, Says: foreign(c.Says), Support: ids(c.Support, foreign),
		})
	}
	return out
}

func newGaps(list []incident.CallGap, foreign func(string) string) []Gap {
	out := []Gap{}
	for _, g := range list {
		out = append(out, Gap{
			Caller: foreign(g.Caller), Callee: foreign(g.Callee), BeforeS: export.Seconds(g.Before), DuringS: export.Seconds(g.During),
			Says: foreign(g.Says), Support: ids(g.Support, foreign),
		})
	}
	return out
}

// mostComponents and mostGaps bound the lines; the JSON form has all.
const (
	mostComponents = 5
	mostGaps       = 3
)

// whenAndWhere are the lines on what changed together, which component the
// excess belongs to, and between which ends time is lost.
func (rep Report) whenAndWhere() []string {
	var lines []string
	if rep.Onset != nil {
		lines = append(lines, rep.Onset.Says)
	}
	for _, c := range rep.Components[:min(mostComponents, len(rep.Components))] {
		lines = append(lines, c.Says)
	}
	for _, g := range rep.Gaps[:min(mostGaps, len(rep.Gaps))] {
		lines = append(lines, g.Says)
	}
	return lines
}
