package file

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
)

// text is a name; a number is one, too.
type text string

func (t *text) ReadNode(n *source.Node) error {
	if n.Kind != source.String && n.Kind != source.Number {
		return n.Wrong("text")
	}
	*t = text(n.Text)
	return nil
}

type seed uint64

func (s *seed) ReadNode(n *source.Node) error {
	v, err := strconv.ParseUint(n.Text, 10, 64)
	if n.Kind != source.Number || err != nil {
		return n.Wrong("a whole number from 0 to 18446744073709551615")
	}
	*s = seed(v)
	return nil
}

type instant time.Time

func (i *instant) ReadNode(n *source.Node) error {
	v, err := time.Parse(time.RFC3339, n.Text)
	if err != nil || v.Year() < 1970 || v.Year() > 2200 {
		return n.Wrong("an instant such as 2026-01-15T14:18:00Z, from 1970 to 2200")
	}
	*i = instant(v.UTC())
	return nil
}

// duration has its unit written.
type duration time.Duration

func (d *duration) ReadNode(n *source.Node) error {
	v, err := parseDuration(n)
	*d = duration(v)
	return err
}

func parseDuration(n *source.Node) (time.Duration, error) {
	if n.Kind != source.String && n.Kind != source.Number {
		return 0, n.Wrong("a duration with its unit, such as 300us, 20ms or 5s")
	}
	v, err := time.ParseDuration(strings.ReplaceAll(n.Text, " ", ""))
	switch {
	case err != nil && n.Kind == source.Number:
		return 0, n.Errorf(fmt.Sprintf("a duration with its unit, such as %sms", n.Text), "%s", n.Text)
	case err != nil && policy.TooLong(strings.ReplaceAll(n.Text, " ", "")):
		return 0, n.Wrong("a duration of " + policy.FormatDuration(policy.Longest) + " at most")
	case err != nil:
		return 0, n.Wrong("a duration with its unit (us, ms, s, m, h), such as 300us, 20ms or 5s")
	case v < 0:
		return 0, n.Wrong("a duration that is not negative")
	}
	return v, nil
}

// number is one that may be a fraction.
func number(n *source.Node, lo, hi float64) (float64, error) {
	v, err := strconv.ParseFloat(n.Text, 64)
	if n.Kind != source.Number || err != nil || math.IsNaN(v) || v < lo || v > hi {
		return 0, n.Wrong(fmt.Sprintf("a number from %g to %s", lo, strconv.FormatFloat(hi, 'f', -1, 64)))
	}
	return v, nil
}

// share is 0..1, also written in percent.
type share float64

