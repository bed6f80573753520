package gatewaylog

import "bytes"

// segmentKind is what a path segment looks like.
type segmentKind uint8

const (
	wordSegment   segmentKind = iota // plain lower-case words: likely part of the interface
	otherSegment                     // could be either; decided by how many siblings there are
	idSegment                        // varies from request to request
	staticSegment                    // a file with the extension of an asset
)

// maxLiteral is the longest segment that can be a name, in bytes.
const maxLiteral = 40

// kindOf sorts a segment. Directly below the root only what cannot be a word is
// an id: merging there would make one endpoint of a whole site.
func kindOf(s []byte, depth int, last bool) segmentKind {
	seen, _ := classesOf(s) // a segment has no slash
	return kindOfClasses(s, seen, depth, last)
}

func kindOfClasses(s []byte, seen byteClass, depth int, last bool) segmentKind {
	switch {
	case len(s) > maxLiteral || len(s) > 0 && s[0] == ':':
		return idSegment
	case seen&mark != 0:
		return idSegment
	case last && seen&dot != 0 && depth > 1 && staticExtension(s) != "":
		return staticSegment
	case seen&(numeral|capital|odd) == 0:
		return wordSegment
	case seen&numeral == 0:
		return otherSegment
	case seen&^(numeral|punct|under|dot) == 0, uuid(s): // numbers, dates, versions such as 1.2
		return idSegment
	case version(s):
		return wordSegment
	case seen&(punct|dot|odd) == 0 && len(s) >= 8 && hexOnly(s):
		return idSegment
	case len(s) == 26 && ulid(s):
		return idSegment
	case depth == 1:
		return otherSegment
	case seen == numeral|letter && wordAndNumber(s): // s3, oauth2, sha256
		return otherSegment
	}
	return idSegment
}

// byteClass is what a byte says about the segment it is in.
type byteClass uint8

const (
	letter byteClass = 1 << iota
	capital
	numeral
	punct // - _
	dot
	mark // only ever in values
	odd
	under // _, which is punct too
)

var byteClasses = func() (t [256]byteClass) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = numeral
		case c >= 'a' && c <= 'z':
			t[c] = letter
		case c >= 'A' && c <= 'Z':
			t[c] = capital
		case c == '-':
			t[c] = punct
		case c == '_':
			t[c] = punct | under
		case c == '.':
			t[c] = dot
		case bytes.IndexByte([]byte("%@=+,*"), byte(c)) >= 0:
			t[c] = mark
		default:
			t[c] = odd
		}
	}
	return t
}()

// classesOf says which classes of bytes the first segment of path has, and its
// length.
func classesOf(path []byte) (seen byteClass, n int) {
	for n < len(path) && path[n] != '/' {
		seen |= byteClasses[path[n]]
		n++
	}
	return seen, n
}

// version says whether s is v1, v12.
func version(s []byte) bool {
	if len(s) < 2 || len(s) > 4 || s[0] != 'v' {
		return false
	}
	for _, c := range s[1:] {
		if !digit(c) {
			return false
		}
	}
	return true
}

// wordAndNumber says whether s is lower-case letters with up to three digits
// behind them.
func wordAndNumber(s []byte) bool {
	n := 0
	for n < len(s) && s[n]-'a' <= 25 {
		n++
	}
	if n == 0 || len(s)-n > 3 {
		return false
	}
	for _, c := range s[n:] {
		if !digit(c) {
			return false
		}
	}
	return true
}

func hexOnly(s []byte) bool {
	for _, c := range s {
		if !digit(c) && c-'a' > 5 && c-'A' > 5 {
			return false
		}
	}
	return true
}

func uuid(s []byte) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	for i, c := range s {
		if i != 8 && i != 13 && i != 18 && i != 23 && !digit(c) && c-'a' > 5 && c-'A' > 5 {
			return false
		}
	}
	return true
}

// ulid says whether s, of 26 bytes, is one: digits and capitals but I, L, O and U, and
// no more than 128 bits.
func ulid(s []byte) bool {
	for _, c := range s {
		if !digit(c) && (c-'A' > 25 || c == 'I' || c == 'L' || c == 'O' || c == 'U') {
			return false
		}
	}
	return s[0] <= '7'
}

// idPrefix is the part of an id up to its underscore, as in ord_9c4d1e; empty
// when it has none. Ids of one prefix need not all hold a digit.
func idPrefix(s []byte) []byte {
	i := bytes.IndexByte(s, '_')
	if i < 1 || i > 8 {
		return nil
	}
	for _, c := range s[:i] {
		if c-'a' > 25 {
			return nil
		}
	}
	return s[:i+1]
}

var staticExtensions = []string{
	".js", ".css", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico",
	".woff", ".woff2", ".ttf", ".eot", ".mp4", ".webm", ".mp3", ".pdf", ".wasm",
}

func staticExtension(s []byte) string {
	i := bytes.LastIndexByte(s, '.')
	if i < 0 {
		return ""
	}
	for _, e := range staticExtensions {
		if string(s[i:]) == e {
			return e
		}
	}
	return ""
}
