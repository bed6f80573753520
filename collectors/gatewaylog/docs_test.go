package gatewaylog

import (
	"os"
	"strings"
	"testing"
)

// The page about formats names each of them, and each outcome table's gateway is
// somebody's.
func TestThePageNamesEveryFormat(t *testing.T) {
	page, err := os.ReadFile("../../docs/gateway-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	formats, err := Formats()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"haproxy": true} // which another is like
	for _, f := range formats {
		used[f.Outcomes] = true
		if !strings.Contains(string(page), "`"+f.Name+"`") {
			t.Errorf("docs/gateway-logs.md does not name %s", f.Name)
		}
	}
	tables, err := outcomeTables()
	if err != nil {
		t.Fatal(err)
	}
	for name := range tables {
		if !used[name] {
			t.Errorf("no format uses the outcomes %s", name)
		}
	}
}
