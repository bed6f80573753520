package gatewaylog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrUnknownFormat says that no format fits a log.
var ErrUnknownFormat = errors.New("unknown format")

const (
	sampleLines = 1000
	sampleHead  = 1 << 20  // bytes
	sampleElse  = 64 << 10 // bytes, of the middle and of the end
	// acceptShare is the least share of sampled lines that the family of a
	// format must read.
	acceptShare = 0.6
)

// Detection says which format a log has, and why we believe it.
type Detection struct {
	Format     *Format
	Share      float64 // of the sampled lines that it reads, relatives and all, 0..1
	Sampled    int
	Candidates []Candidate // best first
	Wrapped    string      // what most lines have around them; empty for nothing
	Reason     string      // one line

	joins bool // lines may go on in other lines
}

// Candidate is how well one format fits.
type Candidate struct {
	Name  string
	Share float64    // 0..1
	Error *LineError // of the first line that it does not read; nil when it reads all
}

// UnknownFormatError lists the formats that came closest.
type UnknownFormatError struct {
	Sampled    int
	Candidates []Candidate // the best three
}

func (e *UnknownFormatError) Unwrap() error { return ErrUnknownFormat }

func (e *UnknownFormatError) Error() string {
	if e.Sampled == 0 {
		return ErrUnknownFormat.Error() + ": no lines"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v: of %d lines", ErrUnknownFormat, e.Sampled)
	for i, c := range e.Candidates {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s reads %.0f %%", c.Name, 100*c.Share)
		if c.Error != nil {
			fmt.Fprintf(&b, " (%v)", c.Error)
		}
	}
	return b.String()
}

// Detect finds the format of sampled lines.
func Detect(lines [][]byte) (Detection, error) { return decide(lines, Options{}) }

// decide finds out all that must be known to read a log: its format, unless that
// was given, what is around its lines, the zone and the unit that it leaves open.
func decide(lines [][]byte, opt Options) (Detection, error) {
	lines = slices.DeleteFunc(slices.Clone(lines), func(l []byte) bool { return len(bytes.TrimSpace(l)) == 0 })
	inner, around := unwrapped(lines)
	d := Detection{Sampled: len(lines), Wrapped: around.String(), joins: around.joins()}
	var because []string
	if opt.Format != nil {
		d.Format, d.Share = opt.Format, try(opt.Format, inner).Share
		// A layout of the user's may look like a wrapper itself.
		if d.Wrapped != "" {
			if plain := try(opt.Format, lines).Share; plain >= d.Share {
				inner, d.Share, d.Wrapped, d.joins = lines, plain, "", false
			}
		}
		why := opt.Format.Title + ": given"
		if d.Share < acceptShare && len(lines) > 0 {
			why += fmt.Sprintf(", but it reads %.0f %% of %d sampled lines", 100*d.Share, len(lines))
		}
		because = append(because, why)
	} else {
		why, err := d.choose(inner)
		if err != nil {
			return Detection{}, err
		}
		because = append(because, why)
	}
	because = append(because, d.Format.reading())
	because = append(because, d.Format.Notes...)
	if n := silentCalls(d.Format, inner); n > 0 {
		because = append(because, "the statuses of gRPC calls are not logged: those that fail look fine")
	}
	if d.Wrapped != "" {
		because = append(because, "inside "+d.Wrapped)
	}
	if d.Format.zoneless() {
		zone := "this host's zone (" + time.Now().Format("MST") + ")"
		if opt.Zone != nil && opt.Zone != time.Local {
			d.Format, zone = d.Format.InZone(opt.Zone), opt.Zone.String()
		}
		because = append(because, "times name no zone: read in "+zone+"; --log-zone says another")
	}
	if d.Format.unitless() {
		f, why, err := d.Format.settleUnit(inner, opt.Unit)
		if err != nil {
			return Detection{}, err
		}
		d.Format = f
		because = append(because, why)
	} else if opt.Unit != "" {
		because = append(because, "--log-unit is not needed: durations have a unit")
	}
	d.Reason = strings.Join(because, "; ")
	return d, nil
}

// choose finds the format of lines that have nothing around them.
func (d *Detection) choose(lines [][]byte) (why string, err error) {
	formats, err := Formats()
	if err != nil {
		return "", err
	}
	index := map[*Format]Candidate{}
	for _, f := range formats {
		alone := *f
		alone.relatives = nil
		index[f] = try(&alone, lines)
	}
	// Formats come with the richer ones first, twins and makeshifts last; a stable
	// sort keeps that among equals.
	order := slices.Clone(formats)
	slices.SortStableFunc(order, func(a, b *Format) int { return compareShares(index[b], index[a]) })
	for _, f := range order {
		d.Candidates = append(d.Candidates, index[f])
	}
	for _, f := range order {
		if index[f].Share == 0 {
			break
		}
		if d.Share = try(f, lines).Share; d.Share >= acceptShare {
			d.Format = f
			break
		}
	}
	if d.Format == nil {
		return "", &UnknownFormatError{Sampled: len(lines), Candidates: closest(d.Candidates)}
	}
	why = fmt.Sprintf("%s: %.1f %% of %d sampled lines", d.Format.Title, 100*d.Share, len(lines))
	if twin := twinOf(formats, d.Format, index); twin != nil {
		reason := lean(lines)
		if reason.apache > reason.nginx {
			d.Format = twin
			why = fmt.Sprintf("%s: %.1f %% of %d sampled lines, which nginx would not write so", twin.Title, 100*d.Share, len(lines))
		} else if reason.nginx == 0 {
			why += ", which " + twin.Title + " looks like too: if it is that, say --log-format " + twin.Name
		}
	}
	return why, nil
}

// twinOf is the format that reads the same lines as f, and means another thing by them.
func twinOf(formats []*Format, f *Format, index map[*Format]Candidate) *Format {
	for _, g := range formats {
		if g.Twin == f.Name && g.Family != f.Family && index[g].Share >= index[f].Share && g.Layout != "" {
			return g
		}
	}
	return nil
}

// leaning counts lines that only one of two servers writes.
type leaning struct{ nginx, apache int }

// lean looks for what nginx and Apache write differently in the same layout: a
// size of none, escapes, statuses of nginx's own.
func lean(lines [][]byte) (l leaning) {
	for _, line := range lines {
		switch i := bytes.Index(line, []byte(`" `)); {
		case i < 0 || len(line) < i+7:
		case line[i+5] == ' ' && line[i+6] == '-', bytes.Contains(line, []byte(`\"`)):
			l.apache++
		case string(line[i+2:i+5]) == "499" || string(line[i+2:i+5]) == "444" || string(line[i+2:i+5]) == "000":
			l.nginx++
		default:
			j := bytes.Index(line, []byte(`\x`))
			if j < 0 || j+4 > len(line) {
				continue
			}
			switch hex := line[j+2 : j+4]; {
			case bytes.ContainsAny(hex, "abcdef"):
				l.apache++
			case bytes.ContainsAny(hex, "ABCDEF") || string(hex) == "22":
				l.nginx++
			}
		}
	}
	return l
}

// reading says what the format's numbers are taken for, so that a wrong guess can be seen.
func (f *Format) reading() string {
	s := "a line's time is the " + f.Means() + " of its request"
	if f.Means() == "both" {
		s = "lines name both the start and the end of their requests"
	}
	switch {
	case !f.Timed() && f.Means() == "start":
		return s + ", durations are not logged: when requests ended is not known"
	case !f.Timed():
		return s + ", durations are not logged: when requests began is not known"
	case f.Vocabulary == "nginx":
		return s + ", durations in s"
	case f.Took.Unit == "" || f.Took.Unit == guessUnit:
		return s
	}
	return s + ", durations in " + f.Took.Unit
}

// silentCalls counts calls of gRPC, told by their paths, that HTTP calls 200 and
// of whose own status nothing is said.
func silentCalls(f *Format, lines [][]byte) int {
	d := NewDecoder(f)
	var r Record
	n := 0
	for _, line := range lines {
		if d.Decode(line, &r) == nil && r.Status == 200 && r.GRPCStatus < 0 && string(r.Method) == "POST" && grpcPath(r.Path) {
			n++
		}
	}
	return n
}

// grpcPath says whether a path looks like /package.Service/Method.
func grpcPath(path []byte) bool {
	if len(path) < 2 || path[0] != '/' {
		return false
	}
	service, method, ok := bytes.Cut(path[1:], []byte("/"))
	if !ok || len(method) == 0 || method[0]-'A' > 25 {
		return false
	}
	dot := bytes.LastIndexByte(service, '.')
	if dot <= 0 || dot == len(service)-1 || service[dot+1]-'A' > 25 {
		return false
	}
	for _, c := range method {
		if (c|0x20)-'a' > 25 && !digit(c) && c != '_' {
			return false
		}
	}
	return true
}

// settleUnit gives durations the unit that the user named, or that the lines
// leave no doubt about; else they are not read, and why says so.
func (f *Format) settleUnit(lines [][]byte, given string) (settled *Format, why string, err error) {
	if given != "" {
		settled, err = f.inUnit(given)
		return settled, "durations in " + given + ", as given", err
	}
	unit, reason := f.guessUnit(lines)
	if unit == "" {
		return f, reason, nil
	}
	settled, err = f.inUnit(unit)
	return settled, "durations taken for " + unit + ", for " + reason + "; --log-unit says another", err
}

// guessUnit looks at durations without a unit: the unit and why, or no unit and
// what to do.
func (f *Format) guessUnit(lines [][]byte) (unit, reason string) {
	var seen []float64
	zeros, fractions := 0, 0
	d := NewDecoder(f)
	d.sighted = func(v []byte) {
		n, err := strconv.ParseFloat(string(v), 64)
		if err != nil || n < 0 {
			return
		}
		if n == 0 {
			zeros++
		}
		if bytes.IndexByte(v, '.') >= 0 {
			fractions++
		}
		seen = append(seen, n)
	}
	var r Record
	named := 0
	for _, line := range lines {
		if d.Decode(line, &r) == nil && r.Took >= 0 {
			named++
		}
	}
	if len(seen) == 0 && named > 0 {
		return "", "durations in the unit that their key or they themselves name"
	}
	if len(seen) == 0 {
		return "", "durations without a unit are not read: --log-unit s, ms, us or ns says it"
	}
	slices.Sort(seen)
	median := seen[len(seen)/2]
	half := "half of them are " + strconv.FormatFloat(median, 'f', -1, 64) + " or more"
	most := len(seen) - len(seen)/5
	switch json := f.object != nil; {
	case !json && median > 1000:
		return "us", half
	case !json && seen[len(seen)-1] > 600_000:
		longest := time.Duration(seen[len(seen)-1]) * time.Millisecond
		return "us", "the longest would be " + longest.Round(time.Second).String() + " in ms"
	case !json && zeros >= len(seen)/2 && seen[len(seen)-1] < 3600:
		return "s", "most of them are 0"
	case !json:
	case fractions >= most && median < 30:
		return "s", half + ", with decimals"
	case fractions >= most && median < 5000:
		return "ms", half + ", with decimals"
	case fractions > 0:
	case median >= 1e6:
		return "ns", half
	case median < 5000:
		return "ms", half
	case median >= 5000:
		return "us", half
	}
	return "", "durations are not read, for their unit is not clear (" + half + "): --log-unit s, ms, us or ns says it"
}

func compareShares(a, b Candidate) int {
	switch {
	case a.Share < b.Share:
		return -1
	case a.Share > b.Share:
		return 1
	}
	return 0
}

// closest are the best three; where nothing fits at all, those that got furthest.
func closest(all []Candidate) []Candidate {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Candidate) int {
		if c := compareShares(b, a); c != 0 || a.Share > 0 {
			return c
		}
		return b.column() - a.column()
	})
	return all[:min(3, len(all))]
}

