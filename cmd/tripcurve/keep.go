package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/file"
)

// keeping is what a recorder that runs for long keeps of its evidence; the zero value
// is all of it.
type keeping struct {
	age  time.Duration
	size byteSize
}

func (k *keeping) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&k.age, "keep", 0, "keep this much of the evidence, such as 24h, and forget what is older (default: all)")
	cmd.Flags().Var(&k.size, "max-size", "forget the oldest evidence when the recording grows beyond this, such as 2GiB (default: no bound)")
}

// leastAge is far longer than the causes of an incident are looked for.
const leastAge = 10 * time.Minute

func (k *keeping) check() error {
	switch {
	case k.age != 0 && k.age < leastAge:
		return badInput("--keep %s: at least %s is needed to tell a before from a during", k.age, leastAge)
	case k.size != 0 && k.size < leastSize:
		return badInput("--max-size %s: at least %s is needed", k.size, byteSize(leastSize))
	}
	return nil
}

// leastSize is some minutes of a small system.
const leastSize = 1 << 20

// lookEvery is how often a recorder looks whether it has too much.
const lookEvery = 10 * time.Second

// keep forgets what is too old or too much, now and then. The lock is held.
func (l *live) keep(now time.Time) error {
	k := l.keeping
	if k == (keeping{}) || now.Before(l.look) {
		return nil
	}
	l.look = now.Add(lookEvery)
	if k.age > 0 {
		before := now.Add(-k.age)
		l.evidence.Forget(before)
		if l.file != nil {
			if err := l.file.Forget(before); err != nil {
				return err
			}
		}
	}
	if k.size > 0 && l.file != nil {
		before, err := l.file.FitInto(int64(k.size))
		s := incident.SourceStatus{Name: "recording", Group: "recording", State: incident.SourceOK, LastAt: now, Detail: "the newest evidence, in " + k.size.String()}
		switch {
		case errors.Is(err, file.ErrTooSmall): // what comes next may still find room
			s.State, s.Detail = incident.SourceStale, fmt.Sprintf("--max-size %s: %v, and is kept", k.size, err)
		case err != nil:
			return err
		}
		l.evidence.SetSource(s)
		l.sources[s.Name] = s
		if !before.IsZero() {
			l.evidence.Forget(before)
		}
	}
	return nil
}

// byteSize is a flag of so many bytes.
type byteSize int64

var byteUnits = []struct {
	name string
	n    byteSize
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}

func (b byteSize) String() string {
	if b == 0 {
		return ""
	}
	for _, u := range byteUnits {
		if b%u.n == 0 {
			return fmt.Sprintf("%d%s", b/u.n, u.name)
		}
	}
	return "" // every number is so many bytes
}

var sizeText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{1,9}(?:\.\d{1,3})?) ?(GiB|MiB|KiB|GB|MB|kB|B)$`)
})

// Set reads 2GiB, 500MB, 1.5GiB.
func (b *byteSize) Set(s string) error {
	m := sizeText().FindStringSubmatch(s)
	if m == nil {
		return errors.New("expected a size with its unit, such as 2GiB or 500MB")
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return err
	}
	for _, u := range byteUnits {
		if u.name == m[2] {
			*b = byteSize(n * float64(u.n))
		}
	}
	return nil
}

// Type names what the flag takes.
func (*byteSize) Type() string { return "size" }
