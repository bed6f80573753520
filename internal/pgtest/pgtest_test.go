//go:build real

package pgtest

import (
	"context"
	"testing"
)

func TestRealServerStartsStopsAndKeepsItsData(t *testing.T) {
	s := Start(t, "max_connections=7")
	s.Exec(t, "create table kept (n int)", "insert into kept values (7)")
	s.Stop()
	s.Resume(t)
	var n, most int
	err := s.Connect(t).QueryRow(context.Background(), "select n, current_setting('max_connections')::int from kept").Scan(&n, &most)
	if err != nil {
		t.Fatal(err)
	}
	if n != 7 || most != 7 {
		t.Errorf("n = %d, max_connections = %d; want 7 and 7", n, most)
	}
}