func (c Candidate) column() int {
	if c.Error == nil {
		return 0
	}
	return c.Error.Column
}

// try is how many of the lines a format reads.
func try(f *Format, lines [][]byte) Candidate {
	d := NewDecoder(f)
	c := Candidate{Name: f.Name}
	var r Record
	fit := 0
	for _, line := range lines {
		err := d.Decode(line, &r)
		if err == nil && plausible(&r) {
			fit++
			continue
		}
		if c.Error == nil && !errors.As(err, &c.Error) {
			c.Error = lineError(line, 0, "a plausible status and duration")
		}
	}
	if len(lines) > 0 {
		c.Share = float64(fit) / float64(len(lines))
	}
	return c
}

func plausible(r *Record) bool {
	return r.Status < 600 && r.Took < 24*time.Hour
}

// sampleOf cuts a block of bytes into lines; what is cut off at either end is
// left out, but for a block that begins a file or is all of it.
func sampleOf(block []byte, begins, ends bool) [][]byte {
	if !begins {
		i := bytes.IndexByte(block, '\n')
		if i < 0 {
			return nil
		}
		block = block[i+1:]
	}
	var lines [][]byte
	for len(block) > 0 && len(lines) < sampleLines {
		i := bytes.IndexByte(block, '\n')
		if i < 0 {
			if ends {
				lines = append(lines, block)
			}
			break
		}
		lines = append(lines, block[:i])
		block = block[i+1:]
	}
	return lines
}
