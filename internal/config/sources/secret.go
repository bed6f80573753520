package sources

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"tripcurve/internal/formats/source"
)

// Secret says where a credential is. The zero value is none.
type Secret struct {
	Env     string   // name of a variable
	File    string   // the credential is all of it but blanks around
	Command []string // program and arguments, no shell; it prints the credential
}

// Given says whether there is one.
func (s Secret) Given() bool { return s.Env != "" || s.File != "" || len(s.Command) > 0 }

// Changes says whether reading it again may give another one.
func (s Secret) Changes() bool { return s.File != "" || len(s.Command) > 0 }

// String says where it is.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "env:" + s.Env
	case s.File != "":
		return "file:" + s.File
	case len(s.Command) > 0:
		return "command " + s.Command[0] // arguments may hold what is not to be shown
	}
	return "none"
}

const secretWanted = "env:NAME, file:PATH or command: [PROGRAM, ARGUMENT]"

// ReadNode reads "env:NAME", "file:PATH" or a mapping with one of env, file and
// command. Whatever else it finds may be the credential, and is not repeated.
func (s *Secret) ReadNode(n *source.Node) error {
	literal := func() error {
		return n.Errorf(secretWanted, "what may be the credential itself (not shown)")
	}
	switch n.Kind {
	case source.String:
		kind, value, _ := strings.Cut(n.Text, ":")
		switch kind {
		case "env":
			s.Env = value
		case "file":
			s.File = value
		case "command":
			docs, err := source.YAML("", value)
			if err != nil || len(docs) != 1 {
				return literal()
			}
			if s.Command = command(docs[0]); s.Command == nil {
				return literal()
			}
		}
	case source.Map:
		if len(n.Members) != 1 {
			return n.Errorf("one of env, file and command", "%d keys", len(n.Members))
		}
		m := n.Members[0]
		switch {
		case m.Key == "command":
			if s.Command = command(m.Value); s.Command == nil {
				return m.Value.Errorf("a list: [PROGRAM, ARGUMENT]", "no list of texts")
			}
		case m.Value.Kind != source.String:
			return literal()
		case m.Key == "env":
			s.Env = m.Value.Text
		case m.Key == "file":
			s.File = m.Value.Text
		}
	default:
		return literal()
	}
	if !s.Given() {
		return literal()
	}
	if strings.ContainsFunc(s.Env, notOfName) {
		return n.Errorf("env:NAME, the name of a variable", "a name that no variable has (not shown)")
	}
	return nil
}

func notOfName(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// command is a list of texts; nil when it is none.
func command(n *source.Node) []string {
	if n.Kind != source.List {
		return nil
	}
	var words []string
	for _, item := range n.Items {
		if item.Kind != source.String && item.Kind != source.Number || len(words) == 0 && item.Text == "" {
			return nil
		}
		words = append(words, item.Text)
	}
	return words
}

const (
	// secretTimeout bounds a command that prints a credential.
	secretTimeout = 10 * time.Second
	// mostSecret bounds a credential; a token with many claims has some kilobytes.
	mostSecret = 64 << 10
)

// Read is the credential now; env is os.Getenv. Errors say where it should have come
// from, and nothing that came.
func (s Secret) Read(ctx context.Context, env func(string) string) (string, error) {
	var text string
	switch {
	case s.Env != "":
		if text = env(s.Env); text == "" {
			return "", fmt.Errorf("the variable %s is not set", s.Env)
		}
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", err
		}
		text = string(b)
	case len(s.Command) > 0:
		var err error
		if text, err = s.run(ctx); err != nil {
			return "", err
		}
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", fmt.Errorf("%s gives nothing", s)
	case len(text) > mostSecret:
		return "", fmt.Errorf("%s gives more than %d KiB", s, mostSecret>>10)
	case strings.ContainsAny(text, "\r\n\x00"):
		return "", fmt.Errorf("%s gives more than one line", s)
	}
	return text, nil
}

// run runs the command. What it prints is the credential; what it says of a failure
// may hold it, and is not repeated.
func (s Secret) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Command[0], s.Command[1:]...)
	// What a script has started must not outlive it: while a vault hangs, every new
	// try would leave a process behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out := capped{}
	cmd.Stdout = &out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("%s has not ended within %s", s, secretTimeout)
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s: %s", s, exit.ProcessState)
	case err != nil:
		return "", fmt.Errorf("%s: %w", s, err)
	}
	return out.String(), nil
}

// capped keeps the first bytes of what a command prints.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := mostSecret + 1 - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
