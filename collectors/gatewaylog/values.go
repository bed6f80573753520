package gatewaylog

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// maxTook bounds durations so that instants cannot overflow: longer ones are
// taken for garbage.
const maxTook = 366 * 24 * time.Hour

// unset says whether b is how logs write a missing value.
func unset(b []byte) bool {
	return len(b) == 0 || len(b) == 1 && b[0] == '-'
}

func digit(c byte) bool { return c-'0' <= 9 }

// parseSeconds reads nginx's s.mmm, which has exactly three decimals: that is
// how it differs from a trailing number of another unit.
func parseSeconds(b []byte) (time.Duration, bool) {
	n := len(b)
	if n < 5 || n > 12 || b[n-4] != '.' {
		return 0, false
	}
	ms := int64(0)
	for _, c := range b[:n-4] {
		if !digit(c) {
			return 0, false
		}
		ms = ms*10 + int64(c-'0')
	}
	x, y, z := b[n-3]-'0', b[n-2]-'0', b[n-1]-'0'
	if x > 9 || y > 9 || z > 9 {
		return 0, false
	}
	d := time.Duration(ms*1000+int64(x)*100+int64(y)*10+int64(z)) * time.Millisecond
	return d, d <= maxTook
}

// parseDecimal reads a decimal number of units. A negative one, by which logs
// say that a phase was not reached, gives noDuration.
func parseDecimal(b []byte, unit time.Duration) (time.Duration, bool) {
	if len(b) == 0 || len(b) > 32 {
		return 0, false
	}
	whole, i := int64(0), 0
	for i < len(b) && digit(b[i]) {
		if i >= 18 {
			return 0, false
		}
		whole = whole*10 + int64(b[i]-'0')
		i++
	}
	if i == len(b) {
		return scaled(whole, unit)
	}
	f, err := strconv.ParseFloat(string(b), 64)
	switch {
	case err != nil || math.IsNaN(f) || !plainNumber(b):
		return 0, false
	case f < 0:
		return noDuration, true
	case f*float64(unit) > float64(maxTook):
		return 0, false
	}
	return time.Duration(math.Round(f * float64(unit))), true
}

// parseUnits reads numbers with their units, as Go and protobuf write durations:
// 30.001s, 1m3.5s, 250ms, 12µs.
func parseUnits(b []byte) (time.Duration, bool) {
	sum := time.Duration(0)
	for len(b) > 0 {
		n := 0
		for n < len(b) && (digit(b[n]) || b[n] == '.') {
			n++
		}
		m := n
		for m < len(b) && !digit(b[m]) && b[m] != '.' {
			m++
		}
		unit, ok := wordUnits[string(b[n:m])]
		if n == 0 || !ok {
			return 0, false
		}
		part, ok := parseDecimal(b[:n], unit)
		if sum += part; !ok || sum > maxTook {
			return 0, false
		}
		b = b[m:]
	}
	return sum, true
}

var wordUnits = map[string]time.Duration{
	"h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "µs": time.Microsecond,
	"μs": time.Microsecond, "ns": time.Nanosecond,
}

// plainNumber keeps out what strconv accepts beyond decimals: hex, underscores, Inf.
func plainNumber(b []byte) bool {
	for _, c := range b {
		if !digit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return false
		}
	}
	return true
}

func scaled(n int64, unit time.Duration) (time.Duration, bool) {
	if n > int64(maxTook/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// parseStatus reads a status code. 0 stands for every way to say that no
// response was sent: "-", nothing, 0, 000, 009, -1.
func parseStatus(b []byte) (int, bool) {
	if len(b) == 3 && digit(b[0]) && digit(b[1]) && digit(b[2]) {
		s := int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0')
		if s == 0 || s == 9 {
			return 0, true
		}
		return s, s >= 100
	}
	if unset(b) || string(b) == "0" || string(b) == "-1" {
		return 0, true
	}
	return 0, false
}

// parseCount reads a small number that is not negative.
func parseCount(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if !digit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// nextTry cuts the first element off one of nginx's upstream lists: tries are
// separated by ", ", groups of an internal redirect by " : ". Addresses contain
// colons, so only the separators with their blanks count.
func nextTry(b []byte) (elem, rest []byte, more bool) {
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], ' ')
		if j < 0 {
			return b, nil, false
		}
		j += i
		switch {
		case j > 0 && b[j-1] == ',':
			return b[:j-1], b[j+1:], true
		case j+2 < len(b) && b[j+1] == ':' && b[j+2] == ' ':
			return b[:j], b[j+3:], true
		}
		i = j + 1
	}
}

// listEnd is the length of the list that b begins with, when a blank follows it.
func listEnd(b []byte) int {
	for i := 0; ; {
		j := indexNear(b[i:], ' ')
		if j < 0 {
			return len(b)
		}
		j += i
		switch {
		case j > 0 && b[j-1] == ',':
			i = j + 1
		case j+2 < len(b) && b[j+1] == ':' && b[j+2] == ' ':
			i = j + 3
		default:
			return j
		}
	}
}

// listEndComma is the same when a comma follows it; between tries a blank stands
// behind the comma.
func listEndComma(b []byte) int {
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], ',')
		if j < 0 {
			return -1
		}
		if i += j; i+1 >= len(b) || b[i+1] != ' ' {
			return i
		}
		i++
	}
}

// listStart is where the list that b ends with begins, when a blank stands before it.
func listStart(b []byte) int {
	for end := len(b); ; {
		j := bytes.LastIndexByte(b[:end], ' ')
		if j < 0 {
			return 0
		}
		switch {
		case j > 0 && b[j-1] == ',':
			end = j
		case j >= 2 && b[j-1] == ':' && b[j-2] == ' ':
			end = j - 2
		default:
			return j + 1
		}
	}
}

// parseTookList sums the durations of a list; noDuration when no try has one.
func parseTookList(b []byte, one func([]byte) (time.Duration, bool)) (sum time.Duration, tries int, ok bool) {
	if unset(b) {
		return noDuration, 0, true
	}
	sum = noDuration
	for more := true; more; tries++ {
		var elem []byte
		elem, b, more = nextTry(b)
		if unset(elem) {
			continue
		}
		d, ok := one(elem)
		if !ok || sum > maxTook {
			return 0, 0, false
		}
		if d >= 0 {
			sum = max(sum, 0) + d
		}
	}
	return sum, tries, true
}

// lastTry is the last element of a list and how many there are.
func lastTry(b []byte) (elem []byte, tries int) {
	if unset(b) {
		return nil, 0
	}
	for more := true; more; tries++ {
		elem, b, more = nextTry(b)
	}
	return elem, tries
}
