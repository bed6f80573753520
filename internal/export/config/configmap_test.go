package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/formats"
	"tripcurve/internal/policy"
)

// TestWrappedFilesAreImported: every structured file comes out of a ConfigMap as it
// comes out of a file of its own.
func TestWrappedFilesAreImported(t *testing.T) {
	p := policy.Policy{}
	for field, value := range map[string]string{"deadline": "5s", "attempts": "2", "breaker": "neutral"} {
		if err := p.Set(field, value); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range Targets() {
		format, err := formats.ByName(target)
		if err != nil || format.Import == nil {
			continue
		}
		alone, err := Render("order.inventory", p, target, Origin{})
		if err != nil {
			continue // the target refuses it, as TestRender shows
		}
		want, err := format.Import(alone.Name, alone.Text)
		if err != nil {
			t.Fatal(err)
		}
		wrapped, err := Render("order.inventory", p, wrapping+target, Origin{Set: "a set"})
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		docs, err := formats.Documents(wrapped.Name, wrapped.Text, target)
		if err != nil || len(docs) != 1 {
			t.Errorf("%s: %d documents, %v\n%s", target, len(docs), err, wrapped.Text)
			continue
		}
		got, err := format.Import(docs[0].Name, docs[0].Text)
		if err != nil {
			t.Errorf("%s: %v\n%s", target, err, wrapped.Text)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", target, diff)
		}
	}
	if _, err := Render("order.inventory", p, "configmap/possum", Origin{}); err == nil || !strings.Contains(err.Error(), "did you mean opossum?") {
		t.Errorf("got %v", err)
	}
}
