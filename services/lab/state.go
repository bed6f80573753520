package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// state is the lab's folder: all that it leaves anywhere.
//
//	lock      held by the command that works on the lab
//	lab.json  what the lab is: ports, password, settings
//	pids/     who runs
//	data/     the Postgres cluster
//	log/      what each process says
type state struct {
	dir  string
	lock *os.File // nil while it is not held
}

// markVariable carries the lab's folder into the environment of its processes.
const markVariable = "TRIPCURVE_LAB"

func (s *state) mark() string             { return markVariable + "=" + s.dir }
func (s *state) data() string             { return filepath.Join(s.dir, "data") }
func (s *state) file(name string) string  { return filepath.Join(s.dir, name) }
func (s *state) accessLog() string        { return filepath.Join(s.dir, "log", "access.log") }
func (s *state) logOf(name string) string { return filepath.Join(s.dir, "log", name+".log") }

var (
	// ErrBusy is a lab that another command is working on.
	ErrBusy = errors.New("another command is working on this lab; tripcurve lab down ends it")
	// ErrFolder is a folder that cannot be a lab's.
	ErrFolder = errors.New("the lab's folder")
)

// ours are the names that may be in a lab's folder. A folder with anything else
// in it is somebody's, and is not touched.
var ours = []string{"lock", "lab.json", "lab.json.new", "pids", "data", "log", "password"}

// openState makes the folder if there is none.
func openState(dir string) (*state, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if err := os.Mkdir(dir, folderMode()); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	s := &state{dir: dir}
	if err := s.vet(); err != nil {
		return nil, err
	}
	// As the kernel names it: strays looks for it.
	if s.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	return s, nil
}

// folderMode is the state folder's: where root's PostgreSQL runs as somebody else,
// that one must get through.
func folderMode() fs.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

// vet refuses a folder that is not the lab's own: somebody else's, a link, or one
// with other things in it, for `down` removes it whole.
func (s *state) vet() error {
	info, err := os.Lstat(s.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w %s is no folder; name another one", ErrFolder, s.dir)
	case !ok || int(owner.Uid) != os.Geteuid():
		return fmt.Errorf("%w %s belongs to somebody else; name another one", ErrFolder, s.dir)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	for _, e := range entries {
		if !slices.Contains(ours, e.Name()) {
			return fmt.Errorf("%w %s has %s in it, which is no lab's; name an empty or a new one", ErrFolder, s.dir, e.Name())
		}
	}
	return nil
}

// acquire takes the lock; with wait 0 it answers ErrBusy at once when another has it.
func (s *state) acquire(ctx context.Context, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		f, err := os.OpenFile(s.file("lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrNotExist) { // the folder has just gone with the command that had it
			if err := os.Mkdir(s.dir, folderMode()); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%w: %w", ErrFolder, err)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFolder, err)
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && s.isLock(f) {
			s.lock = f
			return nil
		}
		_ = f.Close()
		switch {
		case err == nil: // the lock of a folder that has gone: once more
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", s.file("lock"), err)
		case !time.Now().Before(deadline):
			return fmt.Errorf("%w (%s)", ErrBusy, s.dir)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// isLock says whether f still is the file of that name.
func (s *state) isLock(f *os.File) bool {
	held, err1 := f.Stat()
	there, err2 := os.Stat(s.file("lock"))
	return err1 == nil && err2 == nil && os.SameFile(held, there)
}

func (s *state) release() {
	if s.lock != nil {
		_ = s.lock.Close() // which unlocks it
		s.lock = nil
	}
}

// remove takes the folder away; the lock is held and goes with it.
func (s *state) remove() error {
	err := os.RemoveAll(s.dir)
	s.release()
	return err
}

// save writes what the lab is.
func (s *state) save(v settings) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.file("lab.json"), text, 0o600)
}

// load reads it; fs.ErrNotExist when no lab is here.
func (s *state) load() (settings, error) {
	var v settings
	text, err := os.ReadFile(s.file("lab.json"))
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("%s: %w", s.file("lab.json"), err)
	}
	return v, nil
}
