package gatewaylog

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

// identityBytes is how much of a file's beginning says which file it is.
const identityBytes = 4096

// identityOf names a file by its content: how many of its first bytes were
// looked at, up to a line's end, and their hash. Appending, renaming and
// compressing keep the name, and the access.log of two hosts have two.
//
// A file that was small when it was first seen keeps the identity it got then,
// and the source's name: known are those that may fit.
func identityOf(head []byte, name string, known []KnownFile) (KnownFile, bool) {
	for _, k := range known {
		if isIdentity(k.File, head) {
			return k, true
		}
	}
	n := min(len(head), identityBytes)
	if i := bytes.LastIndexByte(head[:n], '\n'); i >= 0 {
		n = i + 1
	}
	return KnownFile{Name: name, File: identity(head[:n])}, false
}

// KnownFile is a log that evidence was read from.
type KnownFile struct {
	Name string // of the source, as it was called then
	File string // content-based identity
}

// KnownFiles are the logs that a view already holds, in the order of their names.
func KnownFiles(v *incident.View) []KnownFile {
	var known []KnownFile
	seen := map[KnownFile]bool{}
	v.EachBucket(incident.Window{}, func(b *incident.Bucket) {
		k := KnownFile{b.Origin.Name, b.Origin.File}
		if b.Origin.Group == Group && k.File != "" && !seen[k] {
			seen[k] = true
			known = append(known, k)
		}
	})
	slices.SortFunc(known, func(a, b KnownFile) int {
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
	return ok && err == nil && n > 0 && n <= len(head) && n <= identityBytes && identity(head[:n]) == name
}
