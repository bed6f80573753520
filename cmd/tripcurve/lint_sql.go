package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/collectors/postgres"
	"tripcurve/internal/formats"
	"tripcurve/internal/lint/migration"
	"tripcurve/internal/redact"
)

const (
	// sqlFormat is --as of a migration.
	sqlFormat = "sql"
	// mostSQL bounds a migration.
	mostSQL = 64 << 20
	// rowsTimeout bounds the one look at the statistics of a server.
	rowsTimeout = 15 * time.Second
)

func postgresVersions() []string {
	var all []string
	for v := migration.OldestVersion; v <= migration.NewestVersion; v++ {
		all = append(all, strconv.Itoa(v))
	}
	return all
}

// sortPaths takes folders apart and reads migrations; what is left are
// configurations and documents.
func (a *app) sortPaths(args []string, as string) (configs, documents []string, scripts []migration.File, err error) {
	var unread []error
	for _, arg := range args {
		paths := []string{arg}
		info, err := os.Stat(arg)
		switch {
		case arg != "-" && err == nil && info.IsDir():
			paths, err = sqlFiles(arg)
			if err != nil {
				unread = append(unread, err)
				continue
			}
		case isDocument(arg, as):
			documents = append(documents, arg)
			continue
		case as != sqlFormat && !strings.EqualFold(filepath.Ext(arg), ".sql"):
			configs = append(configs, arg)
			continue
		}
		for _, p := range paths {
			f, err := a.readSQL(p)
			if err != nil {
				unread = append(unread, err)
				continue
			}
			scripts = append(scripts, f)
		}
	}
	return configs, documents, scripts, errors.Join(unread...)
}

// sqlFiles are the migrations in a folder, in the order of their names with numbers
// as numbers.
func sqlFiles(dir string) ([]string, error) {
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.ToLower(d.Name())
		if d.Type().IsRegular() && strings.HasSuffix(name, ".sql") && !strings.HasSuffix(name, ".down.sql") {
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: this is a folder without *.sql; of configurations name the files in it", dir)
	}
	slices.SortStableFunc(all, byNumber)
	return all, nil
}

// byNumber compares names as people do: V2 before V10.
func byNumber(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if x != y {
				return strings.Compare(x, y)
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func (a *app) readSQL(path string) (migration.File, error) {
	name, r := path, a.stdin
	if path == "-" {
		name = "stdin"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return migration.File{}, err
		}
		defer func() { _ = f.Close() }() // it was only read
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, mostSQL+1))
	switch {
	case err != nil:
		return migration.File{}, fmt.Errorf("%s: %w", name, err)
	case len(data) > mostSQL:
		return migration.File{}, fmt.Errorf("%s: more than %d MiB is no migration", name, mostSQL>>20)
	case strings.HasPrefix(string(data), "\xff\xfe") || strings.HasPrefix(string(data), "\xfe\xff"):
		return migration.File{}, fmt.Errorf("%s: this is UTF-16: save it as UTF-8", name)
	}
	return migration.File{Name: name, Text: strings.TrimPrefix(string(data), "\ufeff")}, nil
}

// isSQL says whether a text that is no configuration begins as a migration does.
func isSQL(text string) bool {
	if _, _, err := formats.Detect("stdin", text); err == nil || !errors.Is(err, formats.ErrUnknown) {
		return false
	}
	return migration.Likely(text)
}

// lintMigrations looks at migrations; the grammar is loaded for them alone.
func (a *app) lintMigrations(ctx context.Context, scripts []migration.File, f lintFlags) (migration.Report, error) {
	if len(scripts) == 0 {
		return migration.Report{}, nil
	}
	version, err := strconv.Atoi(f.version)
	if err != nil {
		return migration.Report{}, badInput("--for %q: expected a major version", f.version)
	}
	opt := migration.Options{Version: version, OneTx: f.transaction == "file"}
	switch {
	case f.dsn != "":
		ctx, cancel := context.WithTimeout(ctx, rowsTimeout)
		defer cancel()
		rows, err := postgres.TableRows(ctx, f.dsn)
		if err != nil {
			return migration.Report{}, sourceError(err)
		}
		opt.Rows = rows
	case f.stats != "":
		file, err := a.readSQL(f.stats)
		if err != nil {
			return migration.Report{}, exitError{exitUsage, err}
		}
		if opt.Rows, err = migration.ReadRows(file.Name, file.Text); err != nil {
			return migration.Report{}, exitError{exitUsage, err}
		}
	}
	done := a.loading("loading PostgreSQL's grammar")
	err = migration.Load()
	done()
	if err != nil {
		return migration.Report{}, exitError{exitUsage, err}
	}
	report, err := migration.Lint(scripts, opt)
	if err != nil {
		return report, exitError{exitUsage, err}
	}
	return report, nil
}

// loading says on a terminal what takes its time; done takes that away.
func (a *app) loading(what string) (done func()) {
	if f, ok := a.stderr.(*os.File); !ok || !isTerminal(f) {
		return func() {}
	}
	fmt.Fprint(a.stderr, what+" ...")
	return func() { fmt.Fprint(a.stderr, "\r\x1b[K") }
}

func (a *app) printLocks(statements []migration.Statement) {
	for _, s := range statements {
		for _, l := range s.Locks {
			line := fmt.Sprintf("%s:%d: %s on %s until %s", s.File, s.Line, l.Mode, l.Object, l.Until)
			switch {
			case l.New:
				line += "; its own table"
			case l.Stops != "":
				line += "; stops " + l.Stops + "; while it waits, " + l.Queue + " wait too"
			}
			fmt.Fprintln(a.stdout, redact.Line(line))
		}
	}
}
