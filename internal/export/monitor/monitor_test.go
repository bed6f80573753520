package monitor

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"tripcurve/internal/policy"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestMonitors runs testdata/monitors.txt: the command is json or terraform, its
// arguments fields of the policy of order.inventory.
func TestMonitors(t *testing.T) {
	datadriven.RunTest(t, "testdata/monitors.txt", func(t *testing.T, d *datadriven.TestData) string {
		var p policy.Policy
		s := Source{Edge: "order.inventory"}
		for _, a := range d.CmdArgs {
			switch a.Key {
			case "edge":
				s.Edge = a.Vals[0]
			case "incident":
				s.Incident, s.Origin = a.Vals[0], "written by hand"
			default:
				if err := p.Set(a.Key, a.Vals[0]); err != nil {
					t.Fatal(err)
				}
			}
		}
		monitors, said, err := Of(p, s)
		if err != nil {
			return err.Error() + "\n"
		}
		check(t, monitors, s)
		text := JSON(monitors)
		if d.Cmd == "terraform" {
			text = Terraform(monitors, s, []string{"a line above"})
		}
		for _, line := range said {
			text += "! " + line + "\n"
		}
		return text
	})
}

// fields are those of the client's types Monitor, MonitorOptions and
// MonitorThresholds (datadog-api-client-go v2.67.0, api/datadogV1), as far as they
// can be told here, with the kinds that they have there. Unknown ones are refused.
type fields struct {
	Name     *string
	Type     string // MonitorType
	Query    string
	Message  *string
	Tags     []string
	Priority *int64 // NullableInt64, 1 to 5
	Options  optionFields
}

type optionFields struct {
	RequireFullWindow *bool `json:"require_full_window"`
	NotifyNoData      *bool `json:"notify_no_data"`
	IncludeTags       *bool `json:"include_tags"`
	Thresholds        thresholdFields
}

type thresholdFields struct {
	Critical *float64
	Warning  *float64 // NullableFloat64
}

var (
	query    = regexp.MustCompile(`^sum\(last_(1m|5m|10m|15m|30m|1h|2h|4h|1d)\):default_zero\(sum:circuit\.[A-Za-z0-9_.]+\{\*\}( by \{host\})?\.as_count\(\)\)( - default_zero\(sum:circuit\.[A-Za-z0-9_.]+\{\*\} by \{host\}\.as_count\(\)\))? > ([0-9.]+)$`)
	tagText  = regexp.MustCompile(`^[a-z][a-z_]*:[a-z0-9._/-]+$`)
	variable = regexp.MustCompile(`\{\{[^}]*\}\}`)
)

// check holds both forms against what Datadog takes, and against each other.
func check(t rapid.TB, monitors []Monitor, s Source) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(JSON(monitors)))
	decoder.DisallowUnknownFields()
	var bodies []fields
	if err := decoder.Decode(&bodies); err != nil {
		t.Fatalf("%v\n%s", err, JSON(monitors))
	}
	text := Terraform(monitors, s, []string{"from:\nthere"})
	file, diagnostics := hclsyntax.ParseConfig([]byte(text), "monitors.tf", hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatalf("%v\n%s", diagnostics, text)
	}
	resources := file.Body.(*hclsyntax.Body).Blocks
	if len(bodies) != len(monitors) || len(resources) != len(monitors) {
		t.Fatalf("%d monitors, %d bodies, %d resources", len(monitors), len(bodies), len(resources))
	}
	seen := map[string]bool{}
	for i, b := range bodies {
		q := query.FindStringSubmatch(b.Query)
		if q == nil || b.Type != "query alert" || *b.Priority < 1 || *b.Priority > 5 {
			t.Errorf("%+v", b)
			continue
		}
		// The API answers 400 when the two differ.
		if in, _ := strconv.ParseFloat(q[4], 64); in != *b.Options.Thresholds.Critical {
			t.Errorf("%s: critical is %g", b.Query, *b.Options.Thresholds.Critical)
		}
		if w := b.Options.Thresholds.Warning; w != nil && *w >= *b.Options.Thresholds.Critical {
			t.Errorf("%s: warns at %g", b.Query, *w)
		}
		for _, tag := range b.Tags {
			if !tagText.MatchString(tag) {
				t.Errorf("tag %q", tag)
			}
		}
		for _, v := range variable.FindAllString(*b.Message, -1) {
			if v != "{{host.name}}" {
				t.Errorf("variable %s in %q", v, *b.Message)
			}
		}
		if strings.Contains(*b.Message+*b.Name, "@") {
			t.Errorf("notifies somebody: %q", *b.Message)
		}

		r := resources[i]
		if r.Type != "resource" || r.Labels[0] != "datadog_monitor" || seen[r.Labels[1]] || !hclsyntax.ValidIdentifier(r.Labels[1]) {
			t.Errorf("resource %v", r.Labels)
		}
		seen[r.Labels[1]] = true
		*b.Name, *b.Message = normal(*b.Name), normal(*b.Message)
		if diff := cmp.Diff(b, resourceFields(t, r)); diff != "" {
			t.Errorf("JSON and Terraform differ:\n%s", diff)
		}
	}
}

