package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/export/chosen"
	"tripcurve/internal/policy"
	"tripcurve/tui/glyph"
	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

// thresholdsFor stands for a library's config: its text holds the deadline.
func thresholdsFor(library, file string) Target {
	return Target{groupThresholds, library, file, func(s State) (Artifact, error) {
		text := fmt.Sprintf("// %s\nexport const options = {\n  timeout: %d,\n};\n", s.Edge, s.Edges[s.Edge].Deadline.Milliseconds())
		return Artifact{Data: []byte(text), Text: text, Warnings: []string{"keepalive: " + library + " has no such setting; set it on the client's connection"}}, nil
	}}
}

func loaded(t *testing.T, dir string, w, h int) *Screen {
	t.Helper()
	edges := policy.Edges{"order.inventory": {}}
	if err := edges.Set("order.inventory.deadline", "5s"); err != nil {
		t.Fatal(err)
	}
	s := New(Options{
		Dir: dir, Edge: "order.inventory", Edges: edges,
		Targets: append([]Target{thresholdsFor("opossum", "breaker.js"), thresholdsFor("grpc", "service-config.json")}, Targets()[len(thresholds()):]...),
	})
	out, ok := tuitest.Loaded(s, w, h-3).(*Screen)
	if !ok {
		t.Fatal("the screen became another one")
	}
	return out
}

func do(s *Screen, names ...string) (said []tea.Msg) {
	for _, n := range names {
		_, cmd := s.Update(screen.ActionMsg{Name: n})
		for len(said) < 1000 {
			msgs := tuitest.Answers(cmd)
			said = append(said, msgs...)
			cmd = nil
			for _, m := range msgs {
				_, next := s.Update(m)
				cmd = tea.Batch(cmd, next)
			}
			if cmd == nil {
				break
			}
		}
	}
	return said
}

func frame(s *Screen) string { return strings.Join(tuitest.Draw(s, 80, 21).Lines(), "\n") }

func TestGolden(t *testing.T) {
	const dir = "testdata/written" // holds a breaker.js
	for _, size := range tuitest.Sizes {
		w, h := size[0], size[1]
		s := loaded(t, dir, w, h)
		tuitest.Golden(t, fmt.Sprintf("diff_%dx%d", w, h), tuitest.Draw(s, w, h-3))
		do(s, "down", "choose", "down", "choose")
		tuitest.Golden(t, fmt.Sprintf("timeline_%dx%d", w, h), tuitest.Draw(s, w, h-3))
	}
	s := loaded(t, dir, 80, 24)
	do(s, "bottom")
	tuitest.Send(s, screen.GlyphsMsg{Level: glyph.ASCII})
	tuitest.Golden(t, "plot_ascii_80x24", tuitest.Draw(s, 80, 21))
}

func TestBeforeAnyData(t *testing.T) {
	s := New(Options{})
	tuitest.Draw(s, 80, 21)
	tuitest.Draw(s, 0, 0)
	do(s, "write")
	tuitest.Send(s, screen.SizeMsg{W: 80, H: 21})
	tuitest.Draw(s, 80, 21)
}

func TestWritingAsksBeforeItReplaces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "INC-2847")
	s := loaded(t, dir, 80, 24)
	said := fmt.Sprint(do(s, "write"))
	path := filepath.Join(dir, "breaker.js")
	if got := read(t, path); !strings.Contains(got, "timeout: 5000") {
		t.Fatalf("wrote %q", got)
	}
	if !strings.Contains(said, "wrote "+path) || strings.Contains(frame(s), "wrote ") {
		t.Errorf("what was written is said, once and not for good: %s\n%s", said, frame(s))
	}
	edges := s.edges.Clone()
	if err := edges.Set("order.inventory.deadline", "3s"); err != nil {
		t.Fatal(err)
	}
	tuitest.Send(s, screen.PolicyMsg{Edge: "order.inventory", Edges: edges, Turned: true})
	if !strings.Contains(s.preview.diff, "-  timeout: 5000") || !strings.Contains(s.preview.diff, "+  timeout: 3000") {
		t.Errorf("diff %q", s.preview.diff)
	}
	do(s, "write")
	if got := read(t, path); !strings.Contains(got, "5000") {
		t.Error("replaced without being asked again")
	}
	if frame := frame(s); !strings.Contains(frame, "enter replaces breaker.js") {
		t.Errorf("what enter would do is not said:\n%s", frame)
	}
	if s.Depth() != 1 {
		t.Error("esc would leave the screen and not the question")
	}
	do(s, "back", "write", "write")
	if got := read(t, path); !strings.Contains(got, "3000") {
		t.Errorf("not replaced after the second enter: %q", got)
	}
}

