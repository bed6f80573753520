package source

import (
	"fmt"
	"strings"
	"testing"
)

// show is a node on one line.
func show(n *Node) string {
	switch n.Kind {
	case Map:
		var parts []string
		for _, m := range n.Members {
			parts = append(parts, m.Key+": "+show(m.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case List:
		var parts []string
		for _, i := range n.Items {
			parts = append(parts, show(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Other:
		return "<" + n.Text + ">"
	default:
		return fmt.Sprintf("%s %s", n.Kind, n.Text)
	}
}

func anyName(string) bool { return true }

func TestJSCalls(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"the postmortem's", "const breaker = new CircuitBreaker(inventoryClient.reserve, {\n  timeout: 5000,  // 5s per call\n  errorThresholdPercentage: 50,\n  resetTimeout: 30000, // try again, after {30s}\n});", "1:17 CircuitBreaker <inventoryClient.reserve> {timeout: a number 5000, errorThresholdPercentage: a number 50, resetTimeout: a number 30000}"},
		{"a client", "new InventoryClient(\n process.env.URL,\n grpc.credentials.createInsecure(),\n {'grpc.max_concurrent_streams': 100, /* no, deadline */}\n)", "1:1 InventoryClient <process.env.URL> <grpc.credentials.createInsecure()> {grpc.max_concurrent_streams: a number 100}"},
		{"typed", "new opossum.CircuitBreaker<[string, Map<a, b>], void>(f, opts)", "1:1 CircuitBreaker <f> <opts>"},
		{"defaults", "new CircuitBreaker(fn, { timeout: opts?.timeout ?? 5_000, resetTimeout: 30 * 1000, ...more, name, on() { return {a: 1}; } })", "1:1 CircuitBreaker <fn> {timeout: <opts?.timeout ?? 5_000>, resetTimeout: a number 30000, ...more: <...more>, name: <name>, on() { return {a: 1}; }: <on() { return {a: 1}; }>}"},
		{"not in text", "// new A(1)\n'new B(2)'; `new C(3)`; new D('x, y)', [1, true], {a: {b: \"c\"}})", "2:25 D text x, y) [a number 1, a switch true] {a: {b: text c}}"},
		{"an object is only the beginning", "new A({a: 1}.b, c)", "1:1 A <{a: 1}.b> <c>"},
		{"cut off", "new A({a: [1, {", "1:1 A {a: [a number 1, {}]}"},
		{"none", "new Date; old(1)", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			calls, err := ReadJS("f", tt.text).Calls(anyName)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range calls {
				line := fmt.Sprintf("%d:%d %s", c.Line, c.Column, c.Name)
				for _, a := range c.Args {
					line += " " + show(a)
				}
				lines = append(lines, line)
			}
			if got := strings.Join(lines, "\n"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestJSConst(t *testing.T) {
	const text = "const options = {timeout: 5000};\nlet made = () => ({b: true});\nvar typed: Options = { a: 1 }\nlet after = 2\n"
	for name, want := range map[string]string{"options": "{timeout: a number 5000}", "typed": "{a: a number 1}", "made": "{b: a switch true}"} {
		n, ok := ReadJS("f", text).Const(name)
		if !ok || show(n) != want {
			t.Errorf("%s: %v", name, n)
		}
	}
	for _, name := range []string{"Options", "option"} {
		if n, ok := ReadJS("f", text).Const(name); ok {
			t.Errorf("%s: %s", name, show(n))
		}
	}
}

// Whatever the text, reading ends, and what is found stands inside of it.
func FuzzJS(f *testing.F) {
	for _, s := range []string{"new A({a: 1})", "new A(((", "new A([}", "const a = {b: `", "new A<(", "new A(1 2, }) new B(/*", "'\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		js := ReadJS("f", text)
		calls, _ := js.Calls(anyName)
		for _, c := range calls {
			if c.Line < 1 || c.Line > 1+strings.Count(text, "\n") {
				t.Errorf("%q at line %d of %q", c.Name, c.Line, text)
			}
		}
		_, _ = js.Const("a")
	})
}
