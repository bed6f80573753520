package curve

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// The openings of the real libraries are known to a tenth of a second, two calls, and the
// calls let in to a few: Semian's adaptive breaker draws them. A bucket, which a window
// forgets at once, is not among the tolerances: see phase.
const (
	gap    = 50 * time.Millisecond
	within = 2 * gap
	few    = 4
)

// sameNumbers are the openings of the real libraries, measured in virtual time: 20
// calls/s, one each 50 ms, healthy for 30 s, then every call hangs until a time
// limit; 50 %, 10 s, at least 10 calls. They are the right end of the trip curves
// of hangs.
var sameNumbers = []struct {
	name, library  string
	params         map[string]string
	after5, after1 float64 // s to open with a time limit of 5 s and of 1 s
	calls          int     // let into the hang with 5 s; 0 not known
	turned         float64 // share of calls turned away that counts as open, where not half
	// phase is how long after the edge of a window the hang begins. The one measurement that
	// needs it is exact with it: gobreaker's TestHangs has both ends beside the real library.
	phase time.Duration
}{
	{"semian, 3 errors in 10 s", "semian", map[string]string{"error_threshold": "3", "error_timeout": "10", "success_threshold": "1"}, 5.1, 1.1, 102, 0, 0},
	{"semian, 10 errors in 10 s", "semian", map[string]string{"error_threshold": "10", "error_timeout": "10", "success_threshold": "1"}, 5.5, 1.5, 109, 0, 0},
	{"gobreaker defaults", "gobreaker", map[string]string{}, 5.3, 1.3, 105, 0, 0},
	{"resilience4j TIME_BASED 10", "resilience4j", map[string]string{
		"slidingWindowType": "TIME_BASED", "slidingWindowSize": "10", "minimumNumberOfCalls": "10", "timelimiter.timeoutDuration": "T",
	}, 7.0, 5.0, 140, 0, 0},
	{"resilience4j COUNT_BASED 100", "resilience4j", map[string]string{
		"slidingWindowType": "COUNT_BASED", "slidingWindowSize": "100", "minimumNumberOfCalls": "10", "timelimiter.timeoutDuration": "T",
	}, 7.5, 3.5, 149, 0, 0},
	{"resilience4j COUNT_BASED 100, 200/s", "resilience4j", map[string]string{
		"slidingWindowType": "COUNT_BASED", "slidingWindowSize": "100", "minimumNumberOfCalls": "10", "timelimiter.timeoutDuration": "T",
	}, 5.2, 1.2, 0, 0, 0},
	{"failsafe-go rate 0.5 / 10 / 10 s", "failsafe-go", map[string]string{
		"failureRateThreshold": "0.5", "failureExecutionThreshold": "10", "failureThresholdingPeriod": "10s", "timeout.timeLimit": "T",
	}, 7.0, 5.0, 140, 0, 0},
	{"gobreaker rolling, completed", "gobreaker", map[string]string{
		"Interval": "10s", "BucketPeriod": "1s", "ReadyToTrip": "completed", "minRequests": "10", "failureRatio": "0.5",
	}, 7.0, 5.0, 140, 0, 0},
	{"semian adaptive, half rejected", "semian", map[string]string{"adaptive_circuit_breaker": "true"}, 8.0, 5.0, 152, 0.5, 0},
	{"semian adaptive, all rejected", "semian", map[string]string{"adaptive_circuit_breaker": "true"}, 9.0, 7.0, 0, 1, 0},
	{"gobreaker fixed, requests", "gobreaker", map[string]string{
		"Interval": "10s", "ReadyToTrip": "requests", "minRequests": "10", "failureRatio": "0.5",
	}, 9.9, 1.9, 198, 0, 0},
	{"opossum", "opossum", map[string]string{
		"timeout": "T", "errorThresholdPercentage": "50", "rollingCountTimeout": "10000", "volumeThreshold": "10",
	}, 10.0, 6.0, 199, 0, 0},
	{"gobreaker rolling, requests", "gobreaker", map[string]string{
		"Interval": "10s", "BucketPeriod": "1s", "ReadyToTrip": "requests", "minRequests": "10", "failureRatio": "0.5",
	}, 10.9, 6.0, 217, 0, gap},
}