func TestChosenTargetsAreWrittenTogether(t *testing.T) {
	dir := t.TempDir()
	s := loaded(t, dir, 80, 24)
	do(s, "choose", "bottom", "choose", "write")
	for _, name := range []string{"breaker.js", "incident.svg"} {
		if read(t, filepath.Join(dir, name)) == "" {
			t.Errorf("%s is empty", name)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 {
		t.Errorf("%d files, want 2: %v", len(left), left)
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := loaded(t, filepath.Join(file, "below"), 80, 24)
	var failed error
	for _, m := range do(s, "write") {
		if m, ok := m.(screen.FailedMsg); ok {
			failed = m.Err
		}
	}
	if failed == nil || !strings.Contains(failed.Error(), file) {
		t.Errorf("failed with %v", failed)
	}
}

// Every library's file holds the chosen edge's policy, or says what it cannot.
func TestThresholds(t *testing.T) {
	edges := Proposal(policy.Edges{Proposed: {}})
	if err := edges.Set(Proposed+".keepalive", "20s"); err != nil {
		t.Fatal(err)
	}
	for _, target := range thresholds() {
		t.Run(target.Name, func(t *testing.T) {
			a, err := target.Make(State{Edge: Proposed, Edges: edges})
			if err != nil {
				t.Fatal(err)
			}
			if a.File == "" || len(a.Data) == 0 {
				t.Errorf("%s: %d bytes", a.File, len(a.Data))
			}
			// A target either holds the keepalive or says that it cannot.
			if strings.HasPrefix(target.Name, "datadog-") {
				return // monitors watch a breaker and set nothing
			}
			if all := a.Text + strings.Join(a.Warnings, "\n"); !strings.Contains(strings.ToLower(all), "keepalive") {
				t.Errorf("%s: the keepalive is lost without a word: %q\n%s", a.File, a.Warnings, a.Text)
			}
		})
	}
}

func TestStalePreviewsAreDropped(t *testing.T) {
	s := loaded(t, t.TempDir(), 80, 24)
	tuitest.Send(s, preview{gen: s.gen - 1, key: "old", err: errors.New("old")})
	if s.preview.err != nil {
		t.Error("an old preview is shown")
	}
}

func TestCopy(t *testing.T) {
	s := loaded(t, t.TempDir(), 80, 24)
	said := do(s, "copy")
	if len(said) != 1 {
		t.Fatalf("%v", said)
	}
	if m, ok := said[0].(screen.CopyMsg); !ok || !strings.Contains(m.Text, "timeout: 5000") || m.What != "opossum, 4 lines" {
		t.Errorf("%+v", said[0])
	}
	said = do(s, "bottom", "copy")
	if m, ok := said[len(said)-1].(screen.StatusMsg); !ok || !strings.Contains(m.Text, "picture") {
		t.Errorf("copying a picture says %+v", said[len(said)-1])
	}
}

func TestDirectoryIsTyped(t *testing.T) {
	s := New(Options{Targets: Targets()})
	tuitest.Send(s, screen.SizeMsg{W: 80, H: 21}, tuitest.Incident())
	if got := s.directory(); got != "./INC-2847" {
		t.Errorf("the directory is %s", got)
	}
	do(s, "directory")
	if !s.Capturing() {
		t.Fatal("nothing is typed")
	}
	for range "INC-2847" {
		tuitest.Send(s, tea.KeyPressMsg{Code: tea.KeyBackspace})
	}
	tuitest.Send(s, tea.KeyPressMsg{Code: 'x', Text: "x"}, tea.KeyPressMsg{Code: tea.KeyEnter})
	if s.Capturing() || s.directory() != "./x" {
		t.Errorf("the directory is %s", s.directory())
	}
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{"INC-2847": "INC-2847", "../../etc/passwd": "etc-passwd", "a b\x1b": "a-b", "": "incident", "..": "incident"} {
		if got := fileName(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What is exported and where it comes from is what Tune shows: its values once a
// knob is turned, the postmortem's before and after.
func TestTheOriginOfTheValuesIsSaid(t *testing.T) {
	s := loaded(t, t.TempDir(), 80, 24)
	turned := s.edges.Clone()
	if err := turned.Set("order.inventory.deadline", "3s"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		msg        screen.PolicyMsg
		said, text string
	}{
		{screen.PolicyMsg{Edge: Proposed, Edges: turned, Turned: true}, "your values of the Tune screen", "timeout: 3000"},
		{screen.PolicyMsg{Edge: Proposed, Edges: policy.Edges{Proposed: {}}}, "the postmortem's 5 s, 50 %, 30 s", "timeout: 5000"},
	} {
		tuitest.Send(s, c.msg)
		got := frame(s)
		if !strings.Contains(got, c.said) || !strings.Contains(got, c.text) {
			t.Errorf("%+v: lacks %q or %q:\n%s", c.msg, c.said, c.text, got)
		}
	}
}

// One line says what became of several files.
func TestSeveralFilesAreCounted(t *testing.T) {
	for _, c := range []struct {
		msg  wroteMsg
		want string
	}{
		{wroteMsg{wrote: []string{"x/a.md"}}, "wrote x/a.md"},
		{wroteMsg{wrote: []string{"x/a.md", "x/b.md"}}, "wrote 2 files"},
		{wroteMsg{wrote: []string{"x/a.md"}, differs: []string{"x/b.md"}}, "wrote x/a.md; b.md is there and differs: enter again replaces it"},
	} {
		if got := said(c.msg); got != c.want {
			t.Errorf("said %q, want %q", got, c.want)
		}
	}
}

// What is written here is what is chosen from then on, also the postmortem's set that
// nobody turned a knob for; a file that holds no thresholds says nothing of them.
func TestThresholdsWrittenAreChosen(t *testing.T) {
	own := policy.Edges{"order.inventory": {}}
	path := chosen.Path(t.TempDir(), "inc-2847")
	edges := own.Clone()
	if err := edges.Set("order.inventory.deadline", "5s"); err != nil {
		t.Fatal(err)
	}
	s := New(Options{
		Dir: t.TempDir(), Edge: "order.inventory", Edges: edges, Chosen: chosen.NewKeeper(path, "inc-2847", own),
		Targets: append([]Target{thresholdsFor("opossum", "breaker.js")}, Targets()[len(thresholds()):]...),
	})
	tuitest.Loaded(s, 80, 21)
	do(s, "down", "write")
	if _, err := chosen.Read(path, "inc-2847", own); !chosen.None(err) {
		t.Fatalf("after a timeline: %v", err)
	}
	do(s, "up", "write")
	set, err := chosen.Read(path, "inc-2847", own)
	if err != nil || set.Screen != "Export" || set.Edges["order.inventory"].Deadline != edges["order.inventory"].Deadline {
		t.Errorf("after thresholds: %+v, %v", set, err)
	}

	blocked := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.opt.Chosen = chosen.NewKeeper(chosen.Path(blocked, "inc-2847"), "inc-2847", own)
	s.opt.Dir = t.TempDir()
	if said := fmt.Sprint(do(s, "write")); !strings.Contains(said, "wrote ") || !strings.Contains(said, "is not kept for `tripcurve export config`") {
		t.Errorf("said %s", said)
	}
}

// TestNothingToDiffIsSaid: d where there is no difference to show says so.
func TestNothingToDiffIsSaid(t *testing.T) {
	s := loaded(t, filepath.Join(t.TempDir(), "INC-2847"), 80, 24)
	if said := fmt.Sprint(do(s, "diff")); !strings.Contains(said, "there is no such file yet") {
		t.Errorf("d with no file there says %s", said)
	}
	do(s, "write")
	if said := fmt.Sprint(do(s, "diff")); !strings.Contains(said, "the file that is there is the same") {
		t.Errorf("d with the same file there says %s", said)
	}
}
