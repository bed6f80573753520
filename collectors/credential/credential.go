// Package credential gives collectors their passwords and tokens each time one is
// needed, for they are rotated while we run.
package credential

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// Credential is a password or a token. Any goroutine may use it.
type Credential interface {
	// Get is the one to use now. Errors say where it should have come from.
	Get() (string, error)
	// Refused says that the other side did not take value.
	Refused(value string)
	// Changes says whether a later Get may give another one.
	Changes() bool
}

// Fixed is a credential that stays as it is.
type Fixed string

// Get is the credential.
func (f Fixed) Get() (string, error) { return string(f), nil }

// Refused changes nothing.
func (Fixed) Refused(string) {}

// Changes is false.
func (Fixed) Changes() bool { return false }

// String hides it.
func (Fixed) String() string { return "a credential" }

// GoString hides it.
func (Fixed) GoString() string { return "a credential" }

// File is a credential in a file that is read for every Get; blanks around it do not
// count.
func File(path string) Credential { return file(path) }

type file string

func (f file) Get() (string, error) {
	b, err := os.ReadFile(string(f))
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", fmt.Errorf("%s is empty", string(f))
	}
	return s, nil
}

func (file) Refused(string) {}
func (file) Changes() bool  { return true }

// Asked is a credential that is asked for once and again when it was refused: a
// command that prints it costs something, at its server too.
func Asked(ask func() (string, error)) Credential { return &asked{ask: ask} }

type asked struct {
	ask func() (string, error)

	mu    sync.Mutex // held while asking: who comes meanwhile gets the same answer
	value string
	have  bool
}

func (a *asked) Get() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.have {
		return a.value, nil
	}
	value, err := a.ask()
	if err != nil {
		return "", err
	}
	a.value, a.have = value, true
	return value, nil
}

func (a *asked) Refused(value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.have && a.value == value { // else somebody else has asked since
		a.value, a.have = "", false
	}
}

func (*asked) Changes() bool { return true }