// fullHang is the right end of a setting's curve of hangs, of regular calls.
func fullHang(t *testing.T, name, library string, params map[string]string, timeout time.Duration, turned float64, phase time.Duration) Point {
	t.Helper()
	o := Defaults()
	if turned > 0 {
		o.Turned = turned
	}
	o.Arrivals, o.Modes, o.Healthy, o.Timeout, o.Seeds = Regular, []Mode{Hangs}, nil, timeout, 1
	o.Shares = Shares(4)
	o.WarmUp += phase
	if strings.HasSuffix(name, ", 200/s") {
		o.Rate = 200
	}
	s := Setting{Name: name, Library: library, Params: map[string]string{}}
	for k, v := range params {
		if v == "T" {
			v = timeout.String()
		}
		s.Params[k] = v
	}
	points := compute(t, []Setting{s}, o).Curves[0].Points
	last := points[len(points)-1]
	if last.Share != 1 {
		t.Fatalf("the right end is at %g", last.Share)
	}
	return last
}

func TestSameNumbersAreNotTheSameBreaker(t *testing.T) {
	for _, row := range sameNumbers {
		for i, timeout := range []time.Duration{5 * time.Second, time.Second} {
			p := fullHang(t, row.name, row.library, row.params, timeout, row.turned, row.phase)
			got, calls := p.OpenAfter(0.5), p.Calls(0.5)
			t.Logf("%-32s a hang ends after %s: opens after %6.2f s, %3.0f calls let in", row.name, timeout, got.Seconds(), calls)
			want := time.Duration([]float64{row.after5, row.after1}[i] * float64(time.Second))
			if got < want-within || got > want+within {
				t.Errorf("%s, a hang ends after %s: opens after %s, the real one after %s", row.name, timeout, got, want)
			}
			if off := calls - float64(row.calls); i == 0 && row.calls > 0 && math.Abs(off) > few {
				t.Errorf("%s: lets %.0f calls in, the real one %d", row.name, calls, row.calls)
			}
		}
	}
}

// With a steady rate and a full hang the openings follow from what a library counts:
// calls admitted open it at T + threshold x window whatever their rate, k errors at
// T + k / rate, half of a window of N calls at T + N / 2 / rate.
func TestFormulas(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, 3 * time.Second} {
		for _, rate := range []float64{20, 100} {
			o := Defaults()
			o.Arrivals, o.Modes, o.Shares, o.Healthy, o.Timeout, o.Rate = Regular, []Mode{Hangs}, []float64{1}, nil, timeout, rate
			o.Seeds = 1
			check := func(what string, s Setting, want float64, within time.Duration) {
				got := compute(t, []Setting{s}, o).Curves[0].Points[0].OpenAfter(0.5)
				off := got - timeout - time.Duration(want*float64(time.Second))
				if off < -within || off > within {
					t.Errorf("%s, %g/s, T = %s: opens after %s, computed %s", what, rate, timeout, got, got-off)
				}
			}
			gap := time.Duration(float64(time.Second) / rate)
			for _, window := range []int{5, 10} {
				for _, threshold := range []float64{25, 50, 75} {
					check(fmt.Sprintf("opossum %g %% of %d s", threshold, window), Setting{Name: "opossum", Library: "opossum", Params: map[string]string{
						"timeout": timeout.String(), "errorThresholdPercentage": fmt.Sprint(threshold),
						"rollingCountTimeout": fmt.Sprint(1000 * window),
					}}, threshold/100*float64(window), gap+time.Duration(window)*time.Second/10)
				}
			}
			for _, k := range []int{3, 10} {
				check(fmt.Sprintf("semian %d errors", k), Setting{Name: "semian", Library: "semian", Params: map[string]string{
					"error_threshold": fmt.Sprint(k), "error_timeout": "10",
				}}, float64(k)/rate, gap)
			}
			check("resilience4j 100 calls", Setting{Name: "resilience4j", Library: "resilience4j", Params: map[string]string{
				"slidingWindowType": "COUNT_BASED", "slidingWindowSize": "100", "minimumNumberOfCalls": "10",
			}}, 50/rate, gap)
		}
	}
}
