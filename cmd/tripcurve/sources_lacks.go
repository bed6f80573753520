package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/collectors/gatewaylog"
	"tripcurve/collectors/supervise"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// remembering is a collector whose server can say whether it ever had what is asked
// for.
type remembering interface {
	Ever(ctx context.Context) (had bool, window string, err error)
}

// lacking is a collector that knows what it cannot see.
type lacking interface{ Lacks() []string }

// everTimeout bounds that question.
const everTimeout = 10 * time.Second

// conclude says of a source that was tried what it lacks, and asks further where
// nothing came: the lines that a quiet log has, and whether a name ever existed.
func (t *trial) conclude(ctx context.Context, c supervise.Collector) {
	if log, ok := c.(*gatewaylog.Follow); ok && t.Requests == 0 && t.Unparsed == 0 {
		t.existing(ctx, log)
	}
	if r, ok := c.(remembering); ok && t.answered && t.Series == 0 {
		ctx, cancel := context.WithTimeout(ctx, everTimeout)
		defer cancel()
		switch had, window, err := r.Ever(ctx); {
		case err != nil:
			t.lack("whether the names exist could not be asked: " + err.Error())
		case had:
			t.lack("no series now, but there were some in the last " + window + ": what is asked for is idle, or gone")
		default:
			t.lack("no series in the last " + window + " either: not found, a name is misspelt or nobody sends it")
		}
	}
	// A server that has nothing for us has answered; a log that nobody can read has not.
	if t.answered && t.State != incident.SourceDown.String() && t.Group != gatewaylog.Group {
		t.Reached = true
	}
	if l, ok := c.(lacking); ok {
		for _, what := range l.Lacks() {
			t.lack(what)
			t.Detail = strings.Replace(t.Detail, "; "+what, "", 1) // said once
		}
	}
	t.names()
}

// existing reads the lines that a log already has.
func (t *trial) existing(ctx context.Context, log *gatewaylog.Follow) {
	old, err := log.Existing()
	if err != nil {
		t.lack(err.Error())
		return
	}
	if old == nil {
		if t.Reached {
			t.lack("no line came, and the log has none: its format is not known yet")
		}
		return
	}
	ended := func(x *trial) bool {
		return x.State == incident.SourceDown.String() && x.firstFail != "" || x.State == incident.SourceDone.String()
	}
	again, err := try(ctx, []supervise.Collector{old}, everTimeout, ended)
	if err != nil || len(again) != 1 {
		return
	}
	x := again[0]
	t.Existing, t.Unparsed, t.Detail = x.Requests, x.Unparsed, x.Detail
	if !x.Reached {
		t.Reached, t.State = false, x.State
	}
}

// names says what metrics of calls came, and what cannot be told without the others.
func (t *trial) names() {
	if t.Group != "grpc" && t.Group != "datadog" || t.Series == 0 {
		return
	}
	var begun, pairs, durations bool
	var nameless []string
	for _, name := range slices.Sorted(maps.Keys(t.metrics)) {
		if n, ok := incident.CallNamesOf(name); ok {
			begun = begun || name == n.Started
			pairs = pairs || name == n.Finished
			durations = durations || name == n.Duration
		}
		for _, part := range []string{"_sum", "_count", ".sum", ".count"} {
			if n, ok := incident.CallNamesOf(strings.TrimSuffix(name, part)); ok && strings.HasSuffix(name, part) {
				durations = durations || n.Duration != ""
			}
		}
		if t.metrics[name] == "" && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, ".sum") {
			nameless = append(nameless, name)
		}
	}
	switch {
	case begun && pairs:
		t.see("calls in flight: started and finished calls are both counted")
	case begun:
		t.lack("no call has finished yet: calls in flight are all that were started")
	case durations:
		t.lack("no counter of started calls: a call that hangs is in none of these metrics")
	}
	if begun && !durations {
		t.lack("no histogram of durations: how long calls take is not known")
	}
	if len(nameless) > 0 {
		t.lack(fmt.Sprintf("the unit of %s is not known, so no seconds are shown of it: --call-names says it", some(nameless)))
	}
	if t.Points > 1 && !t.moved && t.counters > 0 {
		t.lack("idle: no counter moved meanwhile")
	}
}

// some are the first few of a list.
func some(list []string) string {
	const most = 3
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}

func (t *trial) see(s string)  { t.Sees = append(t.Sees, redact.Line(s)) }
func (t *trial) lack(s string) { t.Lacks = append(t.Lacks, redact.Line(s)) }
