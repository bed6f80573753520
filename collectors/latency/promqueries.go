package latency

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"tripcurve/internal/incident"
)

var (
	errTooManySeries = errors.New("too many series")
	// errWrite marks that what was read could not be kept.
	errWrite = errors.New("keep what was read")
	// ErrQuery is a query that asks for nothing.
	ErrQuery = errors.New("not a query")
)

const (
	// maxPromSeries bounds the raw series of one source, with those of buckets.
	maxPromSeries = 20_000
	// pieceSamples is how many samples one question should bring: about 5 MB.
	pieceSamples = 200_000
	// maxPiece and minPiece bound what is asked for at once.
	maxPiece, minPiece = 6 * time.Hour, 30 * time.Second
	// maxPoints is what Prometheus gives of one series of a range query: it refuses
	// more than 11,000 steps.
	maxPoints = 11_000
	// maxTargets is how many targets are asked for by name whether they are up.
	maxTargets = 200
	// rediscover is how often a live source is asked for new series.
	rediscover = time.Minute
)

// promQueries asks one Prometheus. It remembers what was found, and how long a
// piece may be.
type promQueries struct {
	api       promv1.API
	selectors []string // raw samples are read of
	exprs     []string // the server computes
	step      time.Duration
	preset    bool
	most      int // series that are read

	piece      time.Duration
	found      int // series at the last discovery
	shown      int // most series that the server computed of one piece
	noBuckets  int // series of buckets that are not asked for
	targets    []string
	discovered incident.Window
	at         time.Time // of the last discovery, our clock
	newest     time.Time // of what the server computed
	warnings   []string  // of the newest answer that had some
}

func newPromQueries(api promv1.API, queries []string, names *Names, step time.Duration) (*promQueries, error) {
	q := &promQueries{api: api, step: step, piece: 5 * time.Minute, most: maxPromSeries}
	for _, text := range queries {
		text = strings.TrimSpace(text)
		switch selector, ok := asSelector(text); {
		case text == "":
			return nil, fmt.Errorf("%w: it is empty; expected a selector such as {__name__=~\"grpc_client_.+\",namespace=\"shop\"}, or PromQL", ErrQuery)
		case ok:
			q.selectors = append(q.selectors, selector)
		default:
			q.exprs = append(q.exprs, text)
		}
	}
	if len(queries) == 0 {
		q.preset, q.selectors = true, []string{presetSelector(names)}
	}
	return q, nil
}

// what names what is asked for, for people.
func (q *promQueries) what() string {
	if q.preset {
		return "gRPC calls, breakers or pools"
	}
	return promText(strings.Join(append(slices.Clone(q.selectors), q.exprs...), " and "), 200)
}

// notes are what a reader of the source's state must know.
func (q *promQueries) notes() []string {
	var n []string
	if q.noBuckets > 0 {
		n = append(n, fmt.Sprintf("%d series of buckets are left out, so there are no quantiles: narrow the query", q.noBuckets))
	}
	if len(q.targets) > maxTargets {
		n = append(n, "too many targets to ask for restarts")
	}
	if len(q.warnings) > 0 {
		n = append(n, caveatOf(q.warnings))
	}
	return n
}

