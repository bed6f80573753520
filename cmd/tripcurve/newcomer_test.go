package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// newcomer is somebody at the program for the first time, on a small terminal: it
// presses one key after the other, each one named in the last line or in the help.
type newcomer struct {
	*terminal
	pressed int
}

// press sends one key and waits for what it must show.
func (n *newcomer) press(key string, shows ...string) {
	n.tb.Helper()
	n.pressed++
	n.send(key)
	n.waitUntil(strings.Join(shows, ", ")+" after "+key, func(s string) bool {
		flat := strings.Join(strings.Fields(s), " ")
		for _, want := range shows {
			if !strings.Contains(flat, want) {
				return false
			}
		}
		return true
	})
}

// TestNewcomer finds the blocker of INC-2847 within three keys; sets a deadline, reads
// both curves and exports opossum's and Envoy's config within fifteen.
func TestNewcomer(t *testing.T) {
	n := &newcomer{terminal: startTerminal(t, 80, 24, nil, binary(t, "tripcurve"))}
	n.waitFor("pid 48291 (migrator, migrate) held SHARE") // it is in the sentence, before any key
	n.press("2", "[2 Locks]", "▸▾ 48291 migrator holds SHARE", "100 alike")
	if n.pressed > 3 {
		t.Errorf("%d keys to the blocker", n.pressed)
	}

	n.pressed = 0
	n.press("4", "[4 gRPC]", "order -> inventory Reserve", "D try a deadline")
	n.press("D", "[6 Tune]", "edge < order.inventory >", "▸ deadline none")
	n.press("L", "▸*deadline 5s", "mean of 5 seeds", "outage 1,396 s 239 s -83 %")
	n.press("k", "▸ timeout")
	n.press("k", "▸ library none")
	n.press("l", "▸*library opossum", "timeout 5000 ms", "errorThresholdPercentage 50 %", "now 1,241")
	n.press("c", "opens after, if calls hang", "at 100 %: 11.4 s, now no breaker")
	n.press("x", "[7 Export]", "▸ [ ] opossum", "breaker.inventory.json: new file")
	n.press("\r", "wrote", "breaker.inventory.json")
	for _, next := range []string{"opossum-js", "resilience4j", "hystrix", "grpc", "envoy"} {
		n.press("j", "▸ [ ] "+next)
	}
	n.press("\r", "wrote", "envoy.inventory")
	if n.pressed > 15 {
		t.Errorf("%d keys to both configs", n.pressed)
	}
	dir := filepath.Join(n.cmd.Dir, "INC-2847")
	read := func(name string) []byte {
		files, err := filepath.Glob(filepath.Join(dir, name))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", name, files, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var options struct {
		Timeout                  int `json:"timeout"`
		ErrorThresholdPercentage int `json:"errorThresholdPercentage"`
		ResetTimeout             int `json:"resetTimeout"`
	}
	if err := json.Unmarshal(read("*.json"), &options); err != nil || options.Timeout != 5000 || options.ErrorThresholdPercentage != 50 || options.ResetTimeout != 30000 {
		t.Errorf("opossum's options are %+v, %v", options, err)
	}
	var cluster map[string]any
	if err := yaml.Unmarshal(read("*envoy*"), &cluster); err != nil || len(cluster) == 0 {
		t.Errorf("Envoy's cluster is %v, %v", cluster, err)
	}
}
