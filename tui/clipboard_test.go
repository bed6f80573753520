package tui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tripcurve/tui/screen"
	"tripcurve/tui/tuitest"
)

func TestCopying(t *testing.T) {
	said := func(c Clipboard, m screen.CopyMsg) string {
		var out []string
		for _, msg := range tuitest.Answers(c.copy(m)) {
			switch msg := msg.(type) {
			case screen.StatusMsg:
				out = append(out, msg.Text)
			case screen.FailedMsg:
				out = append(out, msg.Err.Error())
			}
		}
		return strings.Join(out, "|")
	}
	dir := t.TempDir()
	c := Clipboard{Dir: dir}
	if got := said(c, screen.CopyMsg{}); got != "nothing to copy here" {
		t.Errorf("nothing: %q", got)
	}
	got := said(c, screen.CopyMsg{Text: strings.Repeat("long ", 20_000) + "mail bob@example.org", What: "the table"})
	if !strings.HasPrefix(got, "the table (100,0") || !strings.Contains(got, dir) {
		t.Errorf("too long for a terminal: %q", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil || strings.Contains(string(body), "bob@example.org") {
		t.Errorf("what leaves is not redacted (%v)", err)
	}
	if got := said(Clipboard{Mode: "native"}, screen.CopyMsg{Text: "x", What: "it"}); !strings.Contains(got, "osc52 asks the terminal") && !strings.Contains(got, "pbcopy") {
		t.Errorf("no clipboard on this machine: %q", got)
	}
	tool := filepath.Join(dir, "xclip")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\ncat > "+filepath.Join(dir, "clip")+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	display := func(name string) string { return map[string]string{"DISPLAY": ":0"}[name] }
	if got := said(Clipboard{Mode: "native", Env: display}, screen.CopyMsg{Text: "the text", What: "it"}); got != "it is on this machine's clipboard, by xclip" {
		t.Errorf("with xclip: %q", got)
	}
	if clip, err := os.ReadFile(filepath.Join(dir, "clip")); err != nil || string(clip) != "the text" {
		t.Errorf("the clipboard has %q, %v", clip, err)
	}
	if got := said(Clipboard{Mode: "file", Dir: filepath.Join(dir, "none")}, screen.CopyMsg{Text: "x", What: "it"}); !strings.HasPrefix(got, "copy it to a file:") {
		t.Errorf("a folder that is not there: %q", got)
	}
}
