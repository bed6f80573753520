package policyfile

import (
	"flag"
	"os"
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