// discover asks which series there are in a window, so that neither the server
// nor we choke on them.
func (q *promQueries) discover(ctx context.Context, from, to time.Time) error {
	if len(q.selectors) == 0 {
		return nil
	}
	if d := q.discovered; !q.at.IsZero() && time.Since(q.at) < rediscover && !from.Before(d.From) && to.Sub(d.To) < rediscover {
		return nil
	}
	if !q.discovered.From.IsZero() && q.discovered.From.Before(from) && q.discovered.To.Equal(to) {
		from = q.discovered.From // an import that goes on
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	// The limit is of Prometheus 2.51 on; older ones do not know it.
	sets, warnings, _, err := q.api.Series(ctx, q.selectors, from, to, promv1.WithLimit(uint64(10*q.most)))
	if err != nil {
		return fmt.Errorf("which series there are: %w", promError(err))
	}
	q.warned(warnings)
	total, buckets := 0, 0
	targets := map[string]bool{}
	for _, s := range sets {
		total++
		if _, ok := s["le"]; ok {
			buckets++
		}
		if i := string(s["instance"]); i != "" {
			targets[i] = true
		}
	}
	q.noBuckets = 0
	if total > q.most {
		q.noBuckets = buckets
	}
	if total-q.noBuckets > q.most {
		return fmt.Errorf("%w: %d match, and at most %d are read; narrow it, for example {__name__=~\"grpc_client_.+\",namespace=\"shop\"}",
			errTooManySeries, total, q.most)
	}
	if q.found == 0 && total > 0 { // a guess at a sample each 5 s; what comes back corrects it
		q.piece = clampPiece(time.Duration(pieceSamples/total) * 5 * time.Second)
	}
	q.found, q.targets = total-q.noBuckets, slices.Sorted(maps.Keys(targets))
	q.discovered, q.at = incident.Window{From: from, To: to}, time.Now()
	return nil
}

func clampPiece(d time.Duration) time.Duration { return min(max(d, minPiece), maxPiece) }

// answer is all that one piece brought.
type answer struct {
	from, to time.Time
	raw      []model.Matrix
	series   []computedSeries
	caveat   string
}

// pieces asks for [from, to] piece by piece. A piece that is too much for the
// server, or for us, is halved.
func (q *promQueries) pieces(ctx context.Context, from, to time.Time, emit func(answer) error) error {
	for from.Before(to) {
		end := from.Add(q.piece)
		if end.After(to) {
			end = to
		}
		a, samples, err := q.one(ctx, from, end)
		if err != nil {
			if ctx.Err() != nil || !tooMuch(err) || end.Sub(from) <= minPiece {
				return err
			}
			q.piece = clampPiece(end.Sub(from) / 2)
			if errors.Is(err, context.DeadlineExceeded) {
				return err // it may as well be dead: others must hear of it
			}
			continue
		}
		if err := emit(a); err != nil {
			return fmt.Errorf("%w: %w", errWrite, err)
		}
		if full := end.Sub(from) == q.piece; samples > pieceSamples || full && samples < pieceSamples/2 {
			factor := min(2, pieceSamples/(float64(samples)+1))
			q.piece = clampPiece(time.Duration(float64(q.piece) * factor))
		}
		from = end
	}
	return nil
}

// one asks for one piece.
func (q *promQueries) one(ctx context.Context, from, to time.Time) (answer, int, error) {
	a := answer{from: from, to: to}
	samples := 0
	var warnings []string
	// Whether a target is up, and since when, comes first: a page that is stored
	// between two questions then lacks only this.
	selectors := q.selectors
	if n := len(q.targets); n > 0 && n <= maxTargets {
		quoted := make([]string, 0, n)
		for _, t := range q.targets {
			quoted = append(quoted, regexp.QuoteMeta(t))
		}
		selectors = append([]string{fmt.Sprintf("{__name__=~%q,instance=~%q}", targetUp+"|"+processStart, strings.Join(quoted, "|"))}, selectors...)
	}
	for _, s := range selectors {
		if q.noBuckets > 0 {
			s = strings.TrimSuffix(s, "}") + `,le=""}`
		}
		length := to.Sub(from).Milliseconds() + 1 // its beginning is left out by Prometheus 3
		m, w, err := q.matrix(ctx, func(ctx context.Context) (model.Value, promv1.Warnings, promv1.Infos, error) {
			return q.api.Query(ctx, s+"["+strconv.FormatInt(length, 10)+"ms]", to, promv1.WithTimeout(askTimeout))
		})
		if err != nil {
			return a, 0, err
		}
		warnings = append(warnings, w...)
		a.raw = append(a.raw, m)
		samples += count(m)
	}
	for _, e := range q.exprs {
		m, w, err := q.computed(ctx, e, from, to)
		if err != nil {
			return a, 0, fmt.Errorf("query %s: %w", promText(e, 120), err)
		}
		warnings = append(warnings, w...)
		samples += count(m)
		for _, s := range m {
			if s != nil {
				a.series = append(a.series, computedSeries{expr: e, step: q.step, stream: s})
				if n := len(s.Values); n > 0 && s.Values[n-1].Timestamp.Time().After(q.newest) && !s.Values[n-1].Timestamp.Time().After(to) {
					q.newest = s.Values[n-1].Timestamp.Time()
				}
			}
		}
	}
	series := len(a.series)
	for _, m := range a.raw {
		series += len(m)
	}
	if series > 2*q.most {
		return a, 0, fmt.Errorf("%w: %d were answered, and at most %d are read", errTooManySeries, series, 2*q.most)
	}
	q.shown = max(q.shown, len(a.series))
	q.warned(warnings)
	if len(warnings) > 0 {
		a.caveat = caveatOf(warnings)
	}
	return a, samples, nil
}

// computed asks the server to compute e on a grid that is the same whenever it is
// asked, in pieces of as many steps as it gives.
func (q *promQueries) computed(ctx context.Context, e string, from, to time.Time) (model.Matrix, promv1.Warnings, error) {
	var all model.Matrix
	var warnings promv1.Warnings
	last := to.Truncate(q.step)
	for at := from.Truncate(q.step).Add(q.step); !at.After(last); {
		end := at.Add((maxPoints - 1) * q.step)
		if end.After(last) {
			end = last
		}
		m, w, err := q.matrix(ctx, func(ctx context.Context) (model.Value, promv1.Warnings, promv1.Infos, error) {
			return q.api.QueryRange(ctx, e, promv1.Range{Start: at, End: end, Step: q.step}, promv1.WithTimeout(askTimeout))
		})
		if err != nil {
			return nil, nil, err
		}
		all, warnings = append(all, m...), append(warnings, w...)
		at = end.Add(q.step)
	}
	return all, warnings, nil
}

// matrix makes one request, with its deadline.
func (q *promQueries) matrix(ctx context.Context, ask func(context.Context) (model.Value, promv1.Warnings, promv1.Infos, error)) (model.Matrix, promv1.Warnings, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	v, warnings, infos, err := ask(ctx)
	if err != nil {
		return nil, nil, promError(err)
	}
	m, ok := v.(model.Matrix)
	if !ok {
		kind := "nothing"
		if v != nil {
			kind = "a " + v.Type().String()
		}
		return nil, nil, &PrometheusError{Status: 200, Text: "found " + kind + ", expected a matrix"}
	}
	return m, append(warnings, infos...), nil
}

func count(m model.Matrix) int {
	n := 0
	for _, s := range m {
		if s == nil {
			continue
		}
		n += len(s.Values)
		for _, h := range s.Histograms {
			if h.Histogram != nil {
				n += len(h.Histogram.Buckets)
			}
		}
	}
	return n
}

// warned keeps what a server said beside an answer: parts of it may be missing.
func (q *promQueries) warned(w promv1.Warnings) {
	if len(w) > 0 {
		q.warnings = w
	}
}

// caveatOf is warnings in one line, each once.
func caveatOf(warnings []string) string {
	var said []string
	for _, w := range warnings {
		if w = promText(w, 120); !slices.Contains(said, w) && len(said) < 3 {
			said = append(said, w)
		}
	}
	return "the server warns: " + strings.Join(said, "; ")
}
