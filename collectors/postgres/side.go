package postgres

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/incident"
)

// Names of the series that the second connection brings.
const (
	databasePrefix = "postgres_database_" // and the counter: commits, deadlocks, ...; label database
	SettingSeries  = incident.SettingSeries
	IndexSeries    = "postgres_index_build"
)

const (
	sideEvery     = 5 * time.Second  // between readings of counters and index builds while they are cheap
	settingsEvery = 60 * time.Second // between readings of the settings
	spareMin      = time.Second      // before the second connection is tried again, doubling
	spareMax      = 30 * time.Second
)

// side is the second connection: what need not be read with every sample is read
// over it, so that nothing delays a sample, and it takes over when the first one
// is lost while the server takes nobody new.
type side struct {
	target target
	origin incident.Origin
	out    chan<- []incident.Fact
	spare  chan *link // hands the connection over to whoever asks
	note   *atomic.Pointer[string]

	settings map[string]setting // as last read; nil before
	readAt   time.Time          // of them
}

// setting is one of the server's, as pg_settings has it.
type setting struct{ value, unit string }

// run opens the connection and reads until ctx ends.
func (s *side) run(ctx context.Context) {
	var l *link
	defer func() {
		if l != nil {
			l.close()
		}
	}()
	wait := spareMin
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		var spare chan<- *link
		if l != nil {
			spare = s.spare
		}
		select {
		case <-ctx.Done():
			return
		case spare <- l:
			l = nil
			next.Reset(wait)
			continue
		case <-next.C:
		}
		if l == nil {
			var err error
			if l, err = s.target.dial(ctx, true); err != nil {
				s.say("one connection only: " + errorWords(err))
				next.Reset(wait)
				wait = min(2*wait, spareMax)
				continue
			}
			wait = spareMin
		}
		began := time.Now()
		if err := s.read(ctx, l); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.say("counters missed: " + s.target.scrub(reason(err)))
			if l.conn.IsClosed() {
				l = nil
			}
		}
		next.Reset(max(sideEvery, costFactor*time.Since(began)))
	}
}

func errorWords(err error) string {
	return strings.TrimPrefix(err.Error(), ErrUnreachable.Error()+" at ")
}

func (s *side) say(note string) { s.note.Store(&note) }

// read takes the counters, the index builds and now and then the settings.
func (s *side) read(ctx context.Context, l *link) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	return l.within(ctx, func(q querier) error {
		var at time.Time
		if err := q.QueryRow(ctx, "select clock_timestamp()").Scan(&at); err != nil {
			return fmt.Errorf("read the server's clock: %w", err)
		}
		at = at.UTC()
		facts, err := s.counters(ctx, q, l, at)
		if err != nil {
			return fmt.Errorf("read counters: %w", err)
		}
		builds, notes, err := s.indexes(ctx, q, l, at)
		if err != nil {
			return err
		}
		facts = append(facts, builds...)
		if s.settings == nil || time.Since(s.readAt) >= settingsEvery {
			set, err := s.changed(ctx, q, l, at)
			if err != nil {
				return fmt.Errorf("read settings: %w", err)
			}
			facts = append(facts, set...)
		}
		s.say(strings.Join(append(notes, s.limits()), "; "))
		select {
		case s.out <- facts:
		case <-ctx.Done():
		}
		return nil
	})
}

func (s *side) counters(ctx context.Context, q querier, l *link, at time.Time) ([]incident.Fact, error) {
	rows, err := q.Query(ctx, query("database", l.version))
	if err != nil {
		return nil, err
	}
	var (
		facts      []incident.Fact
		name, unit string
		value      float64
		since      *time.Time
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &unit, &value, &since}, func() error {
		facts = append(facts, incident.Series{
			Name: databasePrefix + name, Unit: unit, Kind: incident.Counter, Origin: s.origin, StartAt: utc(since),
			Labels: map[string]string{"database": l.conn.Config().Database},
			Points: []incident.Point{{At: at, V: value}},
		})
		return nil
	})
	return facts, err
}

// IndexBuild is an index build under way.
type IndexBuild struct {
	PID      int    `json:"pid"`
	Command  string `json:"command"`  // CREATE INDEX, REINDEX CONCURRENTLY, ...
	Phase    string `json:"phase"`    // as the server names it: "building index: scanning table"
	Relation string `json:"relation"` // the table
	// Share of this phase that is done, 0..1: each phase begins anew, so there is none
	// of the whole.
	Share float64 `json:"share_of_phase"`
}

