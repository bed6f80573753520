//go:build rca

package anomaly_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident/anomaly"
)

const (
	nezhaAfter  = 3 * time.Minute  // of a fault that are looked at
	nezhaLag    = 20 * time.Second // a sample of a minute speaks of the time before it
	nezhaAround = 2 * time.Hour    // baseline on either side: the first fault has but three samples before it
)

// nezhaTable are minutes of several measures.
type nezhaTable struct {
	at   []time.Time
	cols map[string][]float64
}

func readNezha(t *testing.T, parts ...string) nezhaTable {
	t.Helper()
	lines := rows(t, parts...)
	n := nezhaTable{cols: map[string][]float64{}}
	for _, l := range lines[1:] {
		at, err := time.Parse(time.DateTime, l[0][:len(time.DateTime)])
		if err != nil {
			t.Fatal(err)
		}
		n.at = append(n.at, at)
		for i := 2; i < len(lines[0]); i++ {
			cell := ""
			if i < len(l) {
				cell = l[i]
			}
			n.cols[lines[0][i]] = append(n.cols[lines[0][i]], number(cell))
		}
	}
	return n
}

// split are a measure's minutes around a fault and during it. Other faults lie
// in what is around, as they do in the recording.
func (n nezhaTable) split(col string, at time.Time) (usual, during []float64) {
	for i, v := range n.cols[col] {
		switch d := n.at[i].Sub(at); {
		case d > nezhaLag && d <= nezhaAfter+nezhaLag:
			during = append(during, v)
		case d.Abs() < nezhaAround:
			usual = append(usual, v)
		}
	}
	return usual, during
}

// nezhaDay is what was recorded of one day: each pod, and the median latency of
// each edge as its caller and as its callee have it.
type nezhaDay struct {
	pods           map[string]nezhaTable // by service
	client, server nezhaTable            // columns "caller_callee"
	edges          [][2]string
}

func readNezhaDay(t *testing.T, day string) *nezhaDay {
	t.Helper()
	d := &nezhaDay{pods: map[string]nezhaTable{}}
	list, err := os.ReadDir(filepath.Join(dataFolder(t), "nezha", day, "metric"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if pod, ok := strings.CutSuffix(e.Name(), "_metric.csv.gz"); ok {
			parts := strings.Split(pod, "-")
			d.pods[strings.Join(parts[:len(parts)-2], "-")] = readNezha(t, "nezha", day, "metric", e.Name())
		}
	}
	if _, err := os.Stat(filepath.Join(dataFolder(t), "nezha", day, "metric", "source_50.csv.gz")); err != nil {
		return d // Train Ticket's day has no edges
	}
	d.client = readNezha(t, "nezha", day, "metric", "source_50.csv.gz")
	d.server = readNezha(t, "nezha", day, "metric", "destination_50.csv.gz")
	for e := range d.client.cols {
		if caller, callee, ok := strings.Cut(e, "_"); ok {
			d.edges = append(d.edges, [2]string{caller, callee})
		}
	}
	slices.SortFunc(d.edges, func(a, b [2]string) int { return strings.Compare(a[0]+"_"+a[1], b[0]+"_"+b[1]) })
	return d
}

// ofOthers are columns that are not the pod's own: the machine's, and how long
// it waited for those that it calls.
func ofOthers(column string) bool {
	return strings.HasPrefix(column, "Node") || strings.HasPrefix(column, "PodClientLatency") || column == "PodName"
}

func TestRCANezha(t *testing.T) {
	for _, system := range []struct{ dataset, name, published string }{
		{
			"nezha-ob", "Nezha Online Boutique",
			"Published AC@1 / AC@3: MicroRCA (metrics) .16 / .63, MicroRank (traces) .41 / .48, PDiagnose .41 / .73, Nezha (metrics, logs, traces) .93 / .96",
		},
		{"nezha-tt", "Nezha Train Ticket, pods alone", "No edges were recorded; most faults are in code that no metric shows (published metrics-only: .02 to .04)"},
	} {
		var r results
		days := map[string]*nezhaDay{}
		for _, c := range cases(t, system.dataset) {
			at, err := time.Parse(time.DateTime, c.Case)
			if err != nil {
				t.Fatal(err)
			}
			day := c.Case[:len(time.DateOnly)]
			if days[day] == nil {
				days[day] = readNezhaDay(t, day)
			}
			d := days[day]
			sigma, robust, own := map[string]float64{}, map[string]float64{}, map[string]float64{}
			for service, pod := range d.pods {
				own[service] = 0
				for column := range pod.cols {
					usual, during := pod.split(column, at)
					usual, during = finite(usual), finite(during)
					if len(usual) == 0 || len(during) == 0 {
						continue
					}
					best(sigma, service, nSigma(usual, during))
					best(robust, service, robustScorer(usual, during))
					if !ofOthers(column) {
						best(own, service, anomaly.NewBaseline(usual, 0.1).Effect(during, anomaly.Both).Median)
					}
				}
			}
			r.add("NSigma", c.Fault, ranked(sigma), c.Service)
			r.add("RobustScorer (BARO)", c.Fault, ranked(robust), c.Service)
			r.add("sustained effect of a pod's own", c.Fault, ranked(own), c.Service)
			if len(d.edges) == 0 {
				continue
			}
			// Gaps in parts of what the edge usually takes, at least a millisecond: a
			// millisecond on one that takes one is as much as a second on a slow one.
			var edges []anomaly.Edge
			for _, e := range d.edges {
				column := e[0] + "_" + e[1]
				usual, during := d.client.split(column, at)
				client := anomaly.NewBaseline(usual, 0.1).Effect(during, anomaly.Up)
				usual, during = d.server.split(column, at)
				server := anomaly.NewBaseline(usual, 0.1).Effect(during, anomaly.Up)
				unit := 0.001 + anomaly.RelativeFloor*client.Before
				edges = append(edges, anomaly.Edge{
					Caller: e[0], Callee: e[1],
					ClientBefore: client.Before / unit, ClientDuring: client.During / unit, ServerBefore: server.Before / unit, ServerDuring: server.During / unit,
				})
			}
			gap, both := map[string]float64{}, map[string]float64{}
			for service := range d.pods {
				both[service] = math.Log1p(max(0, own[service]))
			}
			for _, n := range anomaly.NodeGaps(edges) {
				gap[n.Node] = n.Mean
				both[n.Node] += math.Log1p(n.Mean)
			}
			r.add("gaps between the two ends", c.Fault, ranked(gap), c.Service)
			r.add("gaps and own effect", c.Fault, ranked(both), c.Service)
		}
		if len(r.methods) == 0 {
			continue
		}
		r.print(t, system.name, system.published)
		if b := r.by[[2]string{"gaps and own effect", "all"}]; b != nil {
			aim(t, system.name+" AC@1", b.ac(1), 0.72)
		}
	}
}
