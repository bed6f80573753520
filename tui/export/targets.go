package export

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tripcurve/internal/export"
	"tripcurve/internal/export/plot"
	"tripcurve/internal/export/report"
	"tripcurve/internal/export/timeline"
	"tripcurve/tui/text"
)

// Target is one file that can be written.
type Target struct {
	Group string // under which it is listed
	Name  string
	File  string // its name in the directory; empty: the artifact names it
	Make  func(State) (Artifact, error)
}

func (t Target) key() string { return t.Group + "/" + t.Name }

// name is the file's name in the directory.
func (t Target) name(a Artifact) string {
	if t.File != "" {
		return t.File
	}
	return a.File
}

// Artifact is what a target makes.
type Artifact struct {
	File     string // its name in the directory, where the target has none
	Data     []byte
	Text     string   // what a person looks at; of a picture, what is on it
	Warnings []string // what the target cannot express
	Binary   bool
}

// ErrNothing is what a target says that has nothing to write yet.
var ErrNothing = errors.New("no evidence yet")

// The other groups of targets; the rest are pictures.
const (
	groupTimeline = "timeline"
	groupAnalysis = "analysis"
)

// Targets are all that can be written, in the order of the list.
func Targets() []Target {
	return append(thresholds(),
		Target{groupTimeline, "Markdown", "timeline.md", func(s State) (Artifact, error) {
			return plain(s, func() ([]byte, error) { return document(s).Markdown(), nil })
		}},
		Target{groupTimeline, "HTML", "timeline.html", func(s State) (Artifact, error) { return plain(s, document(s).HTML) }},
		Target{groupTimeline, "JSON", "timeline.json", func(s State) (Artifact, error) {
			return plain(s, document(s).JSON)
		}},
		Target{groupTimeline, "CSV", "timeline.csv", func(s State) (Artifact, error) { return plain(s, document(s).CSV) }},
		Target{groupAnalysis, "text", "analysis.txt", func(s State) (Artifact, error) {
			return plain(s, func() ([]byte, error) { return []byte(analysis(s).Text()), nil })
		}},
		Target{groupAnalysis, "Markdown", "analysis.md", func(s State) (Artifact, error) {
			return plain(s, func() ([]byte, error) { return analysis(s).Markdown(), nil })
		}},
		Target{groupAnalysis, "JSON", "analysis.json", func(s State) (Artifact, error) {
			return plain(s, analysis(s).JSON)
		}},
		Target{"plot", "PNG", "incident.png", func(s State) (Artifact, error) { return picture(s, "png") }},
		Target{"plot", "SVG", "incident.svg", func(s State) (Artifact, error) { return picture(s, "svg") }},
	)
}

func document(s State) timeline.Document {
	return timeline.New(s.Analysis, timeline.Options{Name: s.Name, GeneratedAt: s.At, View: s.View})
}

func analysis(s State) report.Report {
	return report.New(s.View, s.Analysis, report.Options{Name: s.Name, GeneratedAt: s.At})
}

func plain(s State, render func() ([]byte, error)) (Artifact, error) {
	if s.View == nil {
		return Artifact{}, ErrNothing
	}
	data, err := render()
	if err != nil {
		return Artifact{}, err
	}
	return Artifact{Data: data, Text: string(data)}, nil
}

func picture(s State, format string) (Artifact, error) {
	if s.View == nil {
		return Artifact{}, ErrNothing
	}
	f := plot.Incident(s.Name, s.View, s.Analysis)
	data, err := plot.Draw(f, format)
	if err != nil {
		return Artifact{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s picture, %s to %s\n\n%s\n%s\n\npanels\n", strings.ToUpper(format),
		text.Clock(f.Window.From), text.Clock(f.Window.To), f.Title, f.Subtitle)
	for _, p := range f.Panels {
		fmt.Fprintf(&b, "  %s\n", p.Label)
	}
	if len(f.Bands) > 0 {
		b.WriteString("marked intervals\n")
	}
	for _, band := range f.Bands {
		fmt.Fprintf(&b, "  %s to %s  %s\n", text.Clock(band.From), text.Clock(band.To), band.Label)
	}
	if len(f.Marks) > 0 {
		b.WriteString("marked instants\n")
	}
	for i, m := range f.Marks {
		fmt.Fprintf(&b, "  %c %s  %s\n", 'A'+rune(i), text.Clock(m.At), m.Label)
	}
	return Artifact{Data: data, Text: b.String(), Binary: true}, nil
}

// look makes a target and compares it with the file that is there.
func look(t Target, s State, dir string) preview {
	p := preview{key: t.key()}
	if p.artifact, p.err = t.Make(s); p.err != nil {
		return p
	}
	p.name = t.name(p.artifact)
	path := filepath.Join(dir, p.name)
	old, err := os.ReadFile(path)
	if err != nil {
		return p
	}
	p.existing = true
	switch {
	case bytes.Equal(old, p.artifact.Data):
	case p.artifact.Binary:
		p.diff = fmt.Sprintf("%s is there and differs: %s bytes, this one %s bytes\n", path, text.Count(len(old)), text.Count(len(p.artifact.Data)))
	default:
		p.diff = export.Diff(path, string(old), string(p.artifact.Data))
	}
	return p
}

// writeAll writes targets one after the other; each file appears whole or not at
// all. Without force, files that exist and differ are left alone and named.
func writeAll(list []Target, s State, dir string, force bool) (msg wroteMsg) {
	for _, t := range list {
		a, err := t.Make(s)
		if err != nil {
			msg.err = fmt.Errorf("%s %s: %w", t.Group, t.Name, err)
			return msg
		}
		path := filepath.Join(dir, t.name(a))
		switch err := export.Write(path, a.Data, force); {
		case errors.Is(err, export.ErrExists):
			msg.differs = append(msg.differs, path)
		case err != nil:
			msg.err = err
			return msg
		default:
			msg.wrote = append(msg.wrote, path)
			msg.thresholds = msg.thresholds || t.Group == groupThresholds
		}
	}
	return msg
}
