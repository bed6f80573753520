package incident

import (
	"sort"
	"strconv"
	"strings"
	"time"
)

var (
	outcomeNames = [...]string{
		"ok", "client_error", "client_abort", "server_error", "upstream_timeout", "upstream_connect",
		"upstream_reset", "overload", "no_healthy", "no_route", "rate_limited", "local_reply",
	}
	episodeNames  = [...]string{"lock_wait", "session", "pool_full", "gap"}
	exemplarNames = [...]string{"first_failing", "last_failing", "slowest", "sampled", "unparsed"}
	changeNames   = [...]string{"deploy", "restart", "ddl", "config"}
	seriesNames   = [...]string{"gauge", "counter"}
)

func (o Outcome) String() string      { return word(outcomeNames[:], uint8(o), "outcome") }
func (k EpisodeKind) String() string  { return word(episodeNames[:], uint8(k), "episode kind") }
func (k ExemplarKind) String() string { return word(exemplarNames[:], uint8(k), "exemplar kind") }
func (k ChangeKind) String() string   { return word(changeNames[:], uint8(k), "change kind") }
func (k SeriesKind) String() string   { return word(seriesNames[:], uint8(k), "series kind") }

// Facts are values; a pointer to one is understood by Evidence.Add as well.

func (Bucket) fact()   {}
func (Latency) fact()  {}
func (Episode) fact()  {}
func (Series) fact()   {}
func (Exemplar) fact() {}
func (Change) fact()   {}

func (b Bucket) Source() Origin   { return b.Origin }
func (l Latency) Source() Origin  { return l.Origin }
func (e Episode) Source() Origin  { return e.Origin }
func (s Series) Source() Origin   { return s.Origin }
func (e Exemplar) Source() Origin { return e.Origin }
func (c Change) Source() Origin   { return c.Origin }

// Key tells sources apart: the name, and the file's identity where there is
// one, so that the access.log of two hosts stay two.
func (o Origin) Key() string {
	name := o.Name
	if name == "" {
		name = o.Group
	}
	if o.File != "" {
		return name + "@" + o.File
	}
	return name
}

func (b Bucket) ID() ID {
	return join("bucket", b.Origin.Key(), b.Endpoint.String(), strconv.Itoa(b.Status), b.Outcome.String(), b.Width.String(), seconds(b.At))
}

func (l Latency) ID() ID {
	return join("latency", l.Origin.Key(), l.Endpoint.String(), l.Outcome.String(), l.Width.String(), seconds(l.At))
}

// ID of an episode is who, of which process, waited for or did what, since when.
func (e Episode) ID() ID {
	return join("episode", e.Origin.Key(), e.Kind.String(), strconv.Itoa(e.Session.PID), seconds(e.Session.BackendStart),
		e.subject(), strconv.FormatInt(e.From.UnixNano(), 36))
}

// subject is the thing waited for, held, or full.
func (e Episode) subject() string {
	if e.Kind == PoolFull || e.Kind == Gap {
		return e.Text
	}
	if e.Kind == LockWait {
		return e.LockType + " " + e.Relation
	}
	return e.Relation
}

func (s Series) ID() ID { return join("series", s.Origin.Key(), s.Name+labels(s.Labels)) }

// ID of an exemplar: of first and last failing ones there is one per source and
// endpoint, of the others one per line or instant.
func (e Exemplar) ID() ID {
	parts := []string{"exemplar", e.Origin.Key(), e.Kind.String(), e.Endpoint.String()}
	switch {
	case e.Kind == FirstFailing || e.Kind == LastFailing:
	case e.Origin.To > 0:
		parts = append(parts, strconv.FormatInt(e.Origin.From, 10))
	default:
		parts = append(parts, strconv.FormatInt(e.Start.UnixNano(), 36), e.Took.String())
	}
	return join(parts...)
}

// OfServer says that an exemplar is an entry of a database server's log, and no
// request.
func (e Exemplar) OfServer() bool { return e.Origin.Group == "postgres" }

func (c Change) ID() ID {
	return join("change", c.Origin.Key(), c.Kind.String(), c.System, strconv.FormatInt(c.At.UnixNano(), 36))
}

func join(parts ...string) ID { return ID(strings.Join(parts, "/")) }

func seconds(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// labels prints a label set in one order whatever the map's.
func labels(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	var quoted [64]byte
	for i, name := range names {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(name)
		b.WriteByte('=')
		b.Write(strconv.AppendQuote(quoted[:0], m[name]))
	}
	b.WriteByte('}')
	return b.String()
}

func number(s string, base int) int64 {
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil {
		return 0 // an ID of no fact of ours: nothing will be found
	}
	return n
}

// The Parse functions read the words back; ok is false for any other text.

func ParseOutcome(s string) (Outcome, bool) { return parse[Outcome](outcomeNames[:], s) }

func ParseEpisodeKind(s string) (EpisodeKind, bool) { return parse[EpisodeKind](episodeNames[:], s) }

func ParseExemplarKind(s string) (ExemplarKind, bool) {
	return parse[ExemplarKind](exemplarNames[:], s)
}
func ParseChangeKind(s string) (ChangeKind, bool)   { return parse[ChangeKind](changeNames[:], s) }
func ParseSeriesKind(s string) (SeriesKind, bool)   { return parse[SeriesKind](seriesNames[:], s) }
func ParseSourceState(s string) (SourceState, bool) { return parse[SourceState](sourceStates[:], s) }

func parse[T ~uint8](names []string, s string) (T, bool) {
	for i, name := range names {
		if name == s {
			return T(i), true
		}
	}
	return 0, false
}