func (s *share) ReadNode(n *source.Node) error {
	t, percent := strings.CutSuffix(strings.TrimSpace(n.Text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
	if percent {
		v /= 100
	}
	if (n.Kind != source.Number && n.Kind != source.String) || err != nil || !(v >= 0 && v <= 1) {
		return n.Wrong("a share from 0 to 1, such as 0.2 or 20%")
	}
	*s = share(v)
	return nil
}

// size is a number of places, or unlimited.
type size int

func (s *size) ReadNode(n *source.Node) error {
	if n.Kind == source.String && n.Text == "unlimited" {
		*s = pipeline.Unbounded
		return nil
	}
	v, err := strconv.Atoi(n.Text)
	if n.Kind != source.Number || err != nil || v < 1 {
		return n.Wrong("a whole number from 1, or unlimited")
	}
	*s = size(v)
	return nil
}

// backlog is a number of places that may be none, or unlimited.
type backlog int

func (b *backlog) ReadNode(n *source.Node) error {
	if n.Kind == source.String && n.Text == "unlimited" {
		*b = pipeline.Unbounded
		return nil
	}
	v, err := strconv.Atoi(n.Text)
	if n.Kind != source.Number || err != nil || v < 0 {
		return n.Wrong("a whole number from 0, or unlimited")
	}
	*b = backlog(v)
	return nil
}

// mode is one of Postgres' eight table lock modes, in its SQL spelling or that of
// pg_locks.
type mode pglock.Mode

func (m *mode) ReadNode(n *source.Node) error {
	v, ok := pglock.Parse(n.Text)
	if !ok {
		v, ok = pglock.Parse(strings.ToUpper(n.Text))
	}
	if n.Kind != source.String || !ok {
		var all []string
		for v := pglock.AccessShare; v <= pglock.AccessExclusive; v++ {
			all = append(all, v.String())
		}
		return n.Wrong("one of " + strings.Join(all, ", "))
	}
	*m = mode(v)
	return nil
}

// choice is a word of a few.
func choice(n *source.Node, words ...string) (int, error) {
	i := slices.Index(words, n.Text)
	if n.Kind != source.String || i < 0 {
		return 0, n.Wrong("one of " + strings.Join(words, ", "))
	}
	return i, nil
}

// dist is how long something takes: a duration, or a shape with its parameters.
type dist struct{ sim.Dist }

var shapes = []string{"constant", "exponential", "log_normal", "pareto", "empirical"}

func (d *dist) ReadNode(n *source.Node) error {
	if n.Kind != source.Map {
		v, err := parseDuration(n)
		d.Dist = sim.Fixed(v)
		return err
	}
	if len(n.Members) != 1 {
		return n.Errorf("one of "+strings.Join(shapes, ", "), "%d shapes of one distribution", len(n.Members))
	}
	m := n.Members[0]
	switch m.Key {
	case "constant":
		v, err := parseDuration(m.Value)
		d.Dist = sim.Fixed(v)
		return err
	case "exponential":
		v, err := parseDuration(m.Value)
		d.Dist = sim.Dist{Shape: sim.Exponential, A: v}
		return err
	case "log_normal":
		return d.logNormal(m.Value)
	case "pareto":
		return d.pareto(m.Value)
	case "empirical":
		return d.empirical(m.Value)
	}
	return m.Wrong(policy.Unknown("shape", m.Key, shapes).Error())
}

func (d *dist) logNormal(n *source.Node) error {
	var v struct {
		Median *duration `json:"median"`
		P99    *duration `json:"p99"`
		Sigma  *float64  `json:"sigma" min:"0" max:"10"`
	}
	if err := (source.Decoder{}).Decode(n, &v); err != nil {
		return err
	}
	if v.Median == nil || (v.P99 == nil) == (v.Sigma == nil) {
		return n.Errorf("median and one of p99 and sigma", "a log-normal distribution without them")
	}
	d.Dist = sim.Dist{Shape: sim.LogNormal, A: time.Duration(*v.Median)}
	if v.Sigma != nil {
		d.B = *v.Sigma
		return nil
	}
	if *v.P99 < *v.Median || *v.Median == 0 {
		return n.Errorf("a median above 0 and a p99 that is no shorter", "median %s and p99 %s", time.Duration(*v.Median), time.Duration(*v.P99))
	}
	d.B = sim.Spread(time.Duration(*v.Median), time.Duration(*v.P99))
	return nil
}

func (d *dist) pareto(n *source.Node) error {
	var v struct {
		Min   *duration `json:"min"`
		Alpha *float64  `json:"alpha" above:"0" max:"1000"`
		Max   duration  `json:"max"`
	}
	if err := (source.Decoder{}).Decode(n, &v); err != nil {
		return err
	}
	if v.Min == nil || v.Alpha == nil {
		return n.Errorf("min and alpha", "a Pareto distribution without them")
	}
	d.Dist = sim.Dist{Shape: sim.Pareto, A: time.Duration(*v.Min), B: *v.Alpha, Most: time.Duration(v.Max)}
	return nil
}

func (d *dist) empirical(n *source.Node) error {
	d.Dist = sim.Dist{Shape: sim.Empirical}
	return eachMember(n, "quantiles from p0 to p100, such as {p0: 1ms, p50: 3ms, p99: 40ms, p100: 1s}", func(m source.Member) error {
		q, err := strconv.ParseFloat(strings.TrimPrefix(m.Key, "p"), 64)
		if !strings.HasPrefix(m.Key, "p") || err != nil || !(q >= 0 && q <= 100) {
			return m.Wrong(fmt.Sprintf("found %q, expected a quantile from p0 to p100", m.Key))
		}
		at, err := parseDuration(m.Value)
		d.Points = append(d.Points, sim.QuantilePoint{Share: q / 100, At: at})
		return err
	})
}

// perSecond is a rate with its unit.
func perSecond(n *source.Node) (float64, error) {
	const want = "a rate with its unit, such as 50/s, 90/m or 3/h"
	value, unit, ok := strings.Cut(strings.ReplaceAll(n.Text, " ", ""), "/")
	if n.Kind != source.String || !ok {
		return 0, n.Wrong(want)
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, n.Wrong(want)
	}
	if v < 0 {
		return 0, n.Wrong("a rate that is not negative")
	}
	switch unit {
	case "s":
		return v, nil
	case "m", "min":
		return v / 60, nil
	case "h":
		return v / 3600, nil
	}
	return 0, n.Wrong(want)
}
