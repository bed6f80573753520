// Package diffstat reads what `git diff --numstat` prints: which files a change
// touches, and how much of them.
package diffstat

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
)

const (
	mostFiles = 100_000
	mostName  = 4096 // bytes
	mostLines = 1 << 40
)

// Stat is a change.
type Stat struct {
	Files []File
}

// File of a change.
type File struct {
	Name           string // as it is called after the change
	Added, Deleted int64  // lines; both 0 when Binary
	Binary         bool
}

// Module is a folder with the files of a change in it.
type Module struct {
	Name  string // "." for files that lie in no folder
	Files []File
}

// Read is the change in the text of a file of that name. An error says file, line
// and column, what was found and what was expected.
func Read(name, text string) (*Stat, error) {
	s := &Stat{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if strings.ContainsRune(line, 0) {
			return nil, wrong(name, i+1, 1, "a byte of zero", "the output of git diff --numstat without -z")
		}
		f, err := file(name, i+1, line)
		if err != nil {
			return nil, err
		}
		if len(s.Files) == mostFiles {
			return nil, wrong(name, i+1, 1, "one file more", fmt.Sprintf("%d files at most", mostFiles))
		}
		s.Files = append(s.Files, f)
	}
	return s, nil
}

func file(name string, n int, line string) (f File, err error) {
	fields := strings.SplitN(line, "\t", 3)
	if len(fields) != 3 {
		return f, wrong(name, n, 1, strconv.Quote(shown(line)), "added lines, deleted lines and a name, with tabs between them, as git diff --numstat prints")
	}
	if f.Binary = fields[0] == "-" && fields[1] == "-"; !f.Binary {
		column := 1
		for i, to := range []*int64{&f.Added, &f.Deleted} {
			v, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil || v < 0 || v > mostLines || fields[i][0] == '+' {
				return f, wrong(name, n, column, strconv.Quote(shown(fields[i])), "a number of lines, or - for a binary file")
			}
			*to = v
			column += len(fields[i]) + 1
		}
	}
	column := len(fields[0]) + len(fields[1]) + 3
	f.Name = after(fields[2])
	if strings.HasPrefix(f.Name, `"`) {
		if f.Name, err = unquote(f.Name); err != nil {
			return f, wrong(name, n, column, shown(fields[2]), "a name, quoted as git quotes")
		}
	}
	if f.Name == "" || len(f.Name) > mostName {
		return f, wrong(name, n, column, fmt.Sprintf("a name of %d bytes", len(f.Name)), fmt.Sprintf("1 to %d", mostName))
	}
	return f, nil
}

// after is the name that a renamed file has in the end: "old => new" or
// "pre{old => new}post".
func after(name string) string {
	arrow := strings.Index(name, " => ")
	if arrow < 0 {
		return name
	}
	open := strings.LastIndexByte(name[:arrow], '{')
	shut := strings.IndexByte(name[arrow:], '}')
	if open < 0 || shut < 0 {
		return name[arrow+4:]
	}
	shut += arrow
	pre, mid, post := name[:open], name[arrow+4:shut], name[shut+1:]
	if mid == "" { // a folder that is gone
		post = strings.TrimPrefix(post, "/")
	}
	return pre + mid + post
}

// unquote reads the way in which git writes odd names: as C does, with bytes in
// octal.
func unquote(s string) (string, error) {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return "", strconv.ErrSyntax
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			return "", strconv.ErrSyntax
		}
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", strconv.ErrSyntax
		}
		if at := strings.IndexByte(`abtnvfr"\`, s[i]); at >= 0 {
			b.WriteByte("\a\b\t\n\v\f\r\"\\"[at])
			continue
		}
		if i+3 > len(s) {
			return "", strconv.ErrSyntax
		}
		v, err := strconv.ParseUint(s[i:i+3], 8, 8)
		if err != nil {
			return "", strconv.ErrSyntax
		}
		b.WriteByte(byte(v))
		i += 2
	}
	return b.String(), nil
}

// Modules are the folders of the change, by name.
func (s *Stat) Modules() (all []Module) {
	for _, f := range s.Files {
		dir := path.Dir(f.Name)
		i := slices.IndexFunc(all, func(m Module) bool { return m.Name == dir })
		if i < 0 {
			all, i = append(all, Module{Name: dir}), len(all)
		}
		all[i].Files = append(all[i].Files, f)
	}
	slices.SortStableFunc(all, func(a, b Module) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lines are how many were added and deleted.
func (s *Stat) Lines() (added, deleted int64) {
	for _, f := range s.Files {
		added, deleted = added+f.Added, deleted+f.Deleted
	}
	return added, deleted
}

// shown is the beginning of a text for a message.
func shown(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

func wrong(file string, line, column int, found, want string) error {
	return fmt.Errorf("diff %w", &source.Error{File: file, Pos: source.Pos{Line: line, Column: column}, Found: found, Want: want})
}
