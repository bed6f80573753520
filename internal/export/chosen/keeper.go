package chosen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"tripcurve/internal/export"
	"tripcurve/internal/policy"
)

// Keeper writes what is chosen to its file, away from whoever chooses: Put notes the
// newest choice and never waits, Flush writes it. A slider that moves thirty times a
// second so costs as many writes as the disk is good for, and the last one wins. A nil
// Keeper keeps nothing.
type Keeper struct {
	path     string
	scenario string
	base     policy.Edges

	mu      sync.Mutex // held to note and to take a choice, never while writing
	pending *Set
	writing sync.Mutex // held while writing, so that choices are written in their order
}

// NewKeeper keeps the choices of a scenario, whose own policies base are, at path.
func NewKeeper(path, scenario string, base policy.Edges) *Keeper {
	return &Keeper{path: path, scenario: scenario, base: base.Clone()}
}

// Put notes that edges, of which edge is looked at, were chosen on a screen. It keeps
// no part of edges that may change.
func (k *Keeper) Put(edge, screen string, edges policy.Edges) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending = &Set{Scenario: k.scenario, Edge: edge, Screen: screen, Edges: edges.Clone()}
}

// Forget notes that nothing is chosen any more.
func (k *Keeper) Forget() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending = &Set{}
}

// Flush writes the newest choice, if there is one that is not written. One that could
// not be written is tried again by the next Flush, unless a newer one has come.
func (k *Keeper) Flush() error {
	if k == nil {
		return nil
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	s := k.take()
	if s == nil {
		return nil
	}
	if err := k.write(*s); err != nil {
		k.mu.Lock()
		if k.pending == nil {
			k.pending = s
		}
		k.mu.Unlock()
		return fmt.Errorf("what you chose is not kept for `tripcurve export config`: %w", err)
	}
	return nil
}

func (k *Keeper) take() *Set {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.pending
	k.pending = nil
	return s
}

func (k *Keeper) write(s Set) error {
	if s.Edges == nil {
		if err := os.Remove(k.path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return export.Write(k.path, []byte(s.text(k.base)), true)
}
