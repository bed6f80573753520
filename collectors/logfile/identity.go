package logfile

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/incident"
)

// IdentityBytes is how much of a file's beginning says which file it is.
const IdentityBytes = 4096

// IdentityOf names a file by its content: how many of its first bytes were
// looked at, up to a line's end, and their hash. Appending, renaming and
// compressing keep the name, and the access.log of two hosts have two.
//
// A file that was small when it was first seen keeps the identity it got then,
// and the source's name: known are those that may fit.
func IdentityOf(head []byte, name string, known []Known) (Known, bool) {
	for _, k := range known {
		if isIdentity(k.File, head) {
			return k, true
		}
	}
	n := min(len(head), IdentityBytes)
	if i := bytes.LastIndexByte(head[:n], '\n'); i >= 0 {
		n = i + 1
	}
	return Known{Name: name, File: identity(head[:n])}, false
}

// Known is a log that evidence was read from.
type Known struct {
	Name string // of the source, as it was called then
	File string // content-based identity
}

// KnownOf are the logs of one group that a view already holds, in the order of
// their names.
func KnownOf(v *incident.View, group string) []Known {
	var known []Known
	seen := map[Known]bool{}
	from := func(o *incident.Origin) {
		k := Known{o.Name, o.File}
		if o.Group == group && k.File != "" && !seen[k] {
			seen[k] = true
			known = append(known, k)
		}
	}
	v.EachBucket(incident.Window{}, func(b *incident.Bucket) { from(&b.Origin) })
	v.EachEpisode(func(e *incident.Episode) { from(&e.Origin) })
	for _, x := range v.Exemplars() {
		from(&x.Origin)
	}
	for _, s := range v.AllSeries() {
		from(&s.Origin)
	}
	slices.SortFunc(known, func(a, b Known) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.File, b.File))
	})
	return known
}

func identity(head []byte) string {
	sum := sha256.Sum256(head)
	return strconv.Itoa(len(head)) + ":" + hex.EncodeToString(sum[:8])
}

// isIdentity says whether name is the identity of the file that begins with head.
func isIdentity(name string, head []byte) bool {
	size, _, ok := strings.Cut(name, ":")
	n, err := strconv.Atoi(size)
	return ok && err == nil && n > 0 && n <= len(head) && n <= IdentityBytes && identity(head[:n]) == name
}
