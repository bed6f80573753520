package sim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
)

// Z99 is the normal distribution's 99th percentile.
const Z99 = 2.3263478740408408

// Spread is the standard deviation of the logarithm of a log-normal distribution with
// that median and 99th percentile.
func Spread(median, p99 time.Duration) float64 {
	return math.Log(float64(p99)/float64(median)) / Z99
}

// distForms are how distributions are written in a line.
const distForms = "3ms, exponential:3ms (mean), log_normal:3ms:p99=40ms or log_normal:3ms:0.8 (median; deviation of the logarithm), " +
	"pareto:1ms:1.5:10s (least, tail index, most), uniform:1ms:5ms, empirical:p0=1ms:p50=3ms:p100=1s"

// ParseDist reads a distribution from one word.
func ParseDist(text string) (Dist, error) {
	parts := strings.Split(text, ":")
	d, ok := Dist{}, false
	switch n := len(parts); {
	case n == 1:
		d.A, ok = parseTime(parts[0])
	case parts[0] == "exponential" && n == 2:
		d.Shape = Exponential
		d.A, ok = parseTime(parts[1])
	case parts[0] == "log_normal" && n == 3:
		d, ok = parseLogNormal(parts[1], parts[2])
	case parts[0] == "pareto" && (n == 3 || n == 4):
		d, ok = parsePareto(parts[1:])
	case parts[0] == "uniform" && n == 3:
		d, ok = parsePoints([]string{"p0=" + parts[1], "p100=" + parts[2]})
	case parts[0] == "empirical" && n >= 3:
		d, ok = parsePoints(parts[1:])
	}
	if !ok {
		return Dist{}, fmt.Errorf("%q is not a distribution: expected one like %s", text, distForms)
	}
	if found, expected := d.Wrong(); found != "" {
		return Dist{}, fmt.Errorf("%q: found %s, expected %s", text, found, expected)
	}
	return d, nil
}

func parseTime(text string) (time.Duration, bool) {
	d, err := policy.ParseDuration(text)
	return d, err == nil
}

func parseLogNormal(median, spread string) (d Dist, ok bool) {
	d.Shape = LogNormal
	if d.A, ok = parseTime(median); !ok {
		return d, false
	}
	if quantile, is := strings.CutPrefix(spread, "p99="); is {
		p99, ok := parseTime(quantile)
		if !ok || d.A == 0 || p99 < d.A {
			return d, false
		}
		d.B = Spread(d.A, p99)
		return d, true
	}
	var err error
	d.B, err = strconv.ParseFloat(spread, 64)
	return d, err == nil
}

func parsePareto(parts []string) (d Dist, ok bool) {
	d.Shape = Pareto
	if d.A, ok = parseTime(parts[0]); !ok {
		return d, false
	}
	var err error
	if d.B, err = strconv.ParseFloat(parts[1], 64); err != nil {
		return d, false
	}
	if len(parts) == 3 {
		d.Most, ok = parseTime(parts[2])
	}
	return d, ok
}

func parsePoints(parts []string) (d Dist, ok bool) {
	d.Shape = Empirical
	for _, p := range parts {
		quantile, at, found := strings.Cut(p, "=")
		q, err := strconv.ParseFloat(strings.TrimPrefix(quantile, "p"), 64)
		t, ok := parseTime(at)
		if !found || !ok || err != nil || !strings.HasPrefix(quantile, "p") {
			return d, false
		}
		d.Points = append(d.Points, QuantilePoint{Share: q / 100, At: t})
	}
	return d, true
}
