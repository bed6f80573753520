package config

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/grpcconfig"
	format "tripcurve/internal/formats/opossum"
	"tripcurve/internal/formats/resilience4j"
	"tripcurve/internal/policy"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestRender runs testdata/*.txt: the command is the target, its arguments an edge
// and fields of its policy.
func TestRender(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var p policy.Policy
			name := "order.inventory"
			for _, a := range d.CmdArgs {
				if a.Key == "edge" {
					name = a.Vals[0]
					continue
				}
				if err := p.Set(a.Key, a.Vals[0]); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Render(name, p, d.Cmd, Origin{})
			if err != nil {
				return err.Error() + "\n"
			}
			out := f.Name + "\n" + f.Text
			for _, w := range f.Warnings {
				out += "! " + w + "\n"
			}
			return out
		})
	})
}

// Whatever the policy, what is written is read again by the strict readers.
func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p policy.Policy
		if rapid.Bool().Draw(t, "breaker") {
			if err := p.Set("breaker", "opossum"); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range policy.FieldsOf(p) {
			if f.Name == "breaker" || f.Kind == policy.KindText {
				continue
			}
			n := rapid.Float64Range(f.Min, f.Max).Draw(t, f.Name)
			if f.Kind == policy.KindNumber && f.Unit == "ms" {
				n = float64(int(n))
			}
			if err := f.SetNumber(&p, n); err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		for _, to := range Targets() {
			f, err := Render("order.inventory", p, to, Origin{})
			if err != nil {
				t.Fatal(err)
			}
			switch to {
			case "opossum":
				_, err = format.Read(f.Name, f.Text)
			case "resilience4j":
				_, err = resilience4j.Read(f.Name, f.Text)
			case "grpc":
				_, err = grpcconfig.Read(f.Name, f.Text)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, f.Text)
			}
		}
	})
}

func TestRenderRefuses(t *testing.T) {
	for _, tt := range []struct{ edge, target, want string }{
		{"order.inventory", "possum", `export config: no target "possum", did you mean opossum? (known: ` + strings.Join(Targets(), ", ") + ")"},
		{".inventory", "opossum", `export config: ".inventory" is not an edge: caller.callee or callee, of letters, digits, _ and -`},
		{"a.../../etc/x", "opossum", `export config: "a.../../etc/x" is not an edge: caller.callee or callee, of letters, digits, _ and -`},
		{"a.b\nc", "grpc", `export config: "a.b\nc" is not an edge: caller.callee or callee, of letters, digits, _ and -`},
	} {
		_, err := Render(tt.edge, policy.Policy{}, tt.target, Origin{})
		if got := fmt.Sprint(err); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// Sockets are set where they are made, so no file holds this one but our own.
func TestTCPKeepaliveIsSaidToBeLost(t *testing.T) {
	for _, target := range Targets() {
		p := policy.Policy{TCPKeepalive: 15 * time.Second, Breaker: policy.BreakerSpec{Library: "opossum"}}
		f, err := Render("order.inventory", p, target, Origin{})
		if err != nil {
			t.Fatal(err)
		}
		warned := slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.HasPrefix(w, "tcp_keepalive 15s ") })
		kept := strings.Contains(f.Text, "tcp_keepalive: 15s")
		if warned == kept {
			t.Errorf("%s: warned %t, kept %t; want one of the two", target, warned, kept)
		}
	}
}
