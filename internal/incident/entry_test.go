package incident

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func clockAt(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999", "2026-01-15 "+s)
	if err != nil {
		panic(err)
	}
	return t
}

// Start, then end, then phase, then id.
func TestOrderOfEntries(t *testing.T) {
	at := clockAt("14:23:01")
	want := []Entry{
		{ID: "b", Start: at.Add(-time.Second)},
		{ID: "z", Start: at, Phase: PhaseTrigger},
		{ID: "y", Start: at, Phase: PhaseDetected},
		{ID: "a", Start: at},
		{ID: "c", Start: at},
		{ID: "d", Start: at, End: at.Add(time.Minute)},
		{ID: "e", Start: at, Open: true},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortStableFunc(got, CompareEntries)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// That one was before the other is said only when the gap is more than both clocks
// and precisions leave open.
func TestEarlierNeedsMoreThanTheClocksBounds(t *testing.T) {
	a := Entry{Start: clockAt("14:23:00"), Precision: time.Second, Clock: EntryClock{Within: 2 * time.Second}}
	b := Entry{Clock: EntryClock{Within: 3 * time.Second}}
	for text, want := range map[string]bool{"14:23:06": false, "14:23:06.1": true, "14:22:00": false} {
		b.Start = clockAt(text)
		if Earlier(a, b) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	coarse := Entry{Start: clockAt("14:23:00"), Precision: time.Minute}
	if Earlier(coarse, Entry{Start: clockAt("14:23:59")}) {
		t.Error("14:23 was said to be before 14:23:59")
	}
}

func TestTimeAsPeopleWriteIt(t *testing.T) {
	last := clockAt("15:00:00")
	for text, want := range map[string]struct {
		at        string
		precision time.Duration
	}{
		"14:31Z":                      {"2026-01-15T14:31:00Z", time.Minute},
		"14:31:07Z":                   {"2026-01-15T14:31:07Z", time.Second},
		"14:31:07.25Z":                {"2026-01-15T14:31:07.25Z", 10 * time.Millisecond},
		"2026-01-15T16:31:07+02:00":   {"2026-01-15T14:31:07Z", time.Second},
		"2026-01-15T14:31:07.123456Z": {"2026-01-15T14:31:07.123456Z", time.Microsecond},
		"2026-01-19":                  {"2026-01-19T00:00:00Z", 24 * time.Hour},
	} {
		at, precision, err := ParseEntryTime(text, last)
		if err != nil || stampText(at) != want.at || precision != want.precision {
			t.Errorf("%s: %s, %s, %v", text, stampText(at), precision, err)
		}
	}
	for _, text := range []string{"", "14:31", "yesterday", "2026-13-01"} {
		if _, _, err := ParseEntryTime(text, last); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// What people wrote comes back field for field, and of a derived entry only what
// they changed is theirs.
func TestWrittenEntries(t *testing.T) {
	own := Entry{
		ID: EntryID("people", "1"), Start: clockAt("14:31:00"), End: clockAt("14:32:00"), Precision: time.Minute,
		Clock: EntryClock{Name: "slack", Offset: -2 * time.Second, Within: time.Second, Original: "4:31 PM"},
		Phase: PhaseAcknowledged, Kind: KDecision, Track: RemediationTrack, Progress: InProgress, Text: "roll back",
		Actor: "on-call engineer", Person: "Jo", System: "order", Lane: "people",
		Source:     EntrySource{Name: "slack", Ref: "x.json:1", URL: "https://example.org/1", Captured: clockAt("18:00:00"), Hash: "sha256:ab"},
		Confidence: "stated", Pinned: true, Hidden: true, Comments: []Comment{{At: clockAt("19:00:00"), Role: "author", Text: "checked"}},
	}
	if d := cmp.Diff(own, WriteEntry(own).Apply(Entry{ID: own.ID})); d != "" {
		t.Errorf("(-written +read)\n%s", d)
	}
	if n := len(WriteEntry(own).Fields); n != len(Fields()) {
		t.Errorf("%d fields were written of %d", n, len(Fields()))
	}
	a := Analysis{Derived: []Moment{
		{ID: "lock", At: clockAt("14:23:01"), Kind: MTrigger, Text: "lock held", Lane: "locks", Confidence: "measured"},
		{ID: "first", At: clockAt("14:23:02"), Kind: MSymptom, Text: "first failing", Lane: "errors", Confidence: "measured"},
		{ID: "ok", At: clockAt("14:46:18"), Kind: MRecovery, Text: "succeeds again", Lane: "errors", Confidence: "measured"},
	}}
	written := []Written{
		WriteEntry(own),
		{ID: EntryID("evidence", "first"), Derived: true, Fields: map[string]string{"pinned": "true", "text": "checkout fails", "of a later program": "x"}},
		{ID: EntryID("evidence", "gone"), Derived: true, Fields: map[string]string{"hidden": "true"}},
	}
	var got []string
	for _, e := range Timeline(nil, a, PackWritten(slices.Values(written))) {
		got = append(got, strings.Join([]string{e.Start.Format(time.TimeOnly), e.Text, e.Phase.String(), flagText(e.Pinned), flagText(e.Edited)}, "|"))
	}
	want := []string{
		"14:23:01|lock held|trigger||", "14:23:02|checkout fails|impact-start|true|true",
		"14:31:00|roll back|acknowledged|true|", "14:46:18|succeeds again|mitigated||",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFieldsThatCannotBeRead(t *testing.T) {
	e := Entry{Start: clockAt("14:31:00"), Text: "seen", Confidence: "stated"}
	before := e
	for _, bad := range [][2]string{
		{"start", "noon"},
		{"end", "later"},
		{"precision", "exact"},
		{"phase", "end"},
		{"kind", ""},
		{"track", "x"},
		{"progress", "half"},
		{"text", " "},
		{"confidence", "sure"},
		{"pinned", "perhaps"},
		{"colour", "red"},
	} {
		if err := e.Set(bad[0], bad[1]); err == nil || !strings.Contains(err.Error(), "expected") && !strings.Contains(err.Error(), "no length") {
			t.Errorf("%s=%q: %v", bad[0], bad[1], err)
		}
	}
	if d := cmp.Diff(before, e); d != "" {
		t.Error(d)
	}
	e.End = clockAt("14:30:00")
	if err := e.Check(); err == nil {
		t.Error("an entry that ends before it starts passed")
	}
}

func TestCurrentPhase(t *testing.T) {
	phase := func(p Progress) Entry { return Entry{Kind: KPhase, Progress: p} }
	for _, c := range []struct {
		list []Entry
		want int
	}{
		{nil, -1},
		{[]Entry{phase(Planned)}, -1},
		{[]Entry{phase(Done), phase(Done), phase(Planned)}, 1},
		{[]Entry{phase(Done), phase(InProgress), phase(Done), phase(Planned)}, 1},
	} {
		if got := CurrentPhase(c.list); got != c.want {
			t.Errorf("%d, want %d", got, c.want)
		}
	}
}
