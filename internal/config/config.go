// Package config resolves the program's settings: a flag wins over the
// environment, the environment over the file, the file over the default, and
// every value remembers where it came from. It never holds a credential.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
)

// Setting is one thing a user may choose. The same name is its flag (--color),
// its environment variable (TRIPCURVE_COLOR) and its key in the file (color).
type Setting struct {
	Name    string
	Default string
	Choices []string // the values allowed; empty allows any
	Most    int      // a whole number from 1 to Most is wanted; 0 is no number
	Help    string
}

// Flag is the setting's flag without dashes.
func (s Setting) Flag() string { return strings.ReplaceAll(s.Name, "_", "-") }

// Env is the setting's environment variable.
func (s Setting) Env() string { return "TRIPCURVE_" + strings.ToUpper(s.Name) }

// Settings is every setting, in the order in which `info` lists them.
var Settings = []Setting{
	{Name: "color", Default: "auto", Choices: []string{"auto", "always", "never", "16", "256", "truecolor"}, Help: "colours on the terminal"},
	{Name: "theme", Default: "auto", Choices: []string{"auto", "dark", "light", "deuteranopia", "high-contrast", "mono"}, Help: "palette; auto is dark, or light when the terminal says so"},
	{Name: "glyphs", Default: "auto", Choices: []string{"auto", "braille", "block", "ascii"}, Help: "what charts are drawn with"},
	{Name: "fps", Default: "120", Most: 120, Help: "most frames per second; 15 suits a bad link"},
	{Name: "sync", Default: "auto", Choices: []string{"auto", "on", "off"}, Help: "whole frames only, which over ssh must be asked for; off where they come late"},
	{Name: "animation", Default: "on", Choices: []string{"on", "off"}, Help: "the spinner while something runs"},
	{Name: "clipboard", Default: "auto", Choices: []string{"auto", "native", "osc52", "tmux", "file"}, Help: "where y copies to"},
	{Name: "mouse", Default: "off", Choices: []string{"off", "on"}, Help: "whether the screens take the mouse, which then selects with shift; M changes it"},
	{Name: "export_dir", Help: "folder that the Export screen writes to (default: one here with the incident's name)"},
}

// Value is a resolved setting.
type Value struct {
	Text   string
	Origin string // "default", "flag --color", "environment TRIPCURVE_COLOR", "config.yaml:3"
}

// Values holds one Value for each of Settings.
type Values struct {
	File   string // the file that was looked for
	Exists bool
	Keys   []Binding // what it says of the screens' keys, in its order
	byName map[string]Value
}

// Get is the value of a setting of Settings; any other name is a mistake of ours.
func (v Values) Get(name string) Value {
	val, ok := v.byName[name]
	if !ok {
		panic("config: no setting named " + name)
	}
	return val
}

// Load resolves all settings. flags holds the flags that were given, by setting
// name. A missing file is fine unless the user named it (explicit).
func Load(file string, explicit bool, env func(string) string, flags map[string]string) (Values, error) {
	v := Values{File: file, byName: map[string]Value{}}
	for _, s := range Settings {
		v.byName[s.Name] = Value{Text: s.Default, Origin: "default"}
	}
	text, err := ReadFile(file)
	switch {
	case err == nil:
		v.Exists = true
		if err := v.readFile(file, text); err != nil {
			return v, err
		}
	case !explicit && errors.Is(err, fs.ErrNotExist):
	default:
		return v, fmt.Errorf("settings file: %w", err)
	}
	for _, s := range Settings {
		if text := env(s.Env()); text != "" {
			if err := v.set(s, text, "environment "+s.Env()); err != nil {
				return v, err
			}
		}
		if text, given := flags[s.Name]; given {
			if err := v.set(s, text, "flag --"+s.Flag()); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// MostBytes of a settings file: it is a dozen lines, a page for every source, and
// their comments.
const MostBytes = 256 << 10

// Others are the keys of the file that are no settings: the keys of the screens, which
// Values has; sources and recording are read by those who collect, who import package
// sources.
var Others = []string{"keys", "sources", "recording"}

// ReadFile is the text of a settings file. It reads no further than MostBytes, for a device or a
// pipe may have no end.
func ReadFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MostBytes+1))
	if err == nil && len(text) > MostBytes {
		err = fmt.Errorf("%s: more than %d KiB is no settings file", file, MostBytes>>10)
	}
	return text, err
}

func (v Values) set(s Setting, text, origin string) error {
	if len(s.Choices) > 0 && !slices.Contains(s.Choices, text) {
		return fmt.Errorf("%s: %s is %q; expected one of %s", origin, s.Name, text, strings.Join(s.Choices, ", "))
	}
	if n, err := strconv.Atoi(text); s.Most > 0 && (err != nil || n < 1 || n > s.Most) {
		return fmt.Errorf("%s: %s is %q; expected a whole number from 1 to %d", origin, s.Name, text, s.Most)
	}
	v.byName[s.Name] = Value{Text: text, Origin: origin}
	return nil
}

func (v *Values) readFile(file string, text []byte) error {
	docs, err := source.YAML(file, string(text))
	if err != nil {
		return fmt.Errorf("settings file %w", err)
	}
	for _, doc := range docs {
		if doc.Kind != source.Map {
			return doc.Wrong("lines of `name: value`")
		}
		for _, m := range doc.Members {
			if m.Key == "keys" {
				if v.Keys, err = readKeys(file, m.Value); err != nil {
					return fmt.Errorf("settings file %w", err)
				}
			}
			if slices.Contains(Others, m.Key) {
				continue
			}
			i := slices.IndexFunc(Settings, func(s Setting) bool { return s.Name == m.Key })
			if i < 0 {
				return m.Wrong(fmt.Sprintf("no setting is called %q; expected one of %s", m.Key, strings.Join(append(Names(), Others...), ", ")))
			}
			switch m.Value.Kind {
			case source.Null, source.Map, source.List, source.Other:
				return m.Value.Wrong("one value of " + m.Key)
			default:
			}
			if err := v.set(Settings[i], m.Value.Text, fmt.Sprintf("%s:%d:%d", file, m.Value.Line, m.Value.Column)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Names lists the names of all settings.
func Names() []string {
	names := make([]string, len(Settings))
	for i, s := range Settings {
		names[i] = s.Name
	}
	return names
}

// Paths are the folders the program uses, after the XDG base directory rules.
type Paths struct {
	Config string // the settings file
	State  string // recordings, sessions, history
	Cache  string
}

// FindPaths derives the paths from the environment. TRIPCURVE_CONFIG names the
// settings file outright.
func FindPaths(env func(string) string) Paths {
	home := env("HOME")
	dir := func(variable, fallback string) string {
		if d := env(variable); filepath.IsAbs(d) {
			return filepath.Join(d, "tripcurve")
		}
		return filepath.Join(home, fallback, "tripcurve")
	}
	p := Paths{
		Config: filepath.Join(dir("XDG_CONFIG_HOME", ".config"), "config.yaml"),
		State:  dir("XDG_STATE_HOME", ".local/state"),
		Cache:  dir("XDG_CACHE_HOME", ".cache"),
	}
	if f := env("TRIPCURVE_CONFIG"); f != "" {
		p.Config = f
	}
	return p
}
