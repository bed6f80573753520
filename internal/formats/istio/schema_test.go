package istio

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"tripcurve/internal/formats/source"
)

// messages are Istio's own of the structs of this package.
var messages = []struct {
	ours    reflect.Type
	message proto.Message
}{
	{reflect.TypeFor[DestinationRuleSpec](), &networking.DestinationRule{}},
	{reflect.TypeFor[Subset](), &networking.Subset{}},
	{reflect.TypeFor[TrafficPolicy](), &networking.TrafficPolicy{}},
	{reflect.TypeFor[ConnectionPool](), &networking.ConnectionPoolSettings{}},
	{reflect.TypeFor[HTTPSettings](), &networking.ConnectionPoolSettings_HTTPSettings{}},
	{reflect.TypeFor[Keepalive](), &networking.ConnectionPoolSettings_HTTPSettings_ConnectionKeepalive{}},
	{reflect.TypeFor[OutlierDetection](), &networking.OutlierDetection{}},
	{reflect.TypeFor[RetryBudget](), &networking.TrafficPolicy_RetryBudget{}},
	{reflect.TypeFor[VirtualServiceSpec](), &networking.VirtualService{}},
	{reflect.TypeFor[HTTPRoute](), &networking.HTTPRoute{}},
	{reflect.TypeFor[RouteDestination](), &networking.HTTPRouteDestination{}},
	{reflect.TypeFor[Destination](), &networking.Destination{}},
	{reflect.TypeFor[Retries](), &networking.HTTPRetry{}},
}

func names(m proto.Message) []string {
	var all []string
	fs := m.ProtoReflect().Descriptor().Fields()
	for i := range fs.Len() {
		all = append(all, fs.Get(i).JSONName())
	}
	return all
}

// What our structs do not have of Istio's messages is in others, and nothing more.
func TestFieldsAreIstios(t *testing.T) {
	for _, m := range messages {
		want, got := names(m.message), slices.Concat(source.Keys(m.ours), others[m.ours])
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Istio's +ours):\n%s", m.ours.Name(), diff)
		}
	}
}

// validated fails unless Istio's own schema takes both documents.
func validated(t testing.TB, text string) {
	t.Helper()
	docs, err := source.YAML("f", text)
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents, %v\n%s", len(docs), err, text)
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for _, m := range []proto.Message{&networking.DestinationRule{}, &networking.VirtualService{}} {
		var doc struct {
			Spec map[string]any `yaml:"spec"`
		}
		if err := decoder.Decode(&doc); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		spec, err := json.Marshal(doc.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := protojson.Unmarshal(spec, m); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
}
