package pgkit_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"tripcurve/services/pgkit"
)

func TestMigrationFilesAreNumbered(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string // of the error; empty for none
	}{
		{[]string{"0001_a.sql", "0002_b.sql"}, ""},
		{[]string{"0001_a.sql", "0003_c.sql"}, "0003_c.sql: want number 0002"},
		{[]string{"0001_a.sql", "0001_b.sql"}, "0001_b.sql: want number 0002"},
		{[]string{"1_a.sql"}, "1_a.sql: want number 0001"},
		{[]string{"a.sql"}, "a.sql: want number 0001"},
	} {
		files := fstest.MapFS{}
		for _, n := range c.names {
			files["migrations/"+n] = &fstest.MapFile{}
		}
		_, err := pgkit.Migrations{Set: "test", Files: files}.List()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %q", c.names, err, c.want)
		}
	}
}
