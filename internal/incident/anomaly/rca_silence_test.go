//go:build rca

package anomaly_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/anomaly"
	"tripcurve/internal/incident/cause"
)

// recording is a stretch of time in which nothing was wrong.
type recording struct {
	system, name string
	step         time.Duration
	rows         []anomaly.Row
	users        []anomaly.Indicator // what users get
	// requests and failures of the first service, where they were recorded.
	requests, failures []float64
}

// window is one look at it.
func (r recording) window(from, n int) recording {
	w := r
	w.rows, w.users = nil, nil
	for _, x := range r.rows {
		x.Values = x.Values[from : from+n]
		w.rows = append(w.rows, x)
	}
	for _, x := range r.users {
		x.Values = x.Values[from : from+n]
		w.users = append(w.users, x)
	}
	if r.requests != nil {
		w.requests, w.failures = r.requests[from:from+n], r.failures[from:from+n]
	}
	return w
}

func (r recording) length() int {
	if len(r.rows) == 0 {
		return 0
	}
	return len(r.rows[0].Values)
}

// evidence is the window as the program would have collected it.
func (r recording) evidence() *incident.View {
	ev := incident.NewEvidence()
	start := time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC)
	at := func(i int) time.Time { return start.Add(time.Duration(i) * r.step) }
	for _, x := range r.rows {
		s := incident.Series{Name: x.ID, Unit: "bytes", Origin: incident.Origin{Group: "grpc", Name: r.system}}
		for i, v := range x.Values {
			s.Points = append(s.Points, incident.Point{At: at(i), V: v})
		}
		ev.Add(s)
	}
	endpoint := incident.Endpoint{Method: "GET", Route: "/"}
	for i := range r.requests {
		failed := int64(math.Round(r.failures[i]))
		good := int64(math.Round(r.requests[i])) - failed
		for _, b := range []incident.Bucket{{Status: 200, Outcome: incident.OK, Started: good, Ended: good}, {Status: 500, Outcome: incident.ServerError, Started: failed, Ended: failed}} {
			if b.Started <= 0 {
				continue
			}
			b.At, b.Width, b.Endpoint, b.Origin = at(i), r.step, endpoint, incident.Origin{Group: "gateway", Name: "access.log"}
			ev.Add(b)
		}
	}
	return ev.Snapshot()
}

