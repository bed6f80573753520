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

	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// Clipboard says how yanked text leaves.
type Clipboard struct {
	Mode string // auto, osc52, tmux or file; empty is auto
	Tmux bool   // we run inside tmux
	Dir  string // where what is too long for the terminal is written; empty: the temporary folder
	Keep bool   // leave personal data in; else it is replaced, as in every export
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
	if c.Mode == "tmux" {
		return tmux
	}
	osc := tea.Sequence(tea.SetClipboard(body), screen.Say(
		fmt.Sprintf("sent %s (%s) to the terminal's clipboard; it does not say whether it took it", m.What, n)))
	if c.Mode == "osc52" || !c.Tmux {
		return osc
	}
	return tea.Sequence(tea.SetClipboard(body), tmux)
}

func (c Clipboard) toTmux(what, body string) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "tmux", "load-buffer", "-w", "-")
		cmd.Stdin = bytes.NewReader([]byte(body))
		if err := cmd.Run(); err != nil {
			return screen.FailedMsg{Err: fmt.Errorf("copy %s to tmux's buffer: %w", what, err)}
		}
		return screen.StatusMsg{Text: what + " is in tmux's buffer; tmux passes it on where its set-clipboard allows"}
	}
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
