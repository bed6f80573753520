package tui

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Clipboard says how yanked text leaves.
type Clipboard struct {
	Mode string              // auto, native, osc52, tmux or file; empty is auto
	Env  func(string) string // of the environment; nil is empty
	Dir  string              // where what is too long for the terminal is written; empty: the temporary folder
	Keep bool                // leave personal data in; else it is replaced, as in every export
}

// osc52Limit is the most base64 that terminals are known to take in one OSC 52.
const osc52Limit = 74_994

// copy is the command that puts text where it can be pasted and says what was
// done. A terminal never acknowledges OSC 52, so success is not claimed for it.
func (c Clipboard) copy(m screen.CopyMsg) tea.Cmd {
	if m.Text == "" {
		return screen.Say("nothing to copy here")
	}
	body := m.Text
	if !c.Keep {
		body = redact.New(redact.Options{}).Text(body)
	}
	n := text.Plural(len(body), "byte")
	if c.Mode == "file" || base64.StdEncoding.EncodedLen(len(body)) > osc52Limit {
		return c.toFile(m.What, body)
	}
	tmux := c.toTmux(m.What, body)
	switch c.Mode {
	case "tmux":
		return tmux
	case "native":
		return c.toNative(m.What, body)
	}
	osc := tea.Sequence(tea.Raw(ansi.SetSystemClipboard(body)), screen.Say(
		fmt.Sprintf("sent %s (%s) to the terminal's clipboard; it does not say whether it took it", m.What, n)))
	if c.Mode == "osc52" || c.env("TMUX") == "" {
		return osc
	}
	return tea.Sequence(tea.Raw(ansi.SetSystemClipboard(body)), tmux)
}

func (c Clipboard) env(name string) string {
	if c.Env == nil {
		return ""
	}
	return c.Env(name)
}

func (c Clipboard) toTmux(what, body string) tea.Cmd {
	return func() tea.Msg {
		if err := pipe(body, "tmux", "load-buffer", "-w", "-"); err != nil {
			return screen.FailedMsg{Err: fmt.Errorf("copy %s to tmux's buffer: %w", what, err)}
		}
		return screen.StatusMsg{Text: what + " is in tmux's buffer; tmux passes it on where its set-clipboard allows"}
	}
}

// natives are the programs that put what they read on this machine's clipboard, each
// with the variable that says that there is one; empty: always worth a try.
var natives = []struct {
	variable string
	command  []string
}{
	{"WAYLAND_DISPLAY", []string{"wl-copy"}},
	{"DISPLAY", []string{"xclip", "-selection", "clipboard"}},
	{"DISPLAY", []string{"xsel", "--clipboard", "--input"}},
	{"WSL_DISTRO_NAME", []string{"clip.exe"}},
	{"", []string{"pbcopy"}},
}

// toNative gives the text to the first such program that is there. It is the clipboard
// of the machine that we run on, which over ssh is not the user's.
func (c Clipboard) toNative(what, body string) tea.Cmd {
	return func() tea.Msg {
		for _, n := range natives {
			if n.variable != "" && c.env(n.variable) == "" {
				continue
			}
			if _, err := exec.LookPath(n.command[0]); err != nil {
				continue
			}
			if err := pipe(body, n.command...); err != nil {
				return screen.FailedMsg{Err: fmt.Errorf("copy %s with %s: %w", what, n.command[0], err)}
			}
			return screen.StatusMsg{Text: what + " is on this machine's clipboard, by " + n.command[0]}
		}
		return screen.FailedMsg{Err: fmt.Errorf("copy %s: no wl-copy, xclip, xsel, clip.exe or pbcopy that has a clipboard here; TRIPCURVE_CLIPBOARD=osc52 asks the terminal", what)}
	}
}

// pipe gives a text to a program, which has two seconds.
func pipe(text string, command ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader([]byte(text))
	return cmd.Run()
}

func (c Clipboard) toFile(what, body string) tea.Cmd {
	return func() tea.Msg {
		f, err := os.CreateTemp(c.Dir, "tripcurve-yank-*.txt")
		if err == nil {
			_, err = f.WriteString(body)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return screen.FailedMsg{Err: fmt.Errorf("copy %s to a file: %w", what, err)}
		}
		return screen.StatusMsg{Text: fmt.Sprintf("%s (%s) is in %s", what, text.Plural(len(body), "byte"), filepath.Clean(f.Name()))}
	}
}
