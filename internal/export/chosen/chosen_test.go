package chosen

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

func own() policy.Edges {
	return policy.Edges{"order.inventory": {}, "order.payment": {Deadline: time.Second}}
}

func set(t *testing.T, e policy.Edges, path, value string) {
	t.Helper()
	if err := e.Set(path, value); err != nil {
		t.Fatal(err)
	}
}

// Whatever is chosen comes back as it was: every library, and values off.
func TestChoicesComeBack(t *testing.T) {
	path := Path(t.TempDir(), "inc-2847")
	k := NewKeeper(path, "inc-2847", own())
	if err := k.Flush(); err != nil {
		t.Errorf("with nothing chosen: %v", err)
	}
	if _, err := Read(path, "inc-2847", own()); !None(err) {
		t.Fatalf("with nothing chosen: %v", err)
	}
	for _, l := range library.All() {
		edges := own()
		set(t, edges, "order.inventory.breaker", l.Name)
		set(t, edges, "order.inventory.deadline", "4s")
		set(t, edges, "order.payment.attempts", "2")
		k.Put("order.inventory", "Tune", edges)
		if err := k.Flush(); err != nil {
			t.Fatalf("%s: %v", l.Name, err)
		}
		got, err := Read(path, "inc-2847", own())
		want := Set{Scenario: "inc-2847", Edge: "order.inventory", Screen: "Tune", Edges: edges}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-chosen +read):\n%s", l.Name, err, d)
		}
	}
	k.Put("order.payment", "Export", own())
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path, "inc-2847", own()); err != nil || got.Edge != "order.payment" || !cmp.Equal(got.Edges, own()) {
		t.Errorf("what was is a choice too: %+v, %v", got, err)
	}
	k.Forget()
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, "inc-2847", own()); !None(err) {
		t.Errorf("after Forget: %v", err)
	}
}

// A slider in motion: many choices, and flushes on many goroutines. The last choice
// is the one that is there in the end, and never half of one.
func TestTheLastChoiceWins(t *testing.T) {
	path := Path(t.TempDir(), "inc-2847")
	k := NewKeeper(path, "inc-2847", own())
	var writers sync.WaitGroup
	for i := 1; i <= 100; i++ {
		edges := own()
		set(t, edges, "order.inventory.deadline", fmt.Sprintf("%ds", i))
		k.Put("order.inventory", "Tune", edges)
		set(t, edges, "order.inventory.deadline", "1h") // the keeper's is its own
		writers.Go(func() {
			if err := k.Flush(); err != nil {
				t.Error(err)
			}
			if _, err := Read(path, "inc-2847", own()); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	got, err := Read(path, "inc-2847", own())
	if err != nil || got.Edges["order.inventory"].Deadline.Seconds() != 100 {
		t.Errorf("in the end %v, %v", got.Edges["order.inventory"].Deadline, err)
	}
}

// A folder in which nothing can be made: an error that says what is not kept, and the
// choice is tried again.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "state")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	path := Path(blocked, "inc-2847")
	k := NewKeeper(path, "inc-2847", own())
	k.Put("order.inventory", "Tune", own())
	for range 2 {
		err := k.Flush()
		if err == nil || !strings.Contains(err.Error(), "is not kept for `tripcurve export config`") || !strings.Contains(err.Error(), blocked) {
			t.Fatalf("got %v", err)
		}
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if err := k.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, "inc-2847", own()); err != nil {
		t.Error(err)
	}
	var none *Keeper
	none.Put("order.inventory", "Tune", own())
	none.Forget()
	if err := none.Flush(); err != nil {
		t.Error(err)
	}
}

func TestFilesThatAreNotOurs(t *testing.T) {
	const head = "schema: tripcurve.chosen/1\nscenario: inc-2847\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "found nothing in it"},
		{"text", "hello", ":1:1: found \"hello\", expected schema"},
		{"binary", "\x00\x01\xff", "state.yaml"},
		{"a list", "- a\n", "expected schema"},
		{"of a later version", "schema: tripcurve.chosen/2\nwhat: ever\n", ":1:9: found \"tripcurve.chosen/2\", expected tripcurve.chosen/1"},
		{"without a schema", "edge: order.inventory\n", "found no schema"},
		{"two documents", head + "---\na: b\n", "found a second document"},
		{"an unknown key", head + "password: hunter2\n", ":3:1: no key is called \"password\" here"},
		{"a list as the edge", head + "edge: [a]\npolicies: {}\n", "found a list, expected a name"},
		{"no policies", head + "edge: order.inventory\n", "found none, expected policies"},
		{"an unknown edge", head + "edge: order.warehouse\npolicies: {}\n", ":3:7: found the edge \"order.warehouse\", expected one of order.inventory, order.payment"},
		{"no edge", head + "policies: {}\n", "found the edge \"\""},
		{"a policy for an unknown edge", head + "edge: order.inventory\npolicies: {order.warehouse: {deadline: 1s}}\n", ":4:12: no edge \"order.warehouse\""},
		{"an unknown library", head + "edge: order.inventory\npolicies:\n  order.inventory: {breaker: {library: possum}}\n", "possum"},
		{"a wrong unit", head + "edge: order.inventory\npolicies:\n  order.inventory:\n    deadline: 5 parsecs\n", ":6:"},
		{"another scenario", "schema: tripcurve.chosen/1\nscenario: other\nedge: order.inventory\npolicies: {}\n", "of the scenario \"other\", not of inc-2847"},
		{"torn", head + "edge: order.inventory\npolicies:\n  order.inv", ":5:"},
		{"huge", strings.Repeat("#", most+1), "larger than"},
	} {
		path := filepath.Join(t.TempDir(), "state.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path, "inc-2847", own())
		if err == nil || None(err) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want it to say %q", c.name, err, c.want)
		}
	}
	if _, err := Read(t.TempDir(), "inc-2847", own()); err == nil || None(err) {
		t.Errorf("a folder: %v", err)
	}
}
