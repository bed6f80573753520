package gateway

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

type openAPI struct {
	Paths      map[string]map[string]operation `yaml:"paths"`
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any `yaml:"properties"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

type operation struct {
	Responses map[string]any `yaml:"responses"`
}

func readOpenAPI(t *testing.T) (doc openAPI) {
	t.Helper()
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// statuses are what each route answers, as TestStatusOfErrors, TestHangingUpstream
// and TestBadRequests show.
var statuses = map[Route][]int{
	PostOrder:  {201, 202, 400, 409, 413, 415, 502, 503},
	GetOrder:   {200, 404, 503, 504},
	GetStock:   {200, 404, 503, 504},
	PostIntent: {201, 400, 409, 413, 415, 503, 504},
}

func TestOpenAPI(t *testing.T) {
	doc := readOpenAPI(t)

	t.Run("routes and statuses agree with the router", func(t *testing.T) {
		got := map[string][]int{}
		for path, methods := range doc.Paths {
			for method, op := range methods {
				route, _, _ := match(strings.ToUpper(method), strings.NewReplacer("{", "", "}", "").Replace(path))
				if want := strings.NewReplacer("{", ":", "}", "").Replace(path); route.Template() != want {
					t.Errorf("%s %s is routed to %q", method, path, route.Template())
				}
				for text := range op.Responses {
					status, err := strconv.Atoi(text)
					if err != nil {
						t.Errorf("%s %s: response %q", method, path, text)
					}
					got[route.Method()+" "+route.Template()] = append(got[route.Method()+" "+route.Template()], status)
				}
			}
		}
		want := map[string][]int{}
		for route, codes := range statuses {
			want[route.Method()+" "+route.Template()] = codes
		}
		for _, codes := range got {
			slices.Sort(codes)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("endpoints (-router +openapi.yaml):\n%s", diff)
		}
	})

	t.Run("schemas have the fields of the wire", func(t *testing.T) {
		for name, v := range map[string]any{
			"Checkout":      Checkout{UserID: "x"},
			"Address":       Address{},
			"OrderCreated":  orderCreated{},
			"OrderAccepted": orderAccepted{},
			"Order":         orderRead{TrackingNumber: "x"},
			"Stock":         Stock{},
			"Intent":        Intent{},
			"Metadata":      Metadata{},
			"IntentCreated": IntentCreated{},
			"Problem":       problem{Field: "x", Found: "x", Expected: "x"},
		} {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var fields map[string]any
			if err := json.Unmarshal(text, &fields); err != nil {
				t.Fatal(err)
			}
			want := slices.Sorted(maps.Keys(fields))
			got := slices.Sorted(maps.Keys(doc.Components.Schemas[name].Properties))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-wire +openapi.yaml):\n%s", name, diff)
			}
		}
	})
}
