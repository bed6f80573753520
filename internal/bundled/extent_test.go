package bundled

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
)

// The endpoint table of the postmortem falls out of the evidence, row by row.
func TestFourRows(t *testing.T) {
	a := cause.Analyze(bundledView(t), cause.Options{})
	type row struct{ Endpoint, Effect, Says string }
	var got []row
	for _, x := range a.Endpoints {
		got = append(got, row{x.Endpoint.String(), x.Effect.String(), x.Says})
		if share, ok := x.Before.Share(); !ok || share != 0 {
			t.Errorf("%s: %v failed before the incident, of %d", x.Endpoint, share, x.Before.Requests)
		}
		if q := x.P99After; q.Hi == 0 || q.Hi > 100*time.Millisecond {
			t.Errorf("%s: p99 after the incident %v", x.Endpoint, q)
		}
	}
	want := []row{
		{"POST /api/orders", "down", "1,245 of 1,258 failed (99.0 %): 502 upstream timeout, 502 server error; none was answered well from 14:23:02Z to 14:46:17Z"},
		{"GET /api/inventory/:sku", "failing", "333 of 2,904 failed (11.5 %): 504 upstream timeout; none was answered well from 14:23:47Z to 14:27:00Z"},
		{"POST /api/payments/intent", "no traffic", "no request from 14:23:01Z on"},
		{"GET /api/orders/:id", "unaffected", "0 of 7,065 failed"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestExtent(t *testing.T) {
	v := bundledView(t)
	x := cause.Analyze(v, cause.Options{}).Extent
	var failed int64
	share := 0.0
	for _, e := range x.Errors {
		failed += e.Requests
		share += e.Share
	}
	if failed != 1245+333 || share < 0.9999 || share > 1.0001 {
		t.Errorf("errors by type: %d requests, shares %v in all", failed, share)
	}
	if f := x.Orders; !f.Known || f.N != 1245 {
		t.Errorf("orders failed: %+v", f)
	}
	if f := x.Orphans; !f.Known || f.N != 100 {
		t.Errorf("orphans: %+v", f)
	}
	if f := x.Intents; !f.Known || f.N != 0 {
		t.Errorf("payment intents: %+v", f)
	}
	if f := x.Customers; f.Known || f.AtMost != failed || !strings.HasPrefix(f.Says, "unknown") || f.Query == "" {
		t.Errorf("customers: %+v; no source names one", f)
	}
	effects := map[string]string{}
	for _, d := range x.Dependents {
		effects[d.Service] = d.Effect.String()
	}
	if d := cmp.Diff(map[string]string{
		"gateway": "hung", "order": "hung", "inventory": "hung", "payment": "no traffic", "fulfillment": "unaffected",
	}, effects); d != "" {
		t.Errorf("services (-want +got):\n%s", d)
	}
	for _, c := range x.Calls {
		if c.Code == "DEADLINE_EXCEEDED" {
			t.Errorf("%+v: none was set", c)
		}
		if hung := c.Caller == "order" && c.Callee == "inventory"; hung && (!c.Open || c.Calls <= 3000) {
			t.Errorf("%+v: they never ended", c)
		}
	}
	for _, s := range x.Times {
		if known := s.Name == "customer impact"; s.Known != known || !known && s.Why == "" {
			t.Errorf("%+v: nobody recorded when it was detected", s)
		}
		if s.Known && s.Length != 1397*time.Second {
			t.Errorf("%s: %s", s.Name, s.Length)
		}
	}
	for _, f := range []incident.Figure{x.Orders, x.Orphans, x.Intents} {
		for _, id := range f.Support {
			if _, ok := v.Get(id); !ok {
				t.Errorf("%q cannot be opened", id)
			}
		}
	}
}
