package postgres

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// catalogs reads testdata/catalogs: the columns of the views and functions that the
// queries use, and from which version to which they exist.
func catalogs(t *testing.T) map[string]map[string][2]int {
	t.Helper()
	text, err := os.ReadFile("testdata/catalogs")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string][2]int{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		view := strings.TrimSuffix(fields[0], ":")
		if all[view] == nil {
			all[view] = map[string][2]int{}
		}
		for _, column := range fields[1:] {
			name, versions, _ := strings.Cut(column, "@")
			since, until := 12, 99
			if versions != "" {
				if _, err := fmt.Sscanf(versions, "%d-%d", &since, &until); err != nil {
					if _, err := fmt.Sscanf(versions, "%d", &since); err != nil {
						t.Fatalf("testdata/catalogs: %q: want COLUMN@SINCE or COLUMN@SINCE-UNTIL", column)
					}
				}
			}
			all[view][name] = [2]int{since, until}
		}
	}
	return all
}

var (
	sqlComment = regexp.MustCompile(`(?m)--.*$`)
	sqlText    = regexp.MustCompile(`'[^']*'`)
	sqlFrom    = regexp.MustCompile(`(?i)\b(?:from|join)\s+(pg_\w+)(?:\(\))?(?:\s+(?:as\s+)?(\w+))?`)
	sqlColumn  = regexp.MustCompile(`\b(\w+)\.(\w+)\b`)
)

// Only one version is installed where the tests run. That each query fits every
// version that gets it is checked against what is documented of their catalogs.
func TestEveryQueryFitsTheVersionsThatGetIt(t *testing.T) {
	views := catalogs(t)
	for name := range queries {
		for version := 12; version <= 18; version++ {
			sql := sqlText.ReplaceAllString(sqlComment.ReplaceAllString(query(name, version*10000+3), ""), "''")
			alias := map[string]string{}
			for _, m := range sqlFrom.FindAllStringSubmatch(sql, -1) {
				if views[m[1]] == nil {
					if !strings.Contains(m[0], "()") {
						t.Errorf("%s for %d reads %s, which testdata/catalogs lacks", name, version, m[1])
					}
					continue
				}
				alias[m[1]] = m[1]
				if m[2] != "" {
					alias[m[2]] = m[1]
				}
			}
			columns := 0
			for _, m := range sqlColumn.FindAllStringSubmatch(sql, -1) {
				view := alias[m[1]]
				if view == "" {
					continue
				}
				columns++
				if v, ok := views[view][m[2]]; !ok || version < v[0] || version > v[1] {
					t.Errorf("%s for %d reads %s.%s, which that version does not have", name, version, view, m[2])
				}
			}
			if columns == 0 && !slices.Contains([]string{"server", "blockers", "held"}, name) {
				t.Errorf("%s for %d: no column was found in it:\n%s", name, version, sql)
			}
		}
	}
}

func TestTheNewestQueryThatFitsIsTaken(t *testing.T) {
	for _, tt := range []struct {
		name    string
		version int
		from    int
	}{
		{"sessions", 120000, 12},
		{"sessions", 129999, 12},
		{"sessions", 130000, 13},
		{"sessions", 139999, 13},
		{"sessions", 140000, 14},
		{"sessions", 150018, 14},
		{"sessions", 180001, 14},
		{"sessions", 190000, 14},
		{"held", 120000, 12},
		{"held", 180000, 12},
		{"database", 139999, 12},
		{"database", 140000, 14},
		{"settings", 160000, 12},
		{"indexes", 120000, 12},
		{"server", 180000, 12},
		{"identity", 150000, 12},
		{"blockers", 150000, 12},
	} {
		var want string
		for _, f := range queries[tt.name] {
			if f.from == tt.from {
				want = f.sql
			}
		}
		if got := query(tt.name, tt.version); got != want || got == "" {
			head, _, _ := strings.Cut(got, "\n")
			t.Errorf("%s for %d: %q, want that from %d", tt.name, tt.version, head, tt.from)
		}
	}
}
