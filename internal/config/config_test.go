package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func noEnv(string) string { return "" }

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestStrongerPlaceWins(t *testing.T) {
	file := write(t, "# mine\ntheme: light\ncolor: 256\nfps: 15\n")
	env := func(k string) string {
		return map[string]string{"TRIPCURVE_COLOR": "never", "TRIPCURVE_THEME": "mono"}[k]
	}
	v, err := Load(file, false, env, map[string]string{"color": "16"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Value{}
	for _, n := range []string{"color", "theme", "fps", "glyphs"} {
		got[n] = v.Get(n)
	}
	want := map[string]Value{
		"color":  {"16", "flag --color"},
		"theme":  {"mono", "environment TRIPCURVE_THEME"},
		"fps":    {"15", file + ":4:6"},
		"glyphs": {"auto", "default"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
}

func TestBadFilesNameThePlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":     {"theme: dark\ncolour: never\n", `:2:1: no setting is called "colour"; expected one of color,`},
		"unknown value":   {"theme: blue\n", `:1:8: theme is "blue"; expected one of auto, dark,`},
		"too many frames": {"fps: 500\n", `:1:6: fps is "500"; expected a whole number from 1 to 120`},
		"not a number":    {"fps: fast\n", `:1:6: fps is "fast"; expected a whole number`},
		"a list":          {"theme:\n  - dark\n", ":2:3: found a list, expected one value of theme"},
		"not a mapping":   {"just words\n", `:1:1: found "just words", expected lines`},
		"not yaml":        {"theme: [dark\n", "1:8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, c.text), false, noEnv, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want one with %q", err, c.want)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if v, err := Load(missing, false, noEnv, nil); err != nil || v.Exists {
		t.Errorf("a file nobody named may be missing: %v, %v", v.Exists, err)
	}
	if _, err := Load(missing, true, noEnv, nil); err == nil {
		t.Error("a file that the user named may not be missing")
	}
}

func TestEmptyFileIsFine(t *testing.T) {
	if _, err := Load(write(t, "# nothing\n"), true, noEnv, nil); err != nil {
		t.Error(err)
	}
}

func TestFindPaths(t *testing.T) {
	env := map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/var/s", "XDG_CACHE_HOME": "relative"}
	got := FindPaths(func(k string) string { return env[k] })
	want := Paths{Config: "/home/a/.config/tripcurve/config.yaml", State: "/var/s/tripcurve", Cache: "/home/a/.cache/tripcurve"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("paths (-want +got):\n%s", d)
	}
}
