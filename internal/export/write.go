// Package export writes for readers. This root holds what every exporter shares:
// a file appears whole or not at all, an existing one is never replaced unasked,
// and what would change can be shown first. The sub-packages make the contents.
package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrExists is wrapped by Write when the file is there and force was not given.
var ErrExists = errors.New("file exists; not overwritten without force")

// Write puts data at path in one step: readers see the old file or the whole new
// one, also after a crash. Without force an existing file is left alone and the
// error wraps ErrExists; even one that appears while we write. A missing folder
// is made. Writing what is there already is not an error and touches nothing.
func Write(path string, data []byte, force bool) (err error) {
	if path == "" {
		return errors.New("write: no file name")
	}
	if old, readErr := os.ReadFile(path); readErr == nil {
		if string(old) == string(data) {
			return nil
		}
		if !force {
			return fmt.Errorf("write %s: %w", path, ErrExists)
		}
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	mode := fs.FileMode(0o644)
	if info, statErr := os.Stat(path); statErr == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("write %s: not a regular file", path)
		}
		mode = info.Mode().Perm()
	}
	// The dot keeps a half-written file out of globs such as *.md.
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
		_ = os.Remove(tmp.Name()) // already gone when it was renamed
	}()
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if force {
		err = os.Rename(tmp.Name(), path)
	} else if err = os.Link(tmp.Name(), path); err != nil {
		// link, unlike rename, never replaces. Some file systems have no links.
		switch {
		case errors.Is(err, fs.ErrExist):
			return ErrExists
		default:
			if _, statErr := os.Lstat(path); statErr == nil {
				return ErrExists
			}
			err = os.Rename(tmp.Name(), path)
		}
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name itself survive a power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) {
		return nil // the file system cannot; the file itself was synced
	}
	return err
}
