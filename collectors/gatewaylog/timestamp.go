package gatewaylog

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"
)

// timeKind is how a format writes instants.
type timeKind uint8

const (
	noTime      timeKind = iota
	clfTime              // 15/Jan/2026:14:23:31 +0000, always 26 bytes
	isoTime              // RFC 3339 with any number of decimals
	unixTime             // decimal number of units since 1970
	anyTime              // one of those; the unit of a number follows from its size
	wallTime             // 15/Jan/2026:14:23:31.120, without a zone: HAProxy's
	pieceTime            // in a layout of its own
	bracketTime          // as clfTime, in brackets: Apache's %t
)

// The names of the time layouts in format files, next to unit for unix.
const (
	clfLayout  = "02/Jan/2006:15:04:05 -0700"
	isoLayout  = time.RFC3339
	unixLayout = "unix"
	anyLayout  = "any"
	wallLayout = "02/Jan/2006:15:04:05.000"
)

// Instants outside these years are garbage: a torn line, or a number that is no time.
const (
	minYear = 1990
	maxYear = 2100
)

var (
	minInstant = time.Date(minYear, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	maxInstant = time.Date(maxYear+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano() - 1
)

// clock reads instants. It remembers the last second's bytes: thousands of
// lines share them, and comparing is much cheaper than parsing.
type clock struct {
	clf   [4]uint64 // the 26 bytes, eight at a time
	clfAt int64     // nanoseconds
	iso   [3]uint64 // the 19 bytes up to the second
	isoAt int64     // nanoseconds, of the wall time as written

	zone   *time.Location // of times that name none
	wall   [3]uint64      // the 20 bytes of a wall time up to the second
	wallAt int64          // nanoseconds
	twice  bool           // the clocks of the zone showed wallAt's time twice
}

// packCLF and packISO take the bytes as numbers, which compare faster.
func packCLF(b []byte) [4]uint64 {
	_ = b[25]
	return [4]uint64{
		binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]),
		uint64(binary.LittleEndian.Uint16(b[24:])),
	}
}

func packISO(b []byte) [3]uint64 {
	_ = b[18]
	return [3]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[11:])}
}

func (c *clock) parseCLF(b []byte) (Instant, bool) {
	if len(b) != 26 {
		return Unknown, false
	}
	packed := packCLF(b)
	if packed == c.clf {
		return Instant(c.clfAt), true
	}
	zone, ok := zoneOffset(b[21:], false)
	if !ok || b[20] != ' ' {
		return Unknown, false
	}
	at, ok := clfSecond(b)
	if !ok {
		return Unknown, false
	}
	c.clf = packed
	c.clfAt = at - zone
	return Instant(c.clfAt), true
}

// parseISO reads RFC 3339. The blank instead of the T that some tools write is
// accepted, a missing zone is not.
func (c *clock) parseISO(b []byte) (Instant, bool) {
	if len(b) < 20 || len(b) > 35 {
		return Unknown, false
	}
	if packed := packISO(b); packed != c.iso {
		year, ok1 := fourDigits(b)
		month, ok2 := twoDigits(b[5:])
		day, ok3 := twoDigits(b[8:])
		hour, ok4 := twoDigits(b[11:])
		minute, ok5 := twoDigits(b[14:])
		second, ok6 := twoDigits(b[17:])
		if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || b[4] != '-' || b[7] != '-' ||
			b[10] != 'T' && b[10] != ' ' && b[10] != 't' || b[13] != ':' || b[16] != ':' {
			return Unknown, false
		}
		at, ok := instantOf(year, month, day, hour, minute, second)
		if !ok {
			return Unknown, false
		}
		c.iso = packed
		c.isoAt = at
	}
	rest, frac := b[19:], int64(0)
	if rest[0] == '.' {
		i, scale := 1, int64(time.Second)
		for i < len(rest) && digit(rest[i]) {
			scale /= 10
			frac += int64(rest[i]-'0') * scale // digits below 1 ns count nothing
			i++
		}
		if i == 1 {
			return Unknown, false
		}
		rest = rest[i:]
	}
	if len(rest) == 1 && (rest[0] == 'Z' || rest[0] == 'z') {
		return Instant(c.isoAt + frac), true
	}
	zone, ok := zoneOffset(rest, true)
	if !ok {
		return Unknown, false
	}
	return Instant(c.isoAt + frac - zone), true
}

// parseAny reads whatever a timestamp may look like. Of a number of digits the
// unit follows: seconds, milliseconds, microseconds and nanoseconds of the years
// 1990 to 2100 are apart.
func (c *clock) parseAny(b []byte) (Instant, time.Duration, bool) {
	if len(b) == 26 && b[2] == '/' {
		at, ok := c.parseCLF(b)
		return at, time.Second, ok
	}
	if len(b) > 10 && b[4] == '-' {
		step := time.Millisecond
		if len(b) > 19 && b[19] != '.' {
			step = time.Second
		}
		at, ok := c.parseISO(b)
		return at, step, ok
	}
	for _, unit := range anyUnits {
		if at, ok := parseUnix(b, unit); ok {
			if unit == time.Second && bytes.IndexByte(b, '.') >= 0 {
				unit = time.Millisecond
			}
			return at, min(unit, time.Second), true
		}
	}
	return Unknown, 0, false
}

var anyUnits = [...]time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond}

// parseUnix reads a decimal number of units since 1970, to the nanosecond: a
// float64 would lose the microseconds.
func parseUnix(b []byte, unit time.Duration) (Instant, bool) {
	whole, frac, _ := bytes.Cut(b, []byte("."))
	if len(whole) == 0 || len(whole) > 19 || len(frac) > 32 || len(b) == len(whole)+1 {
		return Unknown, false
	}
	n, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || !digit(whole[0]) || n > maxInstant/int64(unit) {
		return Unknown, false
	}
	at, scale := n*int64(unit), int64(unit)
	for _, d := range frac {
		if !digit(d) {
			return Unknown, false
		}
		scale /= 10
		at += int64(d-'0') * scale
	}
	return Instant(at), at >= minInstant && at <= maxInstant
}

// instantOf is the instant in nanoseconds, when there is such a day and time.
func instantOf(year, month, day, hour, minute, second int) (int64, bool) {
	if year < minYear || year > maxYear || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if month < 1 || month > 12 || second < 60 && (t.Day() != day || t.Month() != time.Month(month)) || day < 1 || day > 31 {
		return 0, false
	}
	return t.UnixNano(), true
}

// zoneOffset reads +hhmm, or +hh:mm with colon, in nanoseconds.
func zoneOffset(b []byte, colon bool) (int64, bool) {
	if colon && len(b) == 6 && b[3] == ':' {
		b = []byte{b[0], b[1], b[2], b[4], b[5]}
	}
	if len(b) != 5 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, ok1 := twoDigits(b[1:])
	m, ok2 := twoDigits(b[3:])
	if !ok1 || !ok2 || h > 18 || m > 59 {
		return 0, false
	}
	d := int64(h)*int64(time.Hour) + int64(m)*int64(time.Minute)
	if b[0] == '-' {
		d = -d
	}
	return d, true
}

func twoDigits(b []byte) (int, bool) {
	if len(b) < 2 || !digit(b[0]) || !digit(b[1]) {
		return 0, false
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), true
}

func fourDigits(b []byte) (int, bool) {
	hi, ok1 := twoDigits(b)
	if !ok1 {
		return 0, false
	}
	lo, ok2 := twoDigits(b[2:])
	return hi*100 + lo, ok2
}

func monthOf(b []byte) int {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if string(b) == names[i:i+3] {
			return i/3 + 1
		}
	}
	return 0
}
