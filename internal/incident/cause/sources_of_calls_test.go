package cause

import (
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

// hung adds a flow as a source counts it each 5 s: a call a second, of which none
// ends from 60 s to 180 s.
func hung(ev *incident.Evidence, source, started, finished string, labels, ended map[string]string) {
	t0 := time.Date(2026, 1, 15, 14, 23, 0, 0, time.UTC)
	begun := incident.Series{Name: started, Labels: labels, Kind: incident.Counter, Unit: "1", Origin: incident.Origin{Group: "grpc", Name: source}}
	done := begun
	done.Name, done.Labels = finished, map[string]string{}
	for _, from := range []map[string]string{labels, ended} {
		for k, v := range from {
			done.Labels[k] = v
		}
	}
	for s := 0; s <= 180; s += 5 {
		at := t0.Add(time.Duration(s) * time.Second)
		begun.Points = append(begun.Points, incident.Point{At: at, V: float64(s)})
		done.Points = append(done.Points, incident.Point{At: at, V: float64(min(s, 60))})
	}
	ev.Add(begun, done)
}

// TestHangsOfSourcesThatKnowLess: channelz knows no methods and no codes, a server
// not who calls; what is said of a hang claims no more.
func TestHangsOfSourcesThatKnowLess(t *testing.T) {
	find := func(ev *incident.Evidence) []incident.Finding {
		var of []incident.Finding
		for _, f := range Analyze(ev.Snapshot(), Options{}).Findings {
			if f.Cause == "call_without_deadline" {
				of = append(of, f)
			}
		}
		return of
	}
	channel := func(ev *incident.Evidence) {
		hung(ev, "order", incident.CallsStarted, incident.CallsFinished,
			map[string]string{incident.CallTarget: "inventory:9000", "channel": "3"}, map[string]string{incident.CallResult: "failed"})
	}
	ev := incident.NewEvidence()
	channel(ev)
	all := find(ev)
	if len(all) != 1 || !strings.HasPrefix(all[0].Claim, "calls order -> inventory have no deadline: since ") || all[0].Subject.Edge != "order.inventory" {
		t.Fatalf("channelz: %+v", all)
	}
	if said := strings.Join(all[0].Detail, "\n"); strings.Contains(said, "DEADLINE_EXCEEDED") || !strings.Contains(said, "by which code calls end is not known to this source") {
		t.Errorf("channelz knows no codes, yet it is said:\n%s", said)
	}

	hung(ev, "order", "grpc_client_started_total", "grpc_client_handled_total",
		map[string]string{"grpc_service": "inventory.Inventory", "grpc_method": "Reserve"}, map[string]string{"grpc_code": "OK"})
	if all = find(ev); len(all) != 1 || !strings.HasPrefix(all[0].Claim, "calls order -> inventory (Reserve) have no deadline") {
		t.Errorf("the same calls by two sources: %+v", all)
	}
	hung(ev, "otlp", "grpc.client.attempt.started", "grpc.client.attempt.duration.count",
		map[string]string{"grpc.method": "inventory.Inventory/Reserve", "service": "order"}, map[string]string{"grpc.status": "OK"})
	if again := find(ev); len(again) != 1 || len(again[0].Support) <= len(all[0].Support) {
		t.Errorf("the same calls by three sources: %+v", again)
	}

	ev = incident.NewEvidence()
	hung(ev, "inventory", "grpc_server_started_total", "grpc_server_handled_total",
		map[string]string{"grpc_service": "inventory.Inventory", "grpc_method": "Reserve"}, map[string]string{"grpc_code": "OK"})
	all = find(ev)
	if len(all) != 1 || !strings.HasPrefix(all[0].Action, "set a deadline wherever inventory is called") || strings.Contains(all[0].Action, "--set") {
		t.Errorf("a server: %+v", all)
	}
}
