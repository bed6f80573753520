//go:build real

package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

// handed is a client of grpc-js that is handed the options of a file as they are: the
// method Down answers UNAVAILABLE, Hang never answers. Calls pass no deadline.
const handed = `
const grpc = require('@grpc/grpc-js');
const options = JSON.parse(require('node:fs').readFileSync(process.argv[1], 'utf8'));
const bytes = (b) => b;
const method = (name) => ({ path: '/inventory.Inventory/' + name, requestStream: false, responseStream: false,
  requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes });
const definition = { Down: method('Down'), Hang: method('Hang') };
const seen = { Down: 0, Hang: 0 };
const server = new grpc.Server();
server.addService(definition, {
  Down: (call, done) => { seen.Down++; done({ code: grpc.status.UNAVAILABLE }); },
  Hang: () => { seen.Hang++; },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  const Client = grpc.makeGenericClientConstructor(definition, 'Inventory');
  const client = new Client('127.0.0.1:' + port, grpc.credentials.createInsecure(), options);
  const call = (name) => new Promise((resolve) => client[name](Buffer.alloc(0), (e) => resolve(grpc.status[e.code])));
  (async () => {
    const out = { down: await call('Down'), hang: await call('Hang'), ...seen };
    console.log(JSON.stringify(out));
    process.exit(0);
  })();
});
`

func TestRealGRPCJSTakesTheOptions(t *testing.T) {
	var p policy.Policy
	for _, set := range [][2]string{
		{"breaker", "grpc"},
		{"breaker.timeout", "400ms"},
		{"breaker.retryPolicy.maxAttempts", "3"},
		{"breaker.retryPolicy.initialBackoff", "10ms"},
		{"breaker.retryThrottling.maxTokens", "10"},
		{"keepalive", "30s"},
		{"keepalive_without_calls", "true"},
	} {
		if err := p.Set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Render("order.inventory", p, "grpc-client", Origin{Incident: "INC-2847", Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), f.Name)
	if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"down": "UNAVAILABLE", "hang": "DEADLINE_EXCEEDED", "Down": 3.0, "Hang": 1.0}
	if diff := cmp.Diff(want, runNode(t, handed, path)); diff != "" {
		t.Errorf("-expected +seen:\n%s", diff)
	}
}
