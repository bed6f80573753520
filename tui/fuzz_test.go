package tui

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/incident/sketch"
	"tripcurve/tui/export"
	"tripcurve/tui/tuitest"
)

// FuzzFrames makes evidence, sizes and keys out of a seed: whatever was collected, the
// frame has its height, no line is too wide, and every escape is ours.
func FuzzFrames(f *testing.F) {
	for seed := range uint64(12) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		t.Chdir(t.TempDir()) // a key may well export something
		rnd := rand.New(rand.NewPCG(seed, 7))
		all := quick()
		// A picture takes seconds of another goroutine, and is none of the frame's.
		all[6] = export.New(export.Options{Targets: slices.DeleteFunc(export.Targets(), func(t export.Target) bool { return t.Group == "plot" })})
		r := newRoot(Options{Name: odd(rnd), Theme: "dark", NoAnimation: true, Screens: all})
		var pressed []string
		for i := range r.screens {
			for _, a := range append(r.own(i), r.global...) {
				pressed = append(pressed, a.Keys...)
			}
		}
		for round := range 4 {
			msg := evidence(rnd)
			msg.Live = round%2 == 1
			send(r, tea.WindowSizeMsg{Width: rnd.IntN(210), Height: rnd.IntN(55)}, msg)
			for range 24 {
				k := pressed[rnd.IntN(len(pressed))]
				if k == "ctrl+c" || k == "ctrl+z" || k == "q" {
					continue
				}
				_, cmd := r.Update(press(k))
				for _, m := range tuitest.Answers(cmd) {
					if _, quit := m.(tea.QuitMsg); !quit {
						send(r, m)
					}
				}
				sound(t, r, fmt.Sprintf("seed %d, key %s", seed, k))
			}
		}
	})
}

// evidence is random facts, and what the analysis makes of them.
func evidence(rnd *rand.Rand) EvidenceMsg {
	ev := incident.NewEvidence()
	from := tuitest.At("14:20:00")
	at := func() time.Time {
		switch rnd.IntN(20) {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(1<<40, 0).UTC()
		}
		return from.Add(time.Duration(rnd.IntN(1_800_000)) * time.Millisecond)
	}
	origin := func() incident.Origin {
		groups := []string{"postgres", "gateway", "grpc", "datadog", ""}
		return incident.Origin{Group: groups[rnd.IntN(len(groups))], Name: odd(rnd), From: rnd.Int64N(1 << 40), To: rnd.Int64N(1 << 40)}
	}
	for range rnd.IntN(60) {
		e := incident.Endpoint{Method: "POST", Route: odd(rnd)}
		switch rnd.IntN(6) {
		case 0:
			ev.Add(incident.Bucket{At: at(), Width: time.Second, Endpoint: e, Status: rnd.IntN(700), Outcome: incident.Outcome(rnd.IntN(4)), Started: rnd.Int64N(1 << 40), Ended: rnd.Int64N(100), Origin: origin()})
		case 1:
			s := sketch.New()
			s.Add(time.Duration(rnd.Int64N(int64(time.Hour))))
			ev.Add(incident.Latency{At: at(), Width: 10 * time.Second, Endpoint: e, Sketch: s, Origin: origin()})
		case 2:
			kinds := []incident.EpisodeKind{incident.SessionState, incident.LockWait, incident.PoolFull, incident.Gap}
			ev.Add(incident.Episode{
				Kind: kinds[rnd.IntN(len(kinds))], From: at(), To: at(), Open: rnd.IntN(4) == 0, Text: odd(rnd), Value: rnd.NormFloat64() * 1e6, Relation: odd(rnd), Origin: origin(),
				Session: incident.Session{PID: rnd.IntN(9), User: odd(rnd), Query: odd(rnd), State: odd(rnd)}, Blockers: []incident.Blocker{{PID: rnd.IntN(9), Hard: rnd.IntN(2) == 0}},
			})
		case 3:
			names := []string{"grpc_client_started_total", "grpc_client_handled_total", odd(rnd)}
			s := incident.Series{Name: names[rnd.IntN(3)], Labels: map[string]string{"grpc_service": "a.B", "grpc_method": odd(rnd)}, Kind: incident.SeriesKind(rnd.IntN(2)), Origin: origin()}
			for i := range rnd.IntN(30) {
				v := rnd.NormFloat64() * 1e9
				if rnd.IntN(9) == 0 {
					v = math.NaN()
				}
				s.Points = append(s.Points, incident.Point{At: from.Add(time.Duration(i) * 5 * time.Second), V: v})
			}
			ev.Add(s)
		case 4:
			ev.Add(incident.Exemplar{Start: at(), End: at(), Endpoint: e, Status: rnd.IntN(700), Took: time.Duration(rnd.Int64()), Raw: odd(rnd), Origin: origin()})
		case 5:
			ev.Add(incident.Change{At: at(), System: odd(rnd), Text: odd(rnd), Origin: origin()})
		}
	}
	for range rnd.IntN(5) {
		ev.SetSource(incident.SourceStatus{Name: odd(rnd), Group: "postgres", State: incident.SourceState(rnd.IntN(7)), LastAt: at(), Since: at()})
		ev.Sampled(from.Add(time.Duration(rnd.IntN(1800)) * time.Second))
	}
	v := ev.Snapshot()
	return EvidenceMsg{Name: odd(rnd), View: v, Analysis: cause.Analyze(v, cause.Options{})}
}

// odd is a text as a hostile or unlucky source has it.
func odd(rnd *rand.Rand) string {
	parts := []string{"orders", "\x1b[2J", "\x1b]0;owned\x07", "在庫予約", "\u202egnp.exe", "\n", "\t", "\x00", "\xff\xfe", "e\u0301", "👩‍👩‍👧", strings.Repeat("w", 300), "'; --", " ", "\u200b", "\u009b31m"}
	var b strings.Builder
	for range rnd.IntN(4) {
		b.WriteString(parts[rnd.IntN(len(parts))])
	}
	return b.String()
}
