package webhook

import (
	"encoding/json"
	"math"
	"testing"
)

func TestAsWritten(t *testing.T) {
	e := Event{ID: "evt_1", Type: Succeeded, Created: 1768478400}
	o := &e.Data.Object
	o.ID, o.Amount, o.Currency, o.Metadata.ReservationID = "pi_1", 0, "USD", "res_1"
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := asWritten(string(body)); !ok || got != e {
		t.Errorf("%s: read %+v, %v", body, got, ok)
	}
	for _, change := range []func(*Event){
		func(e *Event) { e.ID = "<evt>" }, // encoding/json escapes these
		func(e *Event) { e.Type = "caf\u00e9" },
		func(e *Event) { e.Created = -1 },
		func(e *Event) { e.Data.Object.Amount = math.MaxInt64 },
	} {
		unlike := e
		change(&unlike)
		body, err := json.Marshal(unlike)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := asWritten(string(body)); ok {
			t.Errorf("%s: read %+v", body, got)
		}
	}
}

// What is read in the quick way is what encoding/json reads.
func FuzzAsWritten(f *testing.F) {
	for _, s := range []string{
		`{"id":"evt_1","type":"t","created":12,"data":{"object":{"id":"pi_1","amount":34999,"currency":"USD","metadata":{"reservationId":"res_1"}}}}`,
		`{"id":"","type":"","created":0,"data":{"object":{"id":"","amount":0,"currency":"","metadata":{"reservationId":""}}}}`,
		`{"id":"","type":"","created":00,"data":{"object":{"id":"","amount":0,"currency":"","metadata":{"reservationId":""}}}}`,
		`{"id":"evt_1"}`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := asWritten(body)
		if !ok {
			return
		}
		var want Event
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("%q: read %+v, which is no JSON: %v", body, got, err)
		}
		if got != want {
			t.Fatalf("%q: read %+v, want %+v", body, got, want)
		}
	})
}
