package latency

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/datadog"
	"tripcurve/internal/incident"
)

func TestFromDatadog(t *testing.T) {
	nan := math.NaN()
	series := []datadog.Series{{
		Metric: "grpc.client.duration", Expression: "p99:grpc.client.duration{service:gateway}", Tags: map[string]string{"service": "gateway"},
		Unit:   datadog.Unit{Family: "time", Name: "millisecond", Short: "ms", Scale: 0.001},
		Points: []datadog.Point{{At: t0, V: 30000}, {At: t0.Add(10 * time.Second), V: nan}},
	}, {
		Metric: "circuit.open",
		Points: []datadog.Point{{At: t0, V: 1}},
	}}
	want := []incident.Fact{
		incident.Series{
			Name: "grpc.client.duration", Labels: map[string]string{"service": "gateway", "stat": "p99"}, Unit: "ms", Kind: incident.Gauge,
			Points: []incident.Point{{At: t0, V: 30000}, {At: t0.Add(10 * time.Second), V: nan}},
			Origin: incident.Origin{Group: "datadog", Name: "dd"}, Caveat: AtEnd,
		},
		incident.Series{
			Name: "circuit.open", Unit: "1", Kind: incident.Gauge,
			Points: []incident.Point{{At: t0, V: 1}}, Origin: incident.Origin{Group: "datadog", Name: "dd"},
		},
	}
	same := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
	if d := cmp.Diff(want, FromDatadog(series, "dd", "1"), same); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(series[0].Tags) != 1 {
		t.Error("the answer's own tags were changed")
	}
}

func TestUnitIn(t *testing.T) {
	for _, tt := range []struct {
		series datadog.Series
		want   string
	}{
		{datadog.Series{Unit: datadog.Unit{Family: "time", Scale: 1e-9}}, "ns"},
		{datadog.Series{Unit: datadog.Unit{Family: "time", Scale: 1}}, "s"},
		{datadog.Series{Unit: datadog.Unit{Family: "time", Scale: 60, Short: "min"}}, "min"},
		{datadog.Series{Unit: datadog.Unit{Family: "percentage", Short: "%"}}, "%"},
		{datadog.Series{Metric: "a.duration.ms"}, "ms"},
		{datadog.Series{Metric: "a_seconds"}, "s"},
		{datadog.Series{Metric: "a.duration"}, "by user"},
	} {
		if got := unitIn(tt.series, "by user"); got != tt.want {
			t.Errorf("unit of %+v = %q, want %q", tt.series, got, tt.want)
		}
	}
}

// scripted answers queries from a list.
type scripted struct {
	answers []any // []datadog.Series or error
	windows []string
	t0      time.Time
}

func (s *scripted) Query(_ context.Context, from, to time.Time, _ string) ([]datadog.Series, error) {
	s.windows = append(s.windows, fmt.Sprintf("%s..%s", from.Sub(s.t0), to.Sub(s.t0)))
	a := s.answers[min(len(s.windows), len(s.answers))-1]
	if err, ok := a.(error); ok {
		return nil, err
	}
	return a.([]datadog.Series), nil
}

func TestDatadogQueryAsksAgainForWhatMayHaveChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		one := []datadog.Series{{Metric: "m", Points: []datadog.Point{{At: now, V: 1}}}}
		limited := &datadog.Error{Status: 429, RetryAt: now.Add(48 * time.Second)}
		client := &scripted{t0: now, answers: []any{[]datadog.Series{}, one, limited, one, errors.New("no route to host")}}
		d := NewDatadog(DatadogConfig{Client: client, Query: "avg:m{*}", Since: now.Add(-30 * time.Minute)})
		out, status, done := make(chan []incident.Fact), make(chan incident.SourceStatus), make(chan error, 1)
		go func() { done <- d.Run(t.Context(), out, status) }()
		var said []string
		for {
			select {
			case <-out:
			case s := <-status:
				said = append(said, fmt.Sprintf("%s: %s", s.State, s.Detail))
			case err := <-done:
				if err == nil || err.Error() != `query "avg:m{*}": no route to host` {
					t.Errorf("ended with %v", err)
				}
				wantSaid := []string{
					"stale: no series: nothing was recorded, or the metric's name is misspelt",
					"ok: 1 series each 20s",
					"degraded: rate limited by Datadog, asking again in 8s",
					"ok: 1 series each 20s",
				}
				if d := cmp.Diff(wantSaid, said); d != "" {
					t.Errorf("status (-want +got):\n%s", d)
				}
				wantWindows := []string{"-30m0s..0s", "-2m0s..20s", "-1m40s..40s", "-1m40s..48s", "-1m12s..1m8s"}
				if d := cmp.Diff(wantWindows, client.windows); d != "" {
					t.Errorf("windows (-want +got):\n%s", d)
				}
				return
			}
		}
	})
}

func TestRefusedKeysAreNotTriedAgain(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"errors":["Forbidden"]}`)
	}))
	defer srv.Close()
	client, err := datadog.New(datadog.Keys{API: "k1-very-secret", App: "k2-very-secret"}, datadog.Options{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	err = NewDatadog(DatadogConfig{Client: client, Query: "avg:m{*}"}).Run(t.Context(), nil, nil)
	if !errors.Is(err, datadog.ErrRefused) || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("err = %v", err)
	}
}
