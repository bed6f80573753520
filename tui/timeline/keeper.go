package timeline

import (
	"errors"

	"tripcurve/internal/incident"
)

// Keeper keeps what people write of a timeline, with the audit of who did. Its methods
// are called away from the event loop.
type Keeper interface {
	// Ready says what would keep a change from being kept; nil when nothing is known.
	Ready() error
	// Write keeps entries, each whole in place of what was written of it, as one change.
	// It gives all that is written then.
	Write(role, action string, written ...incident.Written) (*incident.Writings, error)
	// Undo takes the last change back, and gives what that change had made of its
	// entries: writing it does it again.
	Undo(role string) (undone []incident.Written, all *incident.Writings, err error)
}

// ErrReadOnly is an incident whose timeline cannot be changed here.
var ErrReadOnly = errors.New("this timeline is read-only")

// Options say who may write what. The zero value shows a timeline that nobody can
// change.
type Options struct {
	Keep Keeper // nil: read-only
	// Why says why it is, and what to do; empty is ErrReadOnly's text.
	Why string
	// Role is who writes, for the audit: a role, no name. Empty is "on-call engineer".
	Role string
}

func (o Options) role() string {
	if o.Role == "" {
		return "on-call engineer"
	}
	return o.Role
}

func (o Options) refusal() error {
	if o.Why == "" {
		return ErrReadOnly
	}
	return errors.New(o.Why)
}
