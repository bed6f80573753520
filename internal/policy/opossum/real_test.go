//go:build real

package opossum

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy/policytest"
)

// realScript is what testdata/node/driver.js reads.
type realScript struct {
	Options map[string]any `json:"options"`
	Steps   []realStep     `json:"steps"`
}

type realStep struct {
	I         int    `json:"i"`
	Op        string `json:"op"`
	AtMS      int64  `json:"at_ms"`
	Call      int    `json:"call"`
	Outcome   string `json:"outcome,omitempty"`
	LatencyMS *int64 `json:"latency_ms,omitempty"`
}

// TestRealOpossum runs five scripts that nobody has seen before through the real
// opossum under Node and through the machine, and keeps one that differs in
// testdata/real, where the next run begins with it.
func TestRealOpossum(t *testing.T) {
	if _, err := os.Stat("testdata/node/node_modules/opossum"); err != nil {
		t.Fatalf("opossum for Node is not installed (make deps does it): %v", err)
	}
	var scripts []realScript
	kept, _ := filepath.Glob("testdata/real/*.json")
	for _, file := range kept {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s realScript
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		scripts = append(scripts, s)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2847))
	for range 5 {
		scripts = append(scripts, randomScript(rng))
	}

	lines := driveReal(t, scripts)
	steps, differing := 0, 0
	for n, s := range scripts {
		host := newTraceHost(t, traceLine{Trace: n, Plan: "random", Options: s.Options})
		for range s.Steps {
			line := lines[steps]
			steps++
			got := host.step(line)
			if diff := cmp.Diff(line.Out, got); diff != "" && !host.failed {
				host.failed = true
				differing++
				t.Errorf("script %d of seed %d, options %v, step %d, %s at %d ms (-real +machine):\n%s", n, seed, s.Options, line.I, line.Op, line.AtMS, diff)
				if n >= len(kept) {
					keep(t, s, fmt.Sprintf("%d-%d", seed, n-len(kept)))
				}
			}
		}
	}
	policytest.Report(t, "opossum", "opossum 9.0.0 live under Node, fresh scripts", steps, differing)
}

func keep(t *testing.T, s realScript, name string) {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata/real", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata/real", name+".json"), append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// driveReal runs scripts through the library and returns its steps in order.
func driveReal(t *testing.T, scripts []realScript) []traceLine {
	var in bytes.Buffer
	for _, s := range scripts {
		if err := json.NewEncoder(&in).Encode(s); err != nil {
			t.Fatal(err)
		}
	}
	node := exec.CommandContext(t.Context(), "node", "testdata/node/driver.js")
	node.Stdin = &in
	node.Stderr = os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var lines []traceLine
	scanner := bufio.NewScanner(bytes.NewReader(out))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l traceLine
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", scanner.Text(), err)
		}
		lines = append(lines, l)
	}
	want := 0
	for _, s := range scripts {
		want += len(s.Steps)
	}
	if len(lines) != want {
		t.Fatalf("%d steps came back, %d were sent", len(lines), want)
	}
	return lines
}

// randomScript has no two things due in the same millisecond whose order could
// matter: bucket turns fall on 0 modulo 8, steps on 1, results on 2, time limits
// on 3 and reset times on 5, 6 and 7.
func randomScript(rng *rand.Rand) realScript {
	interval := 8 * (5 + rng.IntN(150))
	buckets := 1 + rng.IntN(12)
	options := map[string]any{
		"rollingCountTimeout": float64(interval * buckets), "rollingCountBuckets": float64(buckets),
		"resetTimeout":             float64(8*rng.IntN(800) + 4),
		"errorThresholdPercentage": float64(rng.IntN(401)) / 4,
		"volumeThreshold":          float64(rng.IntN(12)),
		"timeout":                  any(false),
	}
	if rng.IntN(4) > 0 {
		options["timeout"] = float64(8*(1+rng.IntN(500)) + 2)
	}
	if rng.IntN(3) == 0 {
		options["capacity"] = float64(1 + rng.IntN(8))
	}
	if rng.IntN(4) == 0 {
		options["allowWarmUp"] = true
	}
	if rng.IntN(2) == 0 {
		options["errorFilterCode"] = "FILTERED"
	}
	s := realScript{Options: options}
	var ends []int64
	at, sick, call := int64(1), false, 0
	for i := range 400 {
		at += 8 * int64(1+rng.IntN(1+rng.IntN(60)))
		if rng.IntN(40) == 0 {
			at += 8 * int64(rng.IntN(1500)) // a pause
		}
		if rng.IntN(30) == 0 {
			sick = !sick
		}
		step := realStep{I: i, AtMS: at, Op: "call", Call: call}
		switch n := rng.IntN(100); {
		case n < 1:
			step.Op = "open"
		case n < 2:
			step.Op = "close"
		case n < 8:
			step.Op = "observe"
		default:
			call++
			step.Outcome, step.LatencyMS = randomOutcome(rng, sick, options["errorFilterCode"] != nil)
			if l := step.LatencyMS; l != nil && *l > 0 {
				for slices.Contains(ends, at+*l) {
					*l += 8
				}
				ends = append(ends, at+*l)
			}
		}
		s.Steps = append(s.Steps, step)
	}
	return s
}

func randomOutcome(rng *rand.Rand, sick, filters bool) (string, *int64) {
	outcome := "ok"
	switch n := rng.IntN(20); {
	case sick && n < 12, n < 1:
		outcome = "error"
	case sick && n < 15:
		return "hang", nil
	case n == 19 && filters:
		outcome = "filtered"
	}
	latency := int64(0)
	if rng.IntN(5) > 0 {
		latency = 8*int64(rng.IntN(1+rng.IntN(700))) + 1
	}
	return outcome, &latency
}
