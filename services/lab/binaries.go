package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrNoPostgres is a machine without a usable PostgreSQL.
var ErrNoPostgres = errors.New("no PostgreSQL found")

// oldest is the oldest major version that the lab runs on.
const oldest = 13

// folders are where distributions and installers put the server's programs.
var folders = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/lib/postgresql-*/bin", "/usr/lib64/postgresql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// postgres is an installed server.
type postgres struct {
	bin   string // folder of initdb and postgres
	major int
}

// findPostgres looks on PATH, then in the usual folders, and takes the first of
// PATH that is new enough, else the newest of the folders.
func findPostgres(ctx context.Context, path string) (postgres, error) {
	var tooOld []string
	try := func(dir string) (postgres, bool) {
		p, err := versionOf(ctx, dir)
		switch {
		case err != nil:
			return p, false
		case p.major < oldest:
			tooOld = append(tooOld, fmt.Sprintf("%s is %d", dir, p.major))
			return p, false
		}
		return p, true
	}
	for _, dir := range filepath.SplitList(path) {
		for _, dir := range []string{dir, resolved(dir)} {
			if dir != "" && filepath.IsAbs(dir) {
				if p, ok := try(dir); ok {
					return p, nil
				}
			}
		}
	}
	var best postgres
	for _, pattern := range folders {
		dirs, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, dir := range dirs {
			if p, ok := try(dir); ok && p.major > best.major {
				best = p
			}
		}
	}
	switch {
	case best.major > 0:
		return best, nil
	case len(tooOld) > 0:
		slices.Sort(tooOld)
		return best, fmt.Errorf("%w that is new enough: %s, and %d or newer is needed", ErrNoPostgres, strings.Join(slices.Compact(tooOld), ", "), oldest)
	}
	return best, fmt.Errorf("%w: neither PATH nor the usual folders hold initdb and postgres; install the package postgresql (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql)", ErrNoPostgres)
}

// resolved is the folder that dir's postgres really is in: a distribution's
// wrapper links to it.
func resolved(dir string) string {
	p, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return ""
	}
	return filepath.Dir(p)
}

// versionOf asks the programs in dir.
func versionOf(ctx context.Context, dir string) (postgres, error) {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return postgres{}, err
		}
		if info.IsDir() || info.Mode()&0o111 == 0 {
			return postgres{}, fs.ErrPermission
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return postgres{}, err
	}
	// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "... 19beta1"
	_, rest, _ := strings.Cut(string(out), ") ")
	digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(rest)
	}
	major, err := strconv.Atoi(rest[:digits])
	if err != nil {
		return postgres{}, fmt.Errorf("%s --version says %q", filepath.Join(dir, "postgres"), out)
	}
	return postgres{bin: dir, major: major}, nil
}

// unprivileged is who the server runs as, for PostgreSQL refuses to be root; nil
// is the user who asks.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid > 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody; run the lab as another user")
}
