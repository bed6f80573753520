package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDrillToLines: from a number on the Gateway screen to the lines of the log that it
// was counted from, by endpoint and by upstream, of a recording whose log is there yet.
func TestDrillToLines(t *testing.T) {
	dir := t.TempDir()
	var log strings.Builder
	at := time.Date(2026, 1, 15, 14, 23, 1, 0, time.UTC)
	for i := range 300 {
		status := 201
		if i%3 == 0 {
			status = 502
		}
		fmt.Fprintf(&log, "198.51.100.7 - - [%s] \"POST /api/orders HTTP/1.1\" %d 157 \"-\" \"line-%d\" 0.012 0.011 10.0.3.%d:8080 %[2]d\n",
			at.Add(time.Duration(i)*time.Second).Format("02/Jan/2006:15:04:05 -0700"), status, i, 15+i%3)
	}
	if err := os.WriteFile(filepath.Join(dir, "access.log"), []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	term := startTerminal(t, 120, 36, []string{"PROGRAM=" + binary(t, "tripcurve"), "LOG=" + dir},
		"/bin/sh", "-c", `cd "$LOG" && "$PROGRAM" import access.log -o night.incident && exec "$PROGRAM" open night.incident`)
	term.send("3")
	term.waitFor("POST /api/orders")
	term.send("\r")
	term.waitFor("298 of access.log, ")
	term.send("/line-29\r")
	term.waitFor("9 of 298 of access.log")
	term.send("/\r") // without the filter
	term.waitFor("298 of access.log, ")
	term.send("ccc")
	term.waitFor("UPSTREAM")
	term.waitFor("10.0.3.15:8080")
	term.send("q")
}