// normal is text as HCL keeps it, in normal form C.
func normal(s string) string { return cty.StringVal(s).AsString() }

// resourceFields are the arguments of a datadog_monitor as those of the API.
func resourceFields(t rapid.TB, r *hclsyntax.Block) (f fields) {
	t.Helper()
	value := func(body *hclsyntax.Body, name string) cty.Value {
		a, ok := body.Attributes[name]
		if !ok {
			t.Fatalf("no %s", name)
		}
		v, diagnostics := a.Expr.Value(nil) // nothing in it is an expression
		if diagnostics.HasErrors() {
			t.Fatalf("%s: %v", name, diagnostics)
		}
		return v
	}
	text := func(name string) string { return value(r.Body, name).AsString() }
	boolean := func(name string) *bool { return new(value(r.Body, name).True()) }
	number := func(body *hclsyntax.Body, name string) *float64 {
		n, _ := value(body, name).AsBigFloat().Float64()
		return &n
	}
	f = fields{Name: new(text("name")), Type: text("type"), Query: text("query"), Message: new(text("message"))}
	f.Priority = new(int64(*number(r.Body, "priority")))
	for _, tag := range value(r.Body, "tags").AsValueSlice() {
		f.Tags = append(f.Tags, tag.AsString())
	}
	if len(r.Body.Attributes) != 9 || len(r.Body.Blocks) != 1 || r.Body.Blocks[0].Type != "monitor_thresholds" {
		t.Fatalf("%d arguments, %d blocks", len(r.Body.Attributes), len(r.Body.Blocks))
	}
	limits := r.Body.Blocks[0].Body
	f.Options = optionFields{
		RequireFullWindow: boolean("require_full_window"), NotifyNoData: boolean("notify_no_data"), IncludeTags: boolean("include_tags"),
		Thresholds: thresholdFields{Critical: number(limits, "critical")},
	}
	if _, ok := limits.Attributes["warning"]; ok {
		f.Options.Thresholds.Warning = number(limits, "warning")
	}
	return f
}

// Whatever the policy and the words around it, both forms are what Datadog takes,
// and nothing in the words is more than a word.
func TestAnyPolicy(t *testing.T) {
	words := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "${x} %{if} \"quoted\" \\", "@here {{host.name}} {{#is_alert}}", "a\nb\t$${", "{{{host.name}}"}))
	rapid.Check(t, func(t *rapid.T) {
		s := Source{Edge: rapid.StringMatching(`[A-Za-z0-9_-]{1,8}(\.[A-Za-z0-9_-]{1,8})?`).Draw(t, "edge"), Incident: words.Draw(t, "incident"), Origin: words.Draw(t, "origin")}
		var p policy.Policy
		if err := p.Set("breaker", "neutral"); err != nil {
			t.Fatal(err)
		}
		for _, f := range policy.FieldsOf(p) {
			if strings.HasPrefix(f.Name, "breaker.") || f.Name == "timeout" {
				if err := f.SetNumber(&p, rapid.Float64Range(f.Min, f.Max).Draw(t, f.Name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		monitors, _, err := Of(p, s)
		if err != nil {
			t.Fatal(err)
		}
		check(t, monitors, s)
	})
}

func TestCycles(t *testing.T) {
	for _, tt := range []struct {
		n    policy.Neutral
		want string
	}{
		{policy.Neutral{OpenFor: 30 * time.Second, CallTimeout: 5 * time.Second}, "5m"}, // 4 times 35 s
		{policy.Neutral{OpenFor: 75 * time.Second}, "5m"},
		{policy.Neutral{OpenFor: 76 * time.Second}, "10m"},
		{policy.Neutral{OpenFor: time.Minute, Growth: policy.Growth{Factor: 2}}, "15m"}, // 1 + 2 + 4 + 8
		{policy.Neutral{OpenFor: time.Minute, Growth: policy.Growth{Factor: 2, Max: 2 * time.Minute}}, "10m"},
		{policy.Neutral{OpenFor: 12 * time.Hour, Growth: policy.Growth{Factor: 1000}}, "1d"},
	} {
		if got := span(watch{neutral: tt.n}.cycles()); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.n, got, tt.want)
		}
	}
}

func TestOfRefuses(t *testing.T) {
	if _, _, err := Of(policy.Policy{Breaker: policy.BreakerSpec{Library: "possum"}}, Source{Edge: "a"}); err == nil {
		t.Error("a library that does not exist")
	}
}
