package claims

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
)

// impact is the evidence's own, worked out when first asked for.
type impact struct {
	found  bool
	window incident.Window
}

func (i *impact) of(v *incident.View, at time.Time) incident.Window {
	if !i.found {
		i.found, i.window = true, cause.Analyze(v, cause.Options{At: at}).Impact
	}
	return i.window
}

// askImpact: did the impact last as long as is said? Only a claim about the whole
// window of the document is asked that.
func askImpact(a *asked) (answer, bool) {
	o := a.claim.Operands
	stated, ok := o.Number("stated_s")
	start, ok1 := o.At("start")
	end, ok2 := o.At("end")
	if !ok || !ok1 || !ok2 || (Interval{start, end}) != a.scope.doc.Window {
		return answer{}, false
	}
	w := a.impact.of(a.v, start.Add(end.Sub(start)/2))
	if w.Length() == 0 || w.Meet(incident.Window{From: start, To: end}).Length() == 0 {
		return answer{}, false
	}
	first := a.tally(w, func(*incident.Bucket) bool { return true })
	got := answer{Consistent, fmt.Sprintf("requests failed from %s, %s s", a.span(w), plain(w.Length().Seconds())), ids(first.firstFailedID)}
	slack := max(unitSize(o.Text("stated_unit")), 2, stated/100)
	if math.Abs(w.Length().Seconds()-stated) > slack || start.Sub(w.From).Abs() > time.Minute {
		got.verdict = Inconsistent
	}
	return got, true
}

// askEndpoints: which of the endpoints that are listed were hit? One is when
// requests to it failed, or when nobody came any more who had come before.
func askEndpoints(a *asked) (answer, bool) {
	o := a.claim.Operands
	stated, ok := o.Number("stated")
	w, ok2 := a.window()
	if !ok || !ok2 {
		return answer{}, false
	}
	share, traffic := a.logged(w)
	if share < 1 || !traffic {
		return answer{}, false
	}
	before := incident.Window{From: w.From.Add(-w.Length()), To: w.From}
	var hit, spared []string
	var support []incident.ID
	for _, p := range o.Objects("parts") {
		e, ok := parseEndpoint(p.Text("endpoint"))
		if !ok {
			return answer{}, false
		}
		match := func(b *incident.Bucket) bool { return b.Endpoint == e }
		in, was := a.tally(w, match), a.tally(before, match)
		switch {
		case in.failed > 0:
			hit = append(hit, fmt.Sprintf("%s (%d failed)", e, in.failed))
			support = append(support, ids(in.firstFailedID)...)
		case in.ok == 0 && was.ok > 0:
			hit = append(hit, fmt.Sprintf("%s (%d before, then none)", e, was.ok))
			support = append(support, ids(was.counterID)...)
		default:
			spared = append(spared, e.String())
			support = append(support, ids(in.counterID)...)
		}
	}
	if len(hit)+len(spared) == 0 {
		return answer{}, false
	}
	got := answer{Consistent, "hit were " + and(hit), support}
	if len(spared) > 0 {
		got.text += "; not " + and(spared)
	}
	if float64(len(hit)) != stated {
		got.verdict = Inconsistent
	}
	return got, true
}

// askCount: how many answers of a status, or failures of an endpoint, does the log
// have?
func askCount(a *asked) (answer, bool) {
	o := a.claim.Operands
	stated, ok := o.Number("count")
	w, ok2 := a.window()
	of := o.Text("of")
	status, notNumber := strconv.Atoi(of)
	if !ok || !ok2 || o.Has("quantifier") || notNumber != nil && of != "failed" {
		return answer{}, false
	}
	e, named := parseEndpoint(o.Text("scope"))
	if share, _ := a.logged(w); share < 1 || !named && strings.TrimSpace(o.Text("scope")) != "" {
		return answer{}, false
	}
	byStart := o.Text("count_by") == "start"
	var n int64
	var first incident.ID
	a.v.EachBucket(w, func(b *incident.Bucket) {
		if named && b.Endpoint != e || notNumber == nil && b.Status != status || notNumber != nil && !b.Failed() {
			return
		}
		k := b.Ended
		if byStart {
			k = b.Started
		}
		if n += k; k > 0 && first == "" {
			first = b.ID()
		}
	})
	tolerance, ok := o.Number("tolerance_ratio")
	if !ok || tolerance < 1 {
		tolerance = 1.01
	}
	got := answer{Consistent, fmt.Sprintf("the log has %d from %s", n, a.span(w)), ids(first)}
	if float64(n) > stated*tolerance || float64(n)*tolerance < stated {
		got.verdict = Inconsistent
	}
	return got, true
}
