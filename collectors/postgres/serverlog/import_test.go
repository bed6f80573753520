package serverlog

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"tripcurve/collectors/logfile"
	"tripcurve/internal/incident"
	"tripcurve/internal/redact"
)

// samples are one run of PostgreSQL 15.18 that wrote all three formats at once: a
// CREATE INDEX in the way of three writers, one of which gives up, a deadlock, a
// statement timeout, three writers of one row, refused connections, a crash.
var samples = []string{"pg15.csv", "pg15.json", "pg15.log"}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readAll reads a log from memory.
func readAll(t testing.TB, text []byte, opt Options) (*incident.View, Summary) {
	t.Helper()
	ev := incident.NewEvidence()
	r := NewReader()
	s, err := r.ImportStream(context.Background(), bytes.NewReader(text), opt, func(facts []incident.Fact) error {
		ev.Add(facts...)
		return nil
	})
	ev.Add(r.Finish()...)
	if err != nil {
		t.Fatal(err)
	}
	ev.SetSource(s.Source())
	return ev.Snapshot(), s
}

// told prints lock episodes as a reader would want them.
func told(v *incident.View) []string {
	var list []string
	v.EachEpisode(func(e *incident.Episode) {
		at := e.From.Format("05.000") + " " + e.To.Format("05.000")
		if e.ToErr > 0 {
			at += "+" + e.ToErr.String()
		}
		if e.Open {
			at += " open"
		}
		line := fmt.Sprintf("%s %s %d %s", at, e.Kind, e.Session.PID, e.Session.User)
		if e.Kind == incident.LockWait {
			line += " wants " + e.Wanted.String()
		} else {
			line += " holds " + e.Held.String()
		}
		line += fmt.Sprintf(" on %s of %s", e.LockType, e.Relation)
		for _, b := range e.Blockers {
			line += fmt.Sprintf(" behind %d", b.PID)
			if !b.Hard {
				line += " in the queue"
			}
		}
		list = append(list, line)
	})
	return list
}

