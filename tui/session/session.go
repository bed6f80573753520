// Package session keeps, for each incident, where somebody was when they left the
// screens, and what they typed on the command line: no evidence and no credential.
package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"tripcurve/internal/export"
	"tripcurve/internal/redact"
)

// schema names the shape of a session file.
const schema = "tripcurve.session/1"

// most is the size in bytes above which a file is none of ours.
const most = 1 << 20

// State is where somebody was.
type State struct {
	Schema  string                       `json:"schema"`
	Saved   time.Time                    `json:"saved"` // zero: nothing was kept
	Screen  string                       `json:"screen"`
	Cursor  time.Time                    `json:"cursor"`
	From    time.Time                    `json:"from"` // of the time axes; zero: the whole incident
	To      time.Time                    `json:"to"`
	Full    bool                         `json:"full"`
	Zone    string                       `json:"zone,omitempty"` // of the times shown, as :tz takes it; empty: UTC
	Filters map[string]string            `json:"filters"`        // by screen
	Marks   map[string]time.Time         `json:"marks"`          // by letter
	Choices map[string]map[string]string `json:"choices"`        // by screen, by what is chosen
}

// Keeper reads and writes the session of one incident and the history of all. Put never
// waits; Flush writes what was put last. A nil Keeper keeps nothing.
type Keeper struct {
	path    string
	history string

	State State    // as it was kept; Saved is zero when it was not
	Typed []string // ":goto 14:25" and "/pool", the oldest first
	First bool     // nobody has used the screens here before
	Note  string   // what was wrong with what was kept; empty: nothing

	mu      sync.Mutex
	pending *State
	lines   []string
	writing sync.Mutex
}

// Path is the file of an incident's session below the state folder. id tells incidents
// of one name apart: the file's path, or nothing for one that is no file.
func Path(state, name, id string) string {
	safe := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	if len(safe) > 60 {
		safe = safe[:60]
	}
	if id != "" {
		sum := sha256.Sum256([]byte(id))
		safe += "-" + hex.EncodeToString(sum[:4])
	}
	return filepath.Join(state, "sessions", safe+".json")
}

// kept is how many lines of history are read.
const kept = 500

// Open reads the session at path, and the history beside its folder. A damaged file is
// set aside, and Note says so; nothing of it keeps the screens from opening.
func Open(path string) *Keeper {
	k := &Keeper{path: path, history: filepath.Join(filepath.Dir(filepath.Dir(path)), "history")}
	text, err := read(k.history)
	k.First = errors.Is(err, fs.ErrNotExist)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if utf8.ValidString(line) && len(line) > 1 && (line[0] == ':' || line[0] == '/') {
			k.Typed = append(k.Typed, redact.Line(line))
		}
	}
	k.Typed = k.Typed[max(0, len(k.Typed)-kept):]
	text, err = read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k
	}
	if err == nil {
		err = json.Unmarshal(text, &k.State)
	}
	if err == nil && k.State.Schema != schema {
		err = fmt.Errorf("its schema is %q, not %s", k.State.Schema, schema)
	}
	if err != nil {
		k.State = State{}
		k.Note = k.setAside(err)
	}
	return k
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("not a file"))
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = errors.New("larger than what the screens write")
	}
	return text, err
}

// setAside keeps a damaged file under another name, and says what happened.
func (k *Keeper) setAside(why error) string {
	aside := k.path + ".damaged"
	if err := os.Rename(k.path, aside); err != nil {
		return fmt.Sprintf("the session could not be read (%v): %s", why, k.path)
	}
	return fmt.Sprintf("the session was damaged and begins anew; it is kept as %s (%v)", aside, why)
}

// Put notes where somebody is.
func (k *Keeper) Put(s State) {
	if k == nil {
		return
	}
	s.Schema = schema
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending = &s
}

// Type notes a line of history.
func (k *Keeper) Type(line string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines = append(k.lines, redact.MaskSecrets(redact.Line(line)))
}

// Flush writes what was put and typed last. What could not be written is tried again by
// the next Flush.
func (k *Keeper) Flush() error {
	if k == nil {
		return nil
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	s, lines := k.pending, slices.Clone(k.lines)
	k.pending, k.lines = nil, nil
	k.mu.Unlock()
	if s == nil && lines == nil {
		return nil
	}
	err := errors.Join(k.save(s), k.remember(lines))
	if err != nil {
		k.mu.Lock()
		if k.pending == nil {
			k.pending = s
		}
		k.lines = append(lines, k.lines...)
		k.mu.Unlock()
		return fmt.Errorf("where you are is not kept: %w", err)
	}
	return nil
}

func (k *Keeper) save(s *State) error {
	if s == nil {
		return nil
	}
	s.Saved = time.Now().UTC().Truncate(time.Second)
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return err
	}
	if err := export.Write(k.path, append(text, '\n'), true); err != nil {
		return err
	}
	k.forget()
	return nil
}

// sessions is how many incidents' sessions are kept; each recording of watch is one.
const sessions = 200

// forget removes the oldest sessions beyond that. One that cannot be removed is left.
func (k *Keeper) forget() {
	dir := filepath.Dir(k.path)
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(names) <= sessions {
		return
	}
	age := map[string]time.Time{}
	for _, n := range names {
		if info, err := os.Stat(n); err == nil {
			age[n] = info.ModTime()
		}
	}
	slices.SortFunc(names, func(a, b string) int { return age[b].Compare(age[a]) })
	for _, n := range names[sessions:] {
		if n != k.path {
			_ = os.Remove(n)
		}
	}
}

// remember adds to the history. It is made also without lines: where it is, somebody
// has been here before.
func (k *Keeper) remember(lines []string) error {
	if err := os.MkdirAll(filepath.Dir(k.history), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(k.history, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	text := ""
	for _, l := range lines {
		text += l + "\n"
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