// TestRCASilence counts, over recorded time without a fault, how often an
// incident would have been opened and anything called Likely.
func TestRCASilence(t *testing.T) {
	type tally struct{ windows, together, breached, opened, impacts, opens, likely int }
	by := map[string]*tally{}
	var systems []string
	for _, r := range slices.Concat(sockSilence(t), petSilence(t), nezhaSilence(t)) {
		if by[r.system] == nil {
			by[r.system] = &tally{}
			systems = append(systems, r.system)
		}
		b := by[r.system]
		const length, every = 120, 12
		for from := 0; from+length <= r.length(); from += every {
			w := r.window(from, length)
			b.windows++
			if onset, _ := anomaly.Consensus(w.rows, anomaly.ConsensusParams{}); onset.Together() {
				b.together++
			}
			o := anomaly.Open(w.users, func() []anomaly.Row { return w.rows }, anomaly.ConsensusParams{})
			if len(o.Breaches) > 0 {
				b.breached++
			}
			if o.Open {
				b.opened++
				t.Logf("opens: %s %s from sample %d: %d of %d agree, strength %.2f, %s went from %.3g to %.3g", r.system, r.name, from,
					len(o.Onset.Agree), o.Onset.Of, o.Onset.Strength, o.Breaches[0].ID, o.Breaches[0].Effect.Before, o.Breaches[0].Effect.During)
			}
			a := cause.Analyze(w.evidence(), cause.Options{})
			if a.Impact.Length() > 0 {
				b.impacts++
			}
			if a.Onset.Opens {
				b.opens++
			}
			for _, f := range a.Findings {
				if f.Confidence == incident.Likely {
					b.likely++
					t.Errorf("%s %s from sample %d: Likely: %s", r.system, r.name, from, f.Claim)
				}
			}
		}
	}
	lines := []string{"| fault-free, recorded | windows | series agree | an indicator breached | both: opens | requests failed as in an impact | `analyze` opens | Likely |", "|---|---|---|---|---|---|---|---|"}
	var all tally
	for _, s := range systems {
		b := by[s]
		lines = append(lines, fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d |", s, b.windows, b.together, b.breached, b.opened, b.impacts, b.opens, b.likely))
		all.windows, all.together, all.breached = all.windows+b.windows, all.together+b.together, all.breached+b.breached
		all.opened, all.impacts, all.opens, all.likely = all.opened+b.opened, all.impacts+b.impacts, all.opens+b.opens, all.likely+b.likely
	}
	lines = append(lines, fmt.Sprintf("| all | %d | %d | %d | %d | %d | %d | %d |", all.windows, all.together, all.breached, all.opened, all.impacts, all.opens, all.likely))
	t.Log("\n" + strings.Join(lines, "\n"))
	if all.opened+all.opens > 0 {
		t.Errorf("%d and %d windows without a fault open an incident", all.opened, all.opens)
	}
	if len(systems) == 3 && all.windows < 250 {
		t.Errorf("%d windows, at least 250 are wanted", all.windows)
	}
}

func sockSilence(t *testing.T) []recording {
	var list []recording
	for _, c := range cases(t, "sockshop") {
		r := recording{system: "Sock Shop", name: c.Case, step: time.Second}
		for _, col := range table(t, "sockshop", c.Case, "normal.csv.gz") {
			if col.name == "time" {
				continue
			}
			r.rows = append(r.rows, anomaly.Row{ID: col.name, Values: col.values})
			if strings.Contains(col.name, "_lat_90") {
				r.users = append(r.users, anomaly.Indicator{ID: col.name, Bad: anomaly.Up, Values: col.values})
			}
		}
		list = append(list, r)
	}
	return list
}

func petSilence(t *testing.T) []recording {
	var list []recording
	for _, scenario := range []string{"low_traffic", "high_traffic", "temporal_traffic1", "temporal_traffic2"} {
		if _, err := os.Stat(filepath.Join(dataFolder(t), "petshop", scenario, "noissue")); err != nil {
			continue
		}
		m := readPet(t, "petshop", scenario, "noissue", "metrics.csv.gz")
		r := recording{system: "PetShop", name: scenario, step: 5 * time.Minute}
		for key, v := range m.by {
			if key[1] == "latency" && key[2] != "Average" {
				continue
			}
			r.rows = append(r.rows, anomaly.Row{ID: strings.Join(key[:], " "), Values: v})
		}
		slices.SortFunc(r.rows, func(a, b anomaly.Row) int { return strings.Compare(a.ID, b.ID) })
		unavailable := petMeasure("availability", m.by[[3]string{"PetSite", "availability", "Average"}])
		r.requests = m.by[[3]string{"PetSite", "requests", "Sum"}]
		for i, n := range r.requests {
			r.failures = append(r.failures, n*unavailable[i])
		}
		r.users = []anomaly.Indicator{
			{ID: "PetSite latency", Bad: anomaly.Up, Values: m.by[[3]string{"PetSite", "latency", "Average"}]},
			{ID: "PetSite unavailable", Bad: anomaly.Up, Values: unavailable, Quantum: 0.001},
		}
		list = append(list, r)
	}
	return list
}

// nezhaSilence is what was recorded of a day half an hour and more after its last
// fault.
func nezhaSilence(t *testing.T) []recording {
	var list []recording
	for _, dataset := range []string{"nezha-ob", "nezha-tt"} {
		last := map[string]time.Time{}
		for _, c := range cases(t, dataset) {
			at, err := time.Parse(time.DateTime, c.Case)
			if err != nil {
				t.Fatal(err)
			}
			if day := c.Case[:len(time.DateOnly)]; at.After(last[day]) {
				last[day] = at
			}
		}
		for day, fault := range last {
			d := readNezhaDay(t, day)
			front := readNezha(t, "nezha", day, "metric", "front_service.csv.gz")
			r := recording{system: "Nezha", name: day, step: time.Minute}
			n := 0 // samples that all have
			start := fault.Add(30 * time.Minute)
			cut := func(x nezhaTable, column string) []float64 {
				for i := range x.at {
					if x.at[i].After(start) {
						return x.cols[column][i:]
					}
				}
				return nil
			}
			for _, column := range []string{"LatencyP90(s)"} {
				if v := cut(front, column); len(v) > 0 {
					r.users = append(r.users, anomaly.Indicator{ID: "front " + column, Bad: anomaly.Up, Values: v})
					n = len(v)
				}
			}
			for service, pod := range d.pods {
				for column := range pod.cols {
					if v := cut(pod, column); len(v) > 0 && column != "PodName" {
						r.rows = append(r.rows, anomaly.Row{ID: service + " " + column, Values: v})
						if n == 0 || len(v) < n {
							n = len(v)
						}
					}
				}
			}
			slices.SortFunc(r.rows, func(a, b anomaly.Row) int { return strings.Compare(a.ID, b.ID) })
			if n > 0 {
				list = append(list, r.window(0, n))
			}
		}
	}
	return list
}
