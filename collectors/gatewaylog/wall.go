package gatewaylog

import (
	"encoding/binary"
	"fmt"
	"time"
)

// parseWall reads HAProxy's time: it names no zone.
func (c *clock) parseWall(b []byte) (at Instant, twice, ok bool) {
	if len(b) != len(wallLayout) || b[20] != '.' {
		return Unknown, false, false
	}
	ms, good := 0, true
	for _, d := range b[21:] {
		good = good && digit(d)
		ms = ms*10 + int(d-'0')
	}
	if !good {
		return Unknown, false, false
	}
	packed := [3]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), uint64(binary.LittleEndian.Uint32(b[16:]))}
	if packed != c.wall {
		wall, ok := clfSecond(b)
		if !ok {
			return Unknown, false, false
		}
		c.wallAt, c.twice = inZone(wall, c.zone)
		c.wall = packed
	}
	return Instant(c.wallAt + int64(ms)*int64(time.Millisecond)), c.twice, true
}

// clfSecond reads 15/Jan/2026:14:23:31 as if in UTC, in nanoseconds.
func clfSecond(b []byte) (int64, bool) {
	month := monthOf(b[3:6])
	day, ok1 := twoDigits(b)
	year, ok2 := fourDigits(b[7:])
	hour, ok3 := twoDigits(b[12:])
	minute, ok4 := twoDigits(b[15:])
	second, ok5 := twoDigits(b[18:])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || month == 0 ||
		b[2] != '/' || b[6] != '/' || b[11] != ':' || b[14] != ':' || b[17] != ':' {
		return 0, false
	}
	return instantOf(year, month, day, hour, minute, second)
}

// inZone is the instant at which the clocks of a zone show a wall time, which is
// given as if it were in UTC. In the hour that they show twice it is the earlier
// one, so that it does not depend on the order of the lines; twice says so.
func inZone(wall int64, zone *time.Location) (at int64, twice bool) {
	if zone == nil {
		zone = time.Local
	}
	offset := func(at int64) int64 {
		_, s := time.Unix(0, at).In(zone).Zone()
		return int64(s) * int64(time.Second)
	}
	const day = int64(24 * time.Hour)
	before, after := offset(wall-day), offset(wall+day)
	fits := func(o int64) bool { return offset(wall-o) == o }
	switch {
	case before == after || !fits(after):
		return wall - before, false
	case !fits(before):
		return wall - after, false
	}
	return wall - before, true
}

// ParseZone reads the zone of times that name none: "Europe/Berlin", "UTC",
// "+0330", "-05:00"; empty is this host's.
func ParseZone(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	if offset, ok := zoneOffset([]byte(name), true); ok {
		return time.FixedZone(name, int(offset/int64(time.Second))), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: not known; expected one such as Europe/Berlin, UTC or +0200", name)
	}
	return zone, nil
}

// oddities says, for a status line, how many requests have a time of two meanings,
// and that somebody breaks things on purpose.
func (s *Stats) oddities() (text string) {
	if s.Twice > 0 {
		text = fmt.Sprintf(", %d at a time that the clocks showed twice: read as the earlier one", s.Twice)
	}
	if s.Injected > 0 {
		text += "; SOMEBODY INJECTS FAULTS: " + countOf(s.Injected, "request") + " with Envoy's flags FI or DI"
	}
	return text
}

// strftime is a time layout in the pieces of C's strftime, as Apache's
// %{format}t takes it. All of them have a fixed width.
type strftime struct {
	pieces []byte // conversions, and 0 for a literal byte
	text   []byte // the literal bytes, in order
	width  int
	zoned  bool
}

// strftimeWidths are the conversions that name instants without regard to language.
var strftimeWidths = map[byte]int{'Y': 4, 'm': 2, 'd': 2, 'H': 2, 'M': 2, 'S': 2, 'b': 3, 'z': 5}

// strftimeShort are conversions that stand for others.
var strftimeShort = map[byte]string{'F': "%Y-%m-%d", 'T': "%H:%M:%S", 'R': "%H:%M", 'h': "%b"}

func parseStrftime(layout string) (*strftime, error) {
	f := new(strftime)
	var add func(string) error
	add = func(layout string) error {
		for i := 0; i < len(layout); i++ {
			if layout[i] != '%' {
				f.pieces, f.text = append(f.pieces, 0), append(f.text, layout[i])
				f.width++
				continue
			}
			if i++; i == len(layout) {
				return fmt.Errorf("%% at the end of %q", layout)
			}
			c := layout[i]
			if long, ok := strftimeShort[c]; ok {
				if err := add(long); err != nil {
					return err
				}
				continue
			}
			width, ok := strftimeWidths[c]
			if !ok {
				return fmt.Errorf("%%%c in a time: only %%Y %%m %%d %%H %%M %%S %%b %%z %%F %%T can be read", c)
			}
			f.pieces = append(f.pieces, c)
			f.width += width
			f.zoned = f.zoned || c == 'z'
		}
		return nil
	}
	return f, add(layout)
}

// has says whether the layout has all of the conversions.
func (f *strftime) has(all string) bool {
	for i := range len(all) {
		found := false
		for _, p := range f.pieces {
			found = found || p == all[i]
		}
		if !found {
			return false
		}
	}
	return true
}

// read is the wall time as if in UTC, and the offset of the zone, in nanoseconds.
func (f *strftime) read(b []byte) (wall, offset int64, ok bool) {
	if len(b) != f.width {
		return 0, 0, false
	}
	year, month, day, hour, minute, second := 0, 0, 0, 0, 0, 0
	text := 0
	for _, p := range f.pieces {
		good := true
		switch p {
		case 0:
			good = b[0] == f.text[text]
			text++
			b = b[1:]
			if !good {
				return 0, 0, false
			}
			continue
		case 'Y':
			year, good = fourDigits(b)
		case 'm':
			month, good = twoDigits(b)
		case 'd':
			day, good = twoDigits(b)
		case 'H':
			hour, good = twoDigits(b)
		case 'M':
			minute, good = twoDigits(b)
		case 'S':
			second, good = twoDigits(b)
		case 'b':
			month = monthOf(b[:3])
			good = month > 0
		case 'z':
			offset, good = zoneOffset(b[:5], false)
		}
		if !good {
			return 0, 0, false
		}
		b = b[strftimeWidths[p]:]
	}
	wall, ok = instantOf(year, month, day, hour, minute, second)
	return wall, offset, ok
}
