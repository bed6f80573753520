package cause

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// poolNames are the gauges by which pools tell how full they are: places in use, and
// how many there are at most.
var poolNames = []struct {
	used, most string
	state      string // the label value of used that counts, where it has states
}{
	{used: "pgxpool_acquired_conns", most: "pgxpool_max_conns"},
	{used: "hikaricp_connections_active", most: "hikaricp_connections_max"},
	{used: "go_sql_in_use_connections", most: "go_sql_max_open_connections"},
	{used: "db_client_connections_usage", most: "db_client_connections_max", state: "used"},
	{used: "db.client.connections.usage", most: "db.client.connections.max", state: "used"},
	{used: "db_client_connection_count", most: "db_client_connection_max", state: "used"},
	{used: "db.client.connection.count", most: "db.client.connection.max", state: "used"},
}

// poolGauge is one pool as its client shows it.
type poolGauge struct {
	name       string // by its label, or whose process it is of
	used, most *incident.Series
}

// poolGauges are the pools of which both gauges are there.
func (s *scene) poolGauges() (all []poolGauge) {
	byName := map[string][]*incident.Series{}
	for _, x := range s.v.AllSeries() {
		if len(x.Points) > 0 {
			byName[x.Name] = append(byName[x.Name], x)
		}
	}
	for _, n := range poolNames {
		for _, used := range byName[n.used] {
			if state := used.Labels["state"]; n.state != "" && state != n.state {
				continue
			}
			i := slices.IndexFunc(byName[n.most], func(most *incident.Series) bool { return samePool(used, most) })
			if i < 0 {
				continue
			}
			all = append(all, poolGauge{poolName(used), used, byName[n.most][i]})
		}
	}
	return all
}

// samePool says that two gauges are of one source and have the same labels but for
// the state.
func samePool(a, b *incident.Series) bool {
	stateless := func(m map[string]string) map[string]string {
		m = maps.Clone(m)
		delete(m, "state")
		return m
	}
	return a.Origin.Key() == b.Origin.Key() && maps.Equal(stateless(a.Labels), stateless(b.Labels))
}

// poolName is a pool's label, else the process that has it: "inventory" of
// "inventory:/metrics".
func poolName(x *incident.Series) string {
	for _, label := range []string{"pool", "pool_name", "db_client_connections_pool_name", "client", "service", "job"} {
		if x.Labels[label] != "" {
			return x.Labels[label]
		}
	}
	name, _, _ := strings.Cut(either(x.Origin.Name, x.Origin.Group), ":")
	return name
}

// fullBy is the time around the impact in which no place of a pool was free, but for
// moments: a pool that many wait for has a free place now and then.
func (s *scene) fullBy(g poolGauge) (ceiling, bool) {
	best := ceiling{application: g.name, measured: true, support: []incident.ID{g.used.ID(), g.most.ID()}}
	var now incident.Window
	most, i := 0.0, 0
	for n, p := range g.used.Points {
		for ; i < len(g.most.Points) && !g.most.Points[i].At.After(p.At); i++ {
			most = g.most.Points[i].V
		}
		if n > 0 {
			best.err = max(best.err, min(p.At.Sub(g.used.Points[n-1].At), scrape))
		}
		if most <= 0 || p.V < most {
			continue
		}
		if now.From.IsZero() || p.At.Sub(now.To) > scrape {
			now.From = p.At
		}
		now.To = p.At
		if now.Meet(s.closeUp).Length() > best.Meet(s.closeUp).Length() {
			best.Window, best.size = now, int(most)
		}
	}
	return best, best.Length() >= leastPlateau
}

// mean is a gauge's over the samples in a window; ok is false without any.
func mean(x *incident.Series, w incident.Window) (v float64, ok bool) {
	sum, n := 0.0, 0
	for _, p := range samples(x, w) {
		if p.V == p.V { // not a NaN
			sum += p.V
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / float64(n), true
}

// samples are those of a series in a window.
func samples(x *incident.Series, w incident.Window) []incident.Point {
	at := func(p incident.Point, t time.Time) int { return p.At.Compare(t) }
	from, _ := slices.BinarySearchFunc(x.Points, w.From, at)
	to, _ := slices.BinarySearchFunc(x.Points, w.To, at)
	return x.Points[from:max(from, to)]
}

// Pool is a pool as its own gauges show it.
type Pool struct {
	Name    string // by its label, or whose process it is of
	Size    int    // places, as last told
	Support []incident.ID
}

// Pools are the pools of which gauges tell how many places they have.
func Pools(v *incident.View) (all []Pool) {
	for _, g := range (&scene{v: v}).poolGauges() {
		if last := g.most.Points[len(g.most.Points)-1].V; last >= 1 {
			all = append(all, Pool{g.name, int(last), []incident.ID{g.used.ID(), g.most.ID()}})
		}
	}
	return all
}
