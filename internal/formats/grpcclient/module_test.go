package grpcclient

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/formats/source"
)

func TestModules(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{
			"the postmortem's", "new InventoryClient(url, grpc.credentials.createInsecure(), {\n  'grpc.max_concurrent_streams': 100,\n});",
			"1:1 insecure, 2:3 max-concurrent-streams, 1:1 no-keepalive, 1:1 no-deadline",
		},
		{"a deadline somewhere", "new A(url, creds.createSsl(), {'grpc.keepalive_time_ms': 300000})\na.call(x, {deadline}, f)", ""},
		{"a value that must be run to be known", "new A(url, creds, {'grpc.keepalive_time_ms': TIME})\na.call(x, { deadline: soon() }, f)", ""},
		{"one of two is bad", "new A(u, c.createSsl(), {'grpc.keepalive_time_ms': 300000, interceptors: []})\nnew B(u, c.createSsl())\nf({ deadline: 1 })", "2:1 no-keepalive"},
		{"no client", "new A(url, other(), {a: 1}); new Date()", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			traps, root, err := LintModule("f.js", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, trap := range traps {
				at := source.Find(root, trap.Path).Key
				got = append(got, fmt.Sprintf("%d:%d %s", at.Line, at.Column, strings.TrimPrefix(trap.Rule, "grpc-client/")))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
			if detected := DetectModule("f.js", tt.text) != ""; detected != (tt.name != "no client") {
				t.Errorf("detected: %v", detected)
			}
		})
	}
}
