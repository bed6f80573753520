//go:build real

package config

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	_ "tripcurve/internal/policy/library"
)

// modules are the real libraries that make deps installed.
const modules = "../../policy/opossum/testdata/node/node_modules"

// constructed prints what the real opossum made of an options file.
const constructed = `
const CircuitBreaker = require('opossum');
const options = JSON.parse(require('node:fs').readFileSync(process.argv[1], 'utf8'));
const b = new CircuitBreaker(async () => 'ok', options);
const { timeout, errorThresholdPercentage, resetTimeout, rollingCountTimeout, rollingCountBuckets, capacity } = b.options;
console.log(JSON.stringify({ timeout, errorThresholdPercentage, resetTimeout, rollingCountTimeout, rollingCountBuckets, capacity, volumeThreshold: b.volumeThreshold }));
b.shutdown();
`

// called makes a call through the exported module on a client whose method needs
// its this, and then lets the callee hang.
const called = `
const { withBreaker } = require(process.argv[1]);
class Client {
  constructor() { this.reply = 'reserved'; this.deadlines = []; }
  reserve(request, metadata, options, done) {
    this.deadlines.push(options.deadline);
    if (request === 'hang') return; 
    done(null, this.reply + ' ' + request);
  }
}
(async () => {
  const client = new Client();
  const breaker = withBreaker(client, 'reserve');
  const out = { reply: await breaker.fire('A'), hasDeadline: client.deadlines[0] > Date.now() };
  for (let i = 0; i < 6; i++) {
    try { await breaker.fire('hang'); } catch (error) { out.last = error.code; }
  }
  out.opened = breaker.opened;
  console.log(JSON.stringify(out));
  breaker.shutdown();
})();
`

func runNode(t *testing.T, script, file string) map[string]any {
	t.Helper()
	path, err := filepath.Abs(modules)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "opossum")); err != nil {
		t.Fatalf("opossum for Node is not installed (make deps does it): %v", err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", script, file)
	node.Env = append(os.Environ(), "NODE_PATH="+path)
	node.Stderr = os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return got
}

func written(t *testing.T, target string, set map[string]string) string {
	t.Helper()
	var p policy.Policy
	if err := p.Set("breaker", "opossum"); err != nil {
		t.Fatal(err)
	}
	for name, v := range set {
		if err := p.Set(name, v); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Render("order.inventory", p, target, Origin{Incident: "INC-2847", Scenario: "inc-2847", Seed: 68, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), f.Name)
	if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRealOpossumTakesTheOptions(t *testing.T) {
	got := runNode(t, constructed, written(t, "opossum", map[string]string{
		"breaker.volumeThreshold": "7", "breaker.errorThresholdPercentage": "37.5", "breaker.capacity": "40", "breaker.rollingCountTimeout": "20s",
	}))
	want := map[string]any{
		"timeout": 5000.0, "errorThresholdPercentage": 37.5, "resetTimeout": 30000.0, "rollingCountTimeout": 20000.0,
		"rollingCountBuckets": 10.0, "capacity": 40.0, "volumeThreshold": 7.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-written +constructed:\n%s", diff)
	}
}

func TestRealOpossumRunsTheModule(t *testing.T) {
	got := runNode(t, called, written(t, "opossum-js", map[string]string{"breaker.timeout": "50", "breaker.volumeThreshold": "5", "deadline": "40ms"}))
	want := map[string]any{"reply": "reserved A", "hasDeadline": true, "last": "EOPENBREAKER", "opened": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-expected +seen:\n%s", diff)
	}
}