func TestEveryFormatTellsTheSameWaits(t *testing.T) {
	want := []string{
		"08.778 09.984 session 22493 postgres holds SHARE on relation of stock_reservations",
		"09.120 09.988 lock_wait 22498 shop wants ROW EXCLUSIVE on relation of stock_reservations behind 22493",
		"09.144 09.984 lock_wait 22499 shop wants ROW EXCLUSIVE on relation of stock_reservations behind 22493",
		"09.149 09.450 lock_wait 22500 shop wants ROW EXCLUSIVE on relation of stock_reservations behind 22493",
		"10.342 10.443+1ms lock_wait 22503 postgres wants SHARE on transactionid of stock_reservations behind 22504",
		"10.342 10.443 session 22504 postgres holds EXCLUSIVE on transactionid of stock_reservations",
		"10.443 10.443+1ms lock_wait 22504 postgres wants SHARE on transactionid of  behind 22503",
		"10.827 11.224 lock_wait 22515 postgres wants SHARE on transactionid of stock_reservations behind 22513",
		"10.827 11.224 session 22513 postgres holds EXCLUSIVE on transactionid of stock_reservations",
		"10.835 11.225 lock_wait 22514 postgres wants EXCLUSIVE on tuple of stock_reservations behind 22515",
		"10.835 11.628 session 22515 postgres holds EXCLUSIVE on transactionid of stock_reservations", // and the tuple before
		"11.224 11.628 lock_wait 22514 postgres wants SHARE on transactionid of stock_reservations behind 22515",
	}
	for _, name := range samples {
		v, s := readAll(t, sample(t, name), Options{})
		if d := cmp.Diff(want, told(v)); d != "" {
			t.Errorf("%s: waits (-want +got):\n%s", name, d)
		}
		if s.Entries != 83 || s.Unparsed != 0 || s.LockWaits != 8 || s.Deadlocks != 1 || s.Foreign != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// Older servers write fewer columns: 12 ends with the application's name, 13 with the
// backend's type. What the others tell is the same.
func TestOlderServersWriteFewerColumns(t *testing.T) {
	whole, _ := readAll(t, sample(t, "pg15.csv"), Options{})
	records, err := csv.NewReader(bytes.NewReader(sample(t, "pg15.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for version, columns := range map[int]int{12: 23, 13: 24} {
		var older bytes.Buffer
		w := csv.NewWriter(&older)
		for _, r := range records {
			if err := w.Write(r[:columns]); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		v, s := readAll(t, older.Bytes(), Options{})
		if s.Entries != 83 || s.Unparsed != 0 || s.LockWaits != 8 || s.Deadlocks != 1 {
			t.Errorf("%d columns of %d: %+v", columns, version, s)
		}
		if d := cmp.Diff(told(whole), told(v)); d != "" {
			t.Errorf("%d columns of %d: waits (-15 +%d):\n%s", columns, version, version, d)
		}
		if d := cmp.Diff(counted(whole), counted(v)); d != "" {
			t.Errorf("%d columns of %d: events (-15 +%d):\n%s", columns, version, version, d)
		}
	}
}

// counted are the events of a log by name.
func counted(v *incident.View) map[string]float64 {
	got := map[string]float64{}
	for _, s := range v.AllSeries() {
		if s.Name == incident.ServerLogEvents {
			got[s.Labels["event"]] = s.Points[len(s.Points)-1].V
		}
	}
	return got
}

func TestEveryFormatTellsTheSameEvents(t *testing.T) {
	want := map[string]float64{
		"checkpoint": 3, "crash": 1, "deadlock": 1, "lock_timeout": 1, "plan": 17, "recovery": 1, "shutdown": 1, "slow_statement": 19,
		"started": 2, "statement_timeout": 1, "too_many_connections": 4,
	}
	for _, name := range samples {
		v, _ := readAll(t, sample(t, name), Options{})
		got := counted(v)
		var phases []string
		for _, s := range v.AllSeries() {
			if s.Name == CheckpointSeries {
				phases = append(phases, fmt.Sprint(s.Labels["phase"], len(s.Points)))
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, d)
		}
		if d := cmp.Diff([]string{"sync3", "total3", "write3"}, phases); d != "" {
			t.Errorf("%s: checkpoints (-want +got):\n%s", name, d)
		}
		var changes []string
		for _, c := range v.Changes() {
			changes = append(changes, c.Kind.String()+" "+c.System+": "+c.Text)
		}
		if d := cmp.Diff([]string{
			"restart postgres: PostgreSQL started",
			"ddl stock_reservations: create table stock_reservations(id bigint primary key, sku text, expires_at timestamptz)",
			"ddl : create user shop login",
			"ddl : create role x login password '****'",
			"ddl stock_reservations: create index idx on stock_reservations(expires_at)",
			"restart postgres: PostgreSQL started after a crash: server process (PID 22591) was terminated by signal 9: Killed",
		}, changes); d != "" {
			t.Errorf("%s: changes (-want +got):\n%s", name, d)
		}
	}
}

func TestAnExemplarLeadsToItsBytes(t *testing.T) {
	for _, name := range samples {
		text := sample(t, name)
		v, _ := readAll(t, text, Options{})
		slowest := incident.Exemplar{}
		for _, x := range v.Exemplars() {
			if x.Origin.To <= x.Origin.From || x.Origin.To > int64(len(text)) {
				t.Fatalf("%s: %+v", name, x.Origin)
			}
			raw := string(text[x.Origin.From:x.Origin.To])
			if want := redact.MaskSecrets(strings.TrimSuffix(raw, "\n")); want != x.Raw {
				t.Fatalf("%s: bytes %d to %d are %q, kept is %q", name, x.Origin.From, x.Origin.To, want, x.Raw)
			}
			if x.Kind == incident.Slowest && x.Endpoint.Route == "plan" && x.Took > slowest.Took {
				slowest = x
			}
		}
		if slowest.Took != 1201278*time.Microsecond || !strings.Contains(slowest.Raw, "Query Text: select pg_sleep(1.2)") {
			t.Errorf("%s: slowest plan %v: %q", name, slowest.Took, slowest.Raw)
		}
		if got := fmt.Sprint(v.Exemplars(), v.Episodes(), v.Changes()); strings.Contains(got, "hunter2") {
			t.Errorf("%s: a password was kept", name)
		}
	}
}

// TestPackedRenamedAndGrown reads a log again under another name, compressed, and
// longer than before: it is the same log.
func TestPackedRenamedAndGrown(t *testing.T) {
	for _, name := range samples {
		text := sample(t, name)
		whole, _ := readAll(t, text, Options{Name: "first"})
		ev := incident.NewEvidence()
		dir := t.TempDir()
		gather := func(file string, b []byte) Summary {
			path := filepath.Join(dir, file)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			r := NewReader()
			s, err := r.Import(context.Background(), path, Options{Known: logfile.KnownOf(ev.Snapshot(), Group)}, func(facts []incident.Fact) error {
				ev.Add(facts...)
				return nil
			})
			ev.Add(r.Finish()...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		half := bytes.LastIndex(text[:len(text)/2], []byte("\n")) + 1
		gather("first", text[:half])
		var gz bytes.Buffer
		z := gzip.NewWriter(&gz)
		_, _ = z.Write(text) // to memory
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if s := gather("first.1.gz", gz.Bytes()); !s.Known || s.Origin.Name != "first" {
			t.Errorf("%s: %+v", name, s)
		}
		enc, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		gather("old.zst", enc.EncodeAll(text, nil))
		if d := cmp.Diff(told(whole), told(ev.Snapshot())); d != "" {
			t.Errorf("%s: read whole, and in pieces (-whole +pieces):\n%s", name, d)
		}
	}
}

// TestRotatedInTheMiddle parts a log at every eighth entry: read in order, the parts tell
// the same waits as the whole.
func TestRotatedInTheMiddle(t *testing.T) {
	for _, name := range samples {
		text := sample(t, name)
		whole, _ := readAll(t, text, Options{})
		cuts := 0
		for cut := bytes.IndexByte(text, '\n') + 1; cut < len(text); cut += 1 + bytes.IndexByte(text[cut:], '\n') {
			if line := text[cut:]; !beginsRecord(line) && line[0] != '{' {
				continue // the server rotates between entries
			}
			if name == "pg15.log" && !bytes.Contains(text[cut:cut+bytes.IndexByte(text[cut:], '\n')], []byte("LOG:")) {
				continue
			}
			if cuts++; cuts%8 != 0 { // each takes 20 ms
				continue
			}
			ev, r := incident.NewEvidence(), NewReader()
			for i, part := range [][]byte{text[:cut], text[cut:]} {
				_, err := r.ImportStream(context.Background(), bytes.NewReader(part), Options{Name: fmt.Sprint("part", i)}, func([]incident.Fact) error { return nil })
				if err != nil {
					t.Fatalf("%s, cut at %d: %v", name, cut, err)
				}
			}
			ev.Add(r.Finish()...)
			// Of a session that blocked by two objects each file keeps its own.
			if d := cmp.Diff(waitsOf(told(whole)), waitsOf(told(ev.Snapshot()))); d != "" {
				t.Fatalf("%s, cut at %d (-whole +parts):\n%s", name, cut, d)
			}
		}
	}
}

func waitsOf(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, " lock_wait ") })
}

func TestATruncatedArchiveKeepsWhatCameBefore(t *testing.T) {
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, _ = z.Write(bytes.Repeat(sample(t, "pg15.json"), 20)) // to memory
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, s := readAll(t, gz.Bytes()[:gz.Len()*9/10], Options{})
	if s.Truncated == "" || s.Entries < 83 || !strings.Contains(s.Source().Detail, "cut off: unexpected EOF") {
		t.Errorf("%+v", s)
	}
}

// TestTornCSV cuts a record in the middle of a statement, as a server does that
// dies while it writes: one record is lost, not the rest of the file.
func TestTornCSV(t *testing.T) {
	text := string(sample(t, "pg15.csv"))
	cut := strings.Index(text, "multi ''line''")
	after := cut + strings.Index(text[cut:], "\n")
	torn := text[:cut] + text[after:]
	v, s := readAll(t, []byte(torn), Options{Name: "torn.csv"})
	if s.Unparsed != 1 || s.Entries != 82 || s.FirstUnparsed != "torn.csv:9: column 1: text behind a closing quote: the record is torn" {
		t.Errorf("%+v", s)
	}
	// Its wait is known by the line that ends it, and so is who held the lock then.
	if got := told(v)[1]; got != "09.125 09.988 lock_wait 22498 shop wants ROW EXCLUSIVE on relation of stock_reservations behind 22493" {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsNotALog(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "\x00\x01\x02", "10.0.0.7 - - [15/Jan/2026:14:24:01 +0000] \"POST /api/orders HTTP/1.1\" 502 157 60.001\n",
		`{"timestamp":"2026-01-15T14:23:01Z","level":"info"}` + "\n", "2026-01-15 14:23:01.000 UTC,1,2,3\n", "some: text\n",
	} {
		_, err := Sniff([]byte(text), "")
		if err == nil || !strings.HasPrefix(err.Error(), "neither csvlog nor jsonlog") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestUnparsedLinesAreCountedAndKept(t *testing.T) {
	lines := strings.SplitAfter(string(sample(t, "pg15.json")), "\n")
	lines[1] = "{\"timestamp\":\"2026-11-29 19:16:53.035 UTC\",\"pid\":tru\x1b\n"
	lines[2] = strings.Replace(lines[2], "2026-11-29", "2026-13-29", 1)
	v, s := readAll(t, []byte(strings.Join(lines, "")), Options{Name: "a.json"})
	if s.Unparsed != 2 || !strings.HasPrefix(s.FirstUnparsed, "a.json:2: column 53: not a JSON object: ") {
		t.Errorf("%+v", s)
	}
	var notes []string
	for _, x := range v.Exemplars() {
		if x.Kind == incident.Unparsed {
			notes = append(notes, x.Note)
		}
	}
	if len(notes) != 2 || notes[1] != `line 3, column 1: time "2026-13-29 19:16:53.038 UTC": expected such as 2026-01-15 14:23:01.401 UTC` {
		t.Errorf("%q", notes)
	}
}

// TestEndlessWaits bounds what a log of waits that never end can take.
func TestEndlessWaits(t *testing.T) {
	var b strings.Builder
	for pid := 1; pid <= maxWaits+100; pid++ {
		fmt.Fprintf(&b, "2026-01-15 14:23:01.000 UTC [%d] LOG:  process %d still waiting for ShareLock on transaction %d after 1000.000 ms\n", pid, pid, pid)
	}
	_, s := readAll(t, []byte(b.String()), Options{})
	if s.LockWaits != maxWaits || s.Dropped != 100 {
		t.Errorf("%d waits, %d dropped", s.LockWaits, s.Dropped)
	}
}
