package gatewaylog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// identityBytes is how much of a file's beginning says which file it is.
const identityBytes = 4096

// identityOf names a file by its content: how many of its first bytes were
// looked at, up to a line's end, and their hash. Appending, renaming and
// compressing keep the name, and the access.log of two hosts have two.
//
// A file that was small when it was first seen keeps the name it got then:
// known are names that may fit.
func identityOf(head []byte, known []string) string {
	for _, name := range known {
		if isIdentity(name, head) {
			return name
		}
	}
	n := min(len(head), identityBytes)
	if i := bytes.LastIndexByte(head[:n], '\n'); i >= 0 {
		n = i + 1
	}
	return identity(head[:n])
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
