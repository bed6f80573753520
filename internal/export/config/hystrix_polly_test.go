package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats"
	"tripcurve/internal/formats/polly"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
)

// Whatever the policy and its library, what is written for Hystrix and for Polly is
// read back as the same file, and .NET's validators let it pass.
func TestHystrixAndPollyComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p policy.Policy
		if err := p.Set("breaker", rapid.SampledFrom([]string{"none", "opossum", "hystrix", "polly", "neutral"}).Draw(t, "library")); err != nil {
			t.Fatal(err)
		}
		for _, f := range policy.FieldsOf(p) {
			if f.Name == "breaker" || f.Kind == policy.KindText || rapid.Bool().Draw(t, f.Name+" left alone") {
				continue
			}
			n := rapid.Float64Range(f.Min, f.Max).Draw(t, f.Name)
			if f.Kind == policy.KindNumber && f.Unit == "ms" {
				n = float64(int(n))
			}
			_ = f.SetNumber(&p, n) // what the library refuses is left alone
		}
		for _, target := range []string{"hystrix", "polly"} {
			first, err := Render("order.inventory", p, target, Origin{Version: "1.2.3"})
			if err != nil {
				continue // values that do not go together
			}
			format, err := formats.ByName(target)
			if err != nil {
				t.Fatal(err)
			}
			set, err := format.Import(first.Name, first.Text)
			if err != nil || len(set.Policies) != 1 || len(set.Notes) > 0 {
				t.Fatalf("%v, %+v\n%s", err, set, first.Text)
			}
			second, err := Render("order.inventory", set.Policies["inventory"], target, Origin{Version: "1.2.3"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first.Text, second.Text); diff != "" {
				t.Fatal(diff)
			}
			if target != "polly" {
				continue
			}
			c, err := polly.Read(first.Name, first.Text)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range polly.Traps(c) {
				if found.Severity == trap.Error {
					t.Fatalf("%s\n%s", found, first.Text)
				}
			}
		}
	})
}
