package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSumRows(t *testing.T) {
	got := sumRows([]tableRows{
		{schema: "public", name: "orders", kind: "r", rows: 7, oid: 1, visible: true},
		{schema: "shop", name: "orders", kind: "r", rows: 9, oid: 2},
		{schema: "shop", name: "lines", kind: "r", rows: -1, oid: 3, visible: true},
		{schema: "public", name: "events", kind: "p", rows: -1, oid: 4, visible: true},
		{schema: "public", name: "events_1", kind: "r", rows: 5, oid: 5, parent: 4, visible: true},
		{schema: "public", name: "events_2", kind: "p", rows: -1, oid: 6, parent: 4, visible: true},
		{schema: "public", name: "events_2a", kind: "r", rows: 6, oid: 7, parent: 6, visible: true},
		{schema: "public", name: "logs", kind: "p", rows: -1, oid: 8, visible: true},
		{schema: "public", name: "logs_1", kind: "r", rows: -1, oid: 9, parent: 8, visible: true},
	})
	want := map[string]int64{
		"orders": 7, "shop.orders": 9, "lines": -1, "shop.lines": -1, "events": 11, "events_1": 5, "events_2": 6, "events_2a": 6, "logs": -1, "logs_1": -1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
