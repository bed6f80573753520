package policyfile

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	_ "tripcurve/internal/policy/library"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

func base() policy.Edges {
	return policy.Edges{
		"gateway.order": {
			Timeout: 10 * time.Second, Retry: policy.Retry{Attempts: 3},
			Breaker: policy.BreakerSpec{Library: "opossum", Params: map[string]string{"timeout": "3000", "capacity": "7"}},
		},
		"order.inventory": {},
	}
}

// TestFiles runs testdata/read.txt: a file over two edges, written again.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		edges, err := Read("p.yaml", d.Input, base())
		if err != nil {
			return err.Error() + "\n"
		}
		text := Write(edges, base())
		again, err := Read("again.yaml", text, base())
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(edges, again); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
		return text
	})
}

func TestReadLeavesItsBaseAlone(t *testing.T) {
	b := base()
	if _, err := Read("f", "order.inventory: {deadline: 5s}", b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(base(), b); diff != "" {
		t.Error(diff)
	}
}

// A file by itself: its edges are whatever it names.
func TestOwn(t *testing.T) {
	edges, err := Own("f", "'*': {keepalive: 20s}\nshop.stock: {deadline: 5s}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Edges{"shop.stock": {Deadline: 5 * time.Second, Keepalive: policy.Keepalive{Time: 20 * time.Second}}}
	if diff := cmp.Diff(want, edges); diff != "" {
		t.Error(diff)
	}
	if edges, err = Own("f", "'*': {deadline: 5s}\n"); err != nil || edges["*"].Deadline != 5*time.Second {
		t.Errorf("a file for every edge: %v, %v", edges, err)
	}
	if edges, err = Own("f", "# nothing\n"); err != nil || len(edges) != 0 {
		t.Errorf("nothing: %v, %v", edges, err)
	}
	if _, err = Own("f", "a: ["); err == nil {
		t.Error("broken YAML is no mistake")
	}
}

func TestLenientNamesEveryMistake(t *testing.T) {
	const text = "a.b:\n  deadline: 5\n  dedline: 5s\n  keepalive: 20s\n  breaker: {library: opossum, timeout: x, volumeThreshold: 3}\nc.d: 5s\ne.f: {retry: [1]}\n---\n{}\n"
	edges, root, err := Lenient("f", text)
	if root == nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		at, _, _ := strings.Cut(line, ": ")
		lines = append(lines, at)
	}
	if diff := cmp.Diff([]string{"f:5:31", "f:2:3", "f:3:3", "f:6:6", "f:7:14", "f:9:1"}, lines); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
	if p := edges["a.b"]; p.Keepalive.Time != 20*time.Second || p.Breaker.Params["volumeThreshold"] != "3" {
		t.Errorf("what is right was left out: %+v", p)
	}
	for _, broken := range []string{"a: [", ""} {
		if _, root, err := Lenient("f", broken); root != nil || err == nil {
			t.Errorf("%q: %v, %v", broken, root, err)
		}
	}
}

// A breaker without a parameter has the library's default, and still has it when it
// was written and read, though choosing the library brings other values.
func TestWriteKeepsDefaults(t *testing.T) {
	edges := policy.Edges{"a.b": {Breaker: policy.BreakerSpec{Library: "opossum"}}}
	nothing := policy.Edges{"a.b": {}}
	text := Write(edges, nothing)
	again, err := Read("f", text, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if got := again["a.b"].Breaker.Params["timeout"]; got != "10000" {
		t.Errorf("timeout %s, the library's default is 10000\n%s", got, text)
	}
}

// What is written as JSON is read like what is written as YAML.
func TestJSON(t *testing.T) {
	edges := base()
	edges["gateway.order"].Breaker.Params["errorThresholdPercentage"] = "50"
	edges["gateway.order"].Breaker.Params["resetTimeout"] = "30000"
	nothing := policy.Edges{"gateway.order": {}, "order.inventory": {}}
	values, err := JSON("f", Write(edges, nothing))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read("f.json", string(text), nothing)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(edges, again); diff != "" {
		t.Errorf("%s\n%s", text, diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("'*': {cancel: propagate}\norder.inventory:\n  breaker: {library: opossum, timeout: 5000}\n")
	f.Add("order.inventory: {breaker: opossum, breaker.timeout: false, jitter: 20%}")
	f.Fuzz(func(t *testing.T, text string) {
		edges, err := Read("f", text, base())
		if err != nil {
			return
		}
		written := Write(edges, base())
		again, err := Read("f", written, base())
		if err != nil || Write(again, base()) != written {
			t.Errorf("%s\nbecame %s, %v", written, Write(again, base()), err)
		}
	})
}
