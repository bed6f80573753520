package incident

import (
	"cmp"
	"slices"
	"strings"
)

// LogFile is a file that requests were read from, so that its lines can be read again
// while it is there. Which file it is, Origin.File says, and not its path.
type LogFile struct {
	Path string // absolute, as it was called when it was read
	// How it was read, in the words that the user gave; empty: as its own lines say, in
	// the zone of the host.
	Format, Zone, Unit string
	// Routes are the patterns by which its requests were put to endpoints.
	Routes []string
	Origin Origin // From, To are the bytes read so far; To is 0 while it goes on
}

// maxLogFiles bounds memory: a log that is rotated every minute for a day.
const maxLogFiles = 2_000

func (LogFile) fact()            {}
func (l LogFile) Source() Origin { return l.Origin }

func (l LogFile) ID() ID { return join("log", l.Origin.Key(), l.Path) }

// addLogFile takes a file in; the later word on how it was read counts, and of the bytes
// that were read the range that holds both.
func (ev *Evidence) addLogFile(l LogFile) {
	ev.logFiles = slices.Clone(ev.logFiles) // a snapshot may hold it
	i, ok := slices.BinarySearchFunc(ev.logFiles, l, compareLogFiles)
	switch {
	case ok:
		have := ev.logFiles[i].Origin
		l.Origin.From = min(l.Origin.From, have.From)
		l.Origin.To = max(l.Origin.To, have.To)
		ev.logFiles[i] = l
	case len(ev.logFiles) < maxLogFiles:
		ev.logFiles = slices.Insert(ev.logFiles, i, l)
	}
}

func compareLogFiles(a, b LogFile) int {
	return cmp.Or(compareOrigins(&a.Origin, &b.Origin), strings.Compare(a.Path, b.Path))
}

// LogFiles are the files that requests were read from, by source.
func (v *View) LogFiles() []LogFile { return v.logFiles }
