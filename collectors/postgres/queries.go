package postgres

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Queries are files, NAME_from_VERSION.sql: the newest that is not newer than the
// server is the one for it.
//
//go:embed queries/*.sql
var queryFiles embed.FS

// queryFile is one query for servers of a major version and newer.
type queryFile struct {
	from int // such as 14
	sql  string
}

var queries = loadQueries(queryFiles)

// loadQueries reads the files by name. A file that is not named so is our mistake.
func loadQueries(files fs.FS) map[string][]queryFile {
	paths, err := fs.Glob(files, "queries/*.sql")
	if err != nil {
		panic(err)
	}
	all := map[string][]queryFile{}
	for _, p := range paths {
		name, version, ok := strings.Cut(strings.TrimSuffix(path.Base(p), ".sql"), "_from_")
		from, err := strconv.Atoi(version)
		text, readErr := fs.ReadFile(files, p)
		if !ok || err != nil || readErr != nil {
			panic(fmt.Sprintf("query %s: want NAME_from_VERSION.sql", p))
		}
		all[name] = append(all[name], queryFile{from, string(text)})
	}
	return all
}

// query is the SQL of that name for a server_version_num of 120000 or newer.
func query(name string, version int) string {
	var best queryFile
	for _, f := range queries[name] {
		if f.from*10000 <= version && f.from > best.from {
			best = f
		}
	}
	if best.sql == "" {
		panic(fmt.Sprintf("no query %s for PostgreSQL %d", name, version))
	}
	return best.sql
}

// SampleSQL is what one sample asks of a server of a version as server_version_num has
// it, 120000 or newer: the statements one after the other, for people to read.
func SampleSQL(version int) string {
	var list []string
	for _, name := range []string{"sessions", "blockers", "held"} {
		list = append(list, strings.TrimSpace(query(name, version)))
	}
	return strings.Join(list, "\n\n") + "\n"
}
