// Package fit makes a pipeline of the description language out of a recorded
// incident: who came when, how long a healthy request took, what went wrong from when
// to when and what ended it, each from facts that it names. It runs what it made and
// says how far that is from the recording; what it cannot read off the evidence it
// refuses, with its reasons.
package fit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/sim/pipeline"
)

// Options of a fit. The zero value looks at the whole impact with what lies around it.
type Options struct {
	// Workers is how many runs are made at once; at least one. It changes nothing.
	Workers int
	// Progress hears how many of the runs are done; may be nil.
	Progress func(done, of int)
	// Force goes on where too few requests were recorded, so that the fit can be looked
	// at; what makes a pipeline impossible is refused all the same.
	Force bool
}

// Fit is a pipeline that does what a recording shows.
type Fit struct {
	Pipeline *pipeline.Pipeline
	// Notes say above each part of it from which facts it comes, by the places that
	// sim/pipeline/file.Notes has.
	Notes  map[string][]string
	Window incident.Window // of the recording that was fitted: the run's own
	Fault  incident.Window // in which something went wrong
	Report Report
	// Edge is the last on the way to where the requests pile up that failed most: where a
	// guard would stand.
	Edge string
}

// Reason is one thing for which a recording cannot be fitted.
type Reason struct {
	Lacks string // in a few words: "no healthy window"
	Why   string // one sentence, with its numbers
}

// RefusedError says why a recording was not fitted.
type RefusedError struct{ Reasons []Reason }

func (e *RefusedError) Error() string {
	all := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		all[i] = r.Lacks + ": " + r.Why
	}
	return "it cannot be fitted: " + strings.Join(all, "; ")
}

const (
	// before and after the impact is what belongs to the fit: usual times to read off
	// what is healthy, and no other day.
	before = 15 * time.Minute
	after  = 10 * time.Minute

	leastRequests = 50 // of one endpoint in all, else it is left out
	leastHealthy  = 30 // of one endpoint in healthy times
	leastFailing  = 20 // requests while something was wrong, of one that failed
)

// Of fits a recording. It fails with a RefusedError where the evidence does not carry
// one. Whether the fit reproduces the recording is in its report.
func Of(ctx context.Context, v *incident.View, o Options) (*Fit, error) {
	r, err := read(v, cause.Analyze(v, cause.Options{}), o.Force)
	if err != nil {
		return nil, err
	}
	best, err := choose(ctx, r, o)
	if err != nil {
		return nil, err
	}
	f, err := r.make(ctx, best, o)
	if err != nil {
		return nil, err
	}
	if follower, _ := r.follower(); best.follow && f.Report.misfit(follower.Endpoint.String(), "requests") {
		best.follow = false // it comes as often as it came, then, whatever becomes of the other
		if f, err = r.make(ctx, best, o); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// make is the fit of one variant, with enough runs to judge it.
func (r *recording) make(ctx context.Context, v variant, o Options) (*Fit, error) {
	m := r.model(v)
	f := &Fit{Pipeline: m.p, Notes: m.notes, Window: r.window, Fault: r.fault.Window}
	if edges := m.leafs[r.endpoints[0]].edges; len(edges) > 0 {
		f.Edge = edges[len(edges)-1]
	}
	if err := pipeline.Check(f.Pipeline); err != nil {
		return nil, fmt.Errorf("fit: the pipeline that was made is not sound: %w", err)
	}
	seen, err := r.simulate(ctx, f.Pipeline, r.seeds(), o)
	if err != nil {
		return nil, err
	}
	f.Report = r.report(f.Pipeline, seen)
	f.Report.NotIdentified, f.Report.LeftOut = append(slices.Clone(r.unknown), m.unknown...), r.leftOut
	return f, nil
}

// IsRefused says whether a recording was refused, and why.
func IsRefused(err error) ([]Reason, bool) {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused.Reasons, true
	}
	return nil, false
}
