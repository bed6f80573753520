package diffstat

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	s, err := Read("d", "3\t1\tservices/order/server.go\n10\t0\tservices/order/jobs.go\r\n-\t-\tdocs/a.png\n1\t1\told.go => new.go\n"+
		"2\t0\tpkg/{a => b}/x.go\n0\t4\tpkg/{a/ => }y.go\n1\t0\t\"caf\\303\\251/\\\"q\\\".go\"\n\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []File{
		{"services/order/server.go", 3, 1, false},
		{"services/order/jobs.go", 10, 0, false},
		{"docs/a.png", 0, 0, true},
		{"new.go", 1, 1, false},
		{"pkg/b/x.go", 2, 0, false},
		{"pkg/y.go", 0, 4, false},
		{"café/\"q\".go", 1, 0, false},
	}
	if d := cmp.Diff(want, s.Files); d != "" {
		t.Error(d)
	}
	var names []string
	for _, m := range s.Modules() {
		names = append(names, m.Name)
	}
	if d := cmp.Diff([]string{".", "café", "docs", "pkg", "pkg/b", "services/order"}, names); d != "" {
		t.Error(d)
	}
	if a, d := s.Lines(); a != 17 || d != 6 {
		t.Errorf("%d added, %d deleted", a, d)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no tabs", "3\t1\ta\nnonsense\n", "d:2:1: "},
		{"no number", "3\tx\ta\n", "d:1:3: found \"x\", expected a number of lines"},
		{"half binary", "-\t1\ta\n", "d:1:1: "},
		{"negative", "-3\t1\ta\n", "d:1:1: "},
		{"no name", "3\t1\t\n", "d:1:5: "},
		{"a quote that does not end", "3\t1\t\"a\n", "d:1:5: "},
		{"a bad escape", "3\t1\t\"a\\9\"\n", "d:1:5: "},
		{"-z", "3\t1\ta\x00", "d:1:1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Read("d", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, wants %q", err, c.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("3\t1\ta/b.go\n-\t-\tc\n")
	f.Add("1\t1\tpkg/{a => b}/x.go\n")
	f.Add("1\t0\t\"caf\\303\\251\"\n")
	f.Add("1\t0\t => \n}{ => ")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Read("d", text)
		if err != nil {
			if !strings.Contains(err.Error(), "d:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		n := 0
		for _, m := range s.Modules() {
			n += len(m.Files)
		}
		if n != len(s.Files) {
			t.Errorf("%d files in modules of %d", n, len(s.Files))
		}
		for _, file := range s.Files {
			if file.Name == "" || file.Added < 0 || file.Deleted < 0 {
				t.Errorf("%+v", file)
			}
		}
	})
}