func (b IndexBuild) String() string {
	return fmt.Sprintf("%s on %s by %d: %s, %.0f %% of this phase", b.Command, b.Relation, b.PID, b.Phase, math.Floor(100*b.Share))
}

func (l *link) builds(ctx context.Context, q querier) ([]IndexBuild, error) {
	rows, err := q.Query(ctx, query("indexes", l.version))
	if err != nil {
		return nil, fmt.Errorf("read index builds: %w", err)
	}
	builds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[IndexBuild])
	if err != nil {
		return nil, fmt.Errorf("read index builds: %w", err)
	}
	return builds, nil
}

// maxBuilds is how many index builds a status speaks of.
const maxBuilds = 3

// indexes are the index builds under way, and what to say of them.
func (s *side) indexes(ctx context.Context, q querier, l *link, at time.Time) (facts []incident.Fact, notes []string, err error) {
	builds, err := l.builds(ctx, q)
	for _, b := range builds {
		facts = append(facts, incident.Series{
			Name: IndexSeries, Unit: "1", Kind: incident.Gauge, Origin: s.origin,
			Labels: map[string]string{"pid": strconv.Itoa(b.PID), "command": b.Command, "phase": b.Phase, "relation": b.Relation},
			Points: []incident.Point{{At: at, V: b.Share}},
			Caveat: "done of this phase alone: there is no share of the whole",
		})
		if len(notes) < maxBuilds {
			notes = append(notes, b.String())
		}
	}
	return facts, notes, err
}

// changed reads the settings: as numbers, and what is not as it was.
func (s *side) changed(ctx context.Context, q querier, l *link, at time.Time) ([]incident.Fact, error) {
	rows, err := q.Query(ctx, query("settings", l.version))
	if err != nil {
		return nil, err
	}
	var facts []incident.Fact
	now := map[string]setting{}
	var name string
	var is setting
	_, err = pgx.ForEachRow(rows, []any{&name, &is.value, &is.unit}, func() error {
		now[name] = is
		if v, unit, ok := is.number(); ok {
			facts = append(facts, incident.Series{
				Name: SettingSeries, Unit: unit, Kind: incident.Gauge, Origin: s.origin,
				Labels: map[string]string{"name": name}, Points: []incident.Point{{At: at, V: v}},
			})
		}
		if was, ok := s.settings[name]; ok && was != is {
			facts = append(facts, incident.Change{
				At: at, Kind: incident.Config, System: "postgres", Origin: s.origin,
				Text: fmt.Sprintf("%s was %s, is %s", name, was, is),
			})
		}
		return nil
	})
	if err == nil {
		s.settings, s.readAt = now, time.Now()
	}
	return facts, err
}

// number is a setting's value in ms, bytes or without a unit.
func (s setting) number() (v float64, unit string, ok bool) {
	switch s.value {
	case "on":
		return 1, "1", true
	case "off":
		return 0, "1", true
	}
	v, err := strconv.ParseFloat(s.value, 64)
	if err != nil {
		return 0, "", false
	}
	switch s.unit {
	case "":
		return v, "1", true
	case "s":
		return 1000 * v, "ms", true
	case "min":
		return 60_000 * v, "ms", true
	case "B":
		return v, "bytes", true
	}
	return v, s.unit, true
}

func (s setting) String() string {
	if s.unit == "" {
		return s.value
	}
	return s.value + " " + s.unit
}

// limits says in words how many connections the server takes, and how long it lets
// somebody wait for a lock.
func (s *side) limits() string {
	reserved := 0
	for _, name := range []string{"superuser_reserved_connections", "reserved_connections"} {
		n, _ := strconv.Atoi(s.settings[name].value) // absent is none
		reserved += n
	}
	limit := fmt.Sprintf("at most %s connections, %d of them reserved", s.settings["max_connections"].value, reserved)
	if s.settings["lock_timeout"].value == "0" && s.settings["statement_timeout"].value == "0" {
		limit += "; neither lock_timeout nor statement_timeout: who waits for a lock waits for ever"
	}
	return limit
}
