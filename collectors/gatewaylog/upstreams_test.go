package gatewaylog

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// askedOf counts requests by upstream in what was read of a log.
func askedOf(facts []incident.Fact) map[string]int64 {
	asked := map[string]int64{}
	for _, f := range facts {
		if u, ok := f.(incident.Upstream); ok {
			asked[u.Name] += u.Started
			if u.Sketch != nil && u.Sketch.Count() != u.Ended {
				asked["durations of "+u.Name] = u.Sketch.Count()
			}
		}
	}
	return asked
}

func TestUpstreamNames(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		want        map[string]int64
	}{
		{
			"nginx: the last try answered", `
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /a HTTP/1.1" 502 157 "-" "-" 1.002 0.500, 0.502 10.0.3.15:8080, 10.0.3.16:8080 502, 502
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /a HTTP/1.1" 200 157 "-" "-" 0.002 0.002 10.0.3.15:8080 200
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /a HTTP/1.1" 200 157 "-" "-" 0.002 0.002 unix:/run/x.sock 200
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET /static HTTP/1.1" 200 157 "-" "-" 0.000 - - -`,
			map[string]int64{"10.0.3.16:8080": 1, "10.0.3.15:8080": 1, "unix:/run/x.sock": 1, incident.NoUpstream: 1},
		},
		{
			"HAProxy: the backend and the server", `
198.51.100.7:51234 [15/Jan/2026:14:23:01.120] fe_shop be_order/app1 0/0/1/8/21 200 312 - - ---- 1/1/1/1/0 0/0 "GET /a HTTP/1.1"
198.51.100.7:51234 [15/Jan/2026:14:23:01.120] fe_shop be_order/<NOSRV> 0/-1/-1/-1/21 503 312 - - SC-- 1/1/1/1/0 0/0 "GET /a HTTP/1.1"`,
			map[string]int64{"be_order/app1": 1, "be_order " + incident.NoUpstream: 1},
		},
		{
			"Traefik: without the scheme", `
198.51.100.7 - - [15/Jan/2026:14:23:01 +0000] "GET /a HTTP/2.0" 200 34 "-" "-" 1 "shop@docker" "http://10.0.3.15:8080" 9ms`,
			map[string]int64{"10.0.3.15:8080": 1},
		},
		{
			"a dash in a log that names none says nothing", `
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /a HTTP/1.1" 200 157 "-" "-" 0.002 0.002
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "GET /static HTTP/1.1" 200 157 "-" "-" 0.000 -`,
			map[string]int64{},
		},
		{
			"a format that names none", `
198.51.100.7 - - [15/Jan/2026:14:23:31 +0000] "POST /a HTTP/1.1" 502 157 "-" "-"`,
			map[string]int64{},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var facts []incident.Fact
			_, err := ImportReader(context.Background(), strings.NewReader(strings.TrimLeft(tt.lines, "\n")+"\n"), Options{},
				func(f []incident.Fact) error { facts = append(facts, f...); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, askedOf(facts)); d != "" {
				t.Error(d)
			}
			var lines []string
			for _, f := range facts {
				if x, ok := f.(incident.Exemplar); ok && x.Kind == incident.Sampled && x.Upstream != "" {
					lines = append(lines, x.Upstream)
				}
			}
			if want := slices.Sorted(maps.Keys(tt.want)); !slices.Equal(slices.Sorted(slices.Values(lines)), want) {
				t.Errorf("kept lines are of %v, want %v", lines, want)
			}
		})
	}
}

// A log that is read by one worker, by two, or in pieces says the same of its upstreams.
func TestUpstreamsHoweverALogIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	writeLog(t, path, 120_000)
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		t.Fatal(err)
	}
	read := func(workers int) map[string]int64 {
		ev := incident.NewEvidence()
		_, err := Import(context.Background(), path, Options{Format: format, Workers: workers}, func(f []incident.Fact) error { ev.Add(f...); return nil })
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string]int64{}
		ev.Snapshot().EachUpstream(incident.Window{}, func(u *incident.Upstream) {
			asked[fmt.Sprintf("%s %d ended", u.Name, u.Status)] += u.Ended
			asked[u.Name] += u.Started
			if u.Sketch != nil {
				asked["durations"] += u.Sketch.Count()
			}
		})
		return asked
	}
	one, two := read(1), read(2)
	if d := cmp.Diff(one, two); d != "" {
		t.Error(d)
	}
	if one["durations"] != 120_000 || len(one) != 8*3+1 {
		t.Errorf("%v", one)
	}
}

func TestUpstreamsAreBounded(t *testing.T) {
	u := newUpstreams()
	for i := range 3 * maxUpstreams {
		u.of(&Record{Upstream: fmt.Appendf(nil, "10.0.%d.%d:8080", i/250, i%250)})
	}
	if n := len(u.names); n != maxUpstreams+1 || u.names[n-1] != incident.OtherUpstreams {
		t.Errorf("%d names, the last %q", n, u.names[n-1])
	}
	if got := u.name(u.of(&Record{Upstream: []byte("10.0.0.7:8080")})); got != "10.0.0.7:8080" {
		t.Errorf("one of the first is called %q", got)
	}
	long := []byte(strings.Repeat("x", 4*maxUpstreamName))
	if n := len(upstreamName(&Record{Upstream: long, Cluster: long})); n > 2*maxUpstreamName+1 {
		t.Errorf("a name of %d bytes", n)
	}
}
