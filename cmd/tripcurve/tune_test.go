package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/config"
	report "tripcurve/internal/export/tune"
	"tripcurve/internal/formats"
	"tripcurve/sim/scenario"
)

const tunedShop = `
length: 5m
services:
  web: {endpoints: {buy: [call: stock.take]}}
  stock: {workers: 20, endpoints: {take: [work: {exponential: 50ms}]}}
edges:
  web.stock: {policy: {deadline: 2s}}
clients:
  shoppers: {request: web.buy, rate: 6/m, patience: 5s}
`

// A search that is stopped shows the best so far and writes it, whole; the runs that were
// made are kept, and the same command then ends as if nothing had been.
func TestTuneStopped(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("shop.yaml"), []byte(tunedShop), 0o600); err != nil {
		t.Fatal(err)
	}
	tune := func(ctx context.Context, out string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, env: func(string) string { return "" }, paths: config.FindPaths(func(name string) string { return map[string]string{"HOME": dir}[name] })}
		code := a.execute(ctx, []string{"tune", at("shop.yaml"), "--for", "opossum", "--configs", "3", "--workers", "1", "--resume", at("shop.runs"), "-o", at(out)})
		return code, stdout.String(), stderr.String()
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	watched := make(chan struct{})
	go func() { // it stops the search when the first rungs are through
		defer close(watched)
		for ctx.Err() == nil {
			if text, err := os.ReadFile(at("shop.runs")); err == nil && bytes.Count(text, []byte("\n")) > 500 {
				stop()
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	code, stdout, stderr := tune(ctx, "stopped.json")
	stop()
	<-watched
	if code != exitUsage || !strings.Contains(stdout, "- Interrupted (") || !strings.Contains(stderr, "tripcurve: tune: interrupted in ") || !strings.Contains(stderr, "the runs so far are in ") {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	written, err := os.ReadFile(at("stopped.json"))
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := formats.Detect("stopped.json", string(written))
	if err != nil || f.Name != "opossum" || !strings.Contains(string(written), "interrupted") {
		t.Errorf("%v, %s", err, written)
	}
	if set, err := f.Import("stopped.json", string(written)); err != nil || len(set.Policies) != 1 {
		t.Errorf("%d policies, %v\n%s", len(set.Policies), err, written)
	}
	if code, stdout, stderr = tune(t.Context(), "whole.json"); code != exitFine || strings.Contains(stdout, "Interrupted") {
		t.Errorf("resumed: exit code %d\n%s\n%s", code, stdout, stderr)
	}
	left, err := filepath.Glob(at("*"))
	if err != nil || len(left) != 4 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

// The command that stands behind a sweep finds the same, on a pipeline that was changed in
// the same way.
func TestLongSweepIsWhatTuneFinds(t *testing.T) {
	const edge, library, changed = "order.inventory", "opossum", "order.payment.deadline=3s"
	sc, _ := scenario.ByName("inc-2847")
	if err := scenario.Set(&sc, changed); err != nil {
		t.Fatal(err)
	}
	r, err := sweeping{configs: 2, finalists: 1, seeds: 2}.search(t.Context(), sc, edge, library, nil)
	if err != nil {
		t.Fatal(err)
	}
	swept := report.New(r)
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, env: func(string) string { return "" }}
	code := a.execute(t.Context(), []string{
		"tune", "inc-2847", "--for", library, "--edge", edge, "--configs", "2", "--finalists", "1", "--seeds", "2", "--set", changed, "--format", "json",
	})
	var tuned report.Report
	if err := json.Unmarshal(stdout.Bytes(), &tuned); err != nil {
		t.Fatalf("exit code %d, %v\n%s", code, err, stderr.String())
	}
	found, err := json.Marshal(swept.Front)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(tuned.Front)
	if err != nil {
		t.Fatal(err)
	}
	if len(swept.Front) != 1 || !bytes.Equal(found, again) {
		t.Errorf("the sweep found\n%s\nthe command\n%s", found, again)
	}
}
