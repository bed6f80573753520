package gatewaylog

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shown is a record in the words of the format files.
func shown(r *Record) map[string]string {
	instant := func(i Instant) string {
		if !i.Known() {
			return ""
		}
		return i.Time().Format(time.RFC3339Nano)
	}
	duration := func(d time.Duration) string {
		if d < 0 {
			return ""
		}
		return d.String()
	}
	return map[string]string{
		"start": instant(r.Start), "end": instant(r.End), "took": duration(r.Took), "upstream_took": duration(r.UpstreamTook),
		"method": string(r.Method), "target": string(r.Target), "path": string(r.Path), "route": string(r.Route),
		"flags": string(r.Flags), "details": string(r.Details), "request_id": string(r.RequestID), "upstream": string(r.Upstream),
		"cluster": string(r.Cluster), "host": string(r.Host), "status": strconv.Itoa(r.Status), "tries": strconv.Itoa(r.Tries),
		"upstream_status": strconv.Itoa(r.UpstreamStatus), "grpc_status": strconv.Itoa(r.GRPCStatus), "outcome": r.Outcome.String(),
	}
}

// Every format file carries its own tests; this walks the folder.
func TestFormatSamples(t *testing.T) {
	formats, err := Formats()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range formats {
		if len(f.Samples) == 0 {
			t.Errorf("format %s has no samples", f.Name)
		}
		alone := *f
		alone.relatives = nil
		d := NewDecoder(&alone)
		for i, s := range f.Samples {
			t.Run(f.Name+"/"+strconv.Itoa(i), func(t *testing.T) {
				var r Record
				err := d.Decode([]byte(s.Line), &r)
				if s.Error != "" {
					if err == nil || !strings.Contains(err.Error(), s.Error) {
						t.Fatalf("error %v, want one with %q", err, s.Error)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]string{}
				for k, v := range shown(&r) {
					if _, ok := s.Want[k]; ok {
						got[k] = v
					}
				}
				if diff := cmp.Diff(s.Want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", s.Line, diff)
				}
			})
		}
	}
}

// A sample of one format must not be taken for another: that would shift fields
// in silence. Poorer relatives may read it, for the richer one goes first, and
// so may twins, which cannot always be told apart, and the last resort.
func TestFormatsAreApart(t *testing.T) {
	formats, err := Formats()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range formats {
		for _, s := range f.Samples {
			if s.Error != "" {
				continue
			}
			for _, g := range formats {
				alone := *g
				alone.relatives = nil
				var r Record
				if err := NewDecoder(&alone).Decode([]byte(s.Line), &r); err == nil && f != g && !poorer(g, f) {
					t.Errorf("%s also reads the sample of %s: %s", g.Name, f.Name, s.Line)
				}
			}
		}
	}
}

func poorer(g, f *Format) bool {
	return g.Last || g.Twin != "" || f.Twin != "" || g.Family == f.Family && g.wanted() < f.wanted()
}
