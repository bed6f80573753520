package envoy

import (
	"reflect"
	"slices"
	"testing"

	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	manager "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstream "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	kind "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"tripcurve/internal/formats/source"
)

// messages are Envoy's own of the structs of this package.
var messages = []struct {
	ours    reflect.Type
	message proto.Message
}{
	{reflect.TypeFor[Config](), &bootstrap.Bootstrap{}},
	{reflect.TypeFor[StaticResources](), &bootstrap.Bootstrap_StaticResources{}},
	{reflect.TypeFor[Listener](), &listener.Listener{}},
	{reflect.TypeFor[FilterChain](), &listener.FilterChain{}},
	{reflect.TypeFor[Filter](), &listener.Filter{}},
	{reflect.TypeFor[ConnectionManager](), &manager.HttpConnectionManager{}},
	{reflect.TypeFor[HTTPFilter](), &manager.HttpFilter{}},
	{reflect.TypeFor[RouteConfig](), &route.RouteConfiguration{}},
	{reflect.TypeFor[VirtualHost](), &route.VirtualHost{}},
	{reflect.TypeFor[Route](), &route.Route{}},
	{reflect.TypeFor[Match](), &route.RouteMatch{}},
	{reflect.TypeFor[RouteAction](), &route.RouteAction{}},
	{reflect.TypeFor[RetryPolicy](), &route.RetryPolicy{}},
	{reflect.TypeFor[RetryBackOff](), &route.RetryPolicy_RetryBackOff{}},
	{reflect.TypeFor[Cluster](), &cluster.Cluster{}},
	{reflect.TypeFor[LoadAssignment](), &endpoint.ClusterLoadAssignment{}},
	{reflect.TypeFor[Locality](), &endpoint.LocalityLbEndpoints{}},
	{reflect.TypeFor[LbEndpoint](), &endpoint.LbEndpoint{}},
	{reflect.TypeFor[Endpoint](), &endpoint.Endpoint{}},
	{reflect.TypeFor[Address](), &core.Address{}},
	{reflect.TypeFor[SocketAddress](), &core.SocketAddress{}},
	{reflect.TypeFor[ProtocolOptions](), &upstream.HttpProtocolOptions{}},
	{reflect.TypeFor[ExplicitHTTPConfig](), &upstream.HttpProtocolOptions_ExplicitHttpConfig{}},
	{reflect.TypeFor[HTTP2Options](), &core.Http2ProtocolOptions{}},
	{reflect.TypeFor[Keepalive](), &core.KeepaliveSettings{}},
	{reflect.TypeFor[OutlierDetection](), &cluster.OutlierDetection{}},
	{reflect.TypeFor[CircuitBreakers](), &cluster.CircuitBreakers{}},
	{reflect.TypeFor[Thresholds](), &cluster.CircuitBreakers_Thresholds{}},
	{reflect.TypeFor[RetryBudget](), &cluster.CircuitBreakers_Thresholds_RetryBudget{}},
	{reflect.TypeFor[Percent](), &kind.Percent{}},
	{reflect.TypeFor[CommonLbConfig](), &cluster.Cluster_CommonLbConfig{}},
}

// What our structs do not have of Envoy's messages is in others, and nothing more.
func TestFieldsAreEnvoys(t *testing.T) {
	for _, m := range messages {
		want := fields(m.message)
		if m.ours == reflect.TypeFor[Config]() { // either of two
			want = append(want, fields(&route.RouteConfiguration{})...)
		}
		got := slices.Concat(source.Keys(m.ours), others[m.ours])
		got = slices.DeleteFunc(got, func(key string) bool { return key == "@type" })
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
			t.Errorf("%s (-Envoy's +ours):\n%s", m.ours.Name(), diff)
		}
	}
}

func fields(m proto.Message) []string {
	var names []string
	fs := m.ProtoReflect().Descriptor().Fields()
	for i := range fs.Len() {
		names = append(names, string(fs.Get(i).Name()))
	}
	return names
}

// validated fails unless Envoy's own schema takes a bootstrap in YAML, with every
// rule of its validation.
func validated(t testing.TB, text string) {
	t.Helper()
	json, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var b bootstrap.Bootstrap
	if err := protojson.Unmarshal(json, &b); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := b.ValidateAll(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, l := range b.GetStaticResources().GetListeners() {
		for _, c := range l.GetFilterChains() {
			for _, f := range c.GetFilters() {
				validateAny(t, f.GetTypedConfig())
			}
		}
	}
	for _, c := range b.GetStaticResources().GetClusters() {
		for _, o := range c.GetTypedExtensionProtocolOptions() {
			validateAny(t, o)
		}
	}
}

// validateAny validates a message inside of another one, which ValidateAll of the
// outer one does not look into.
func validateAny(t testing.TB, a *anypb.Any) {
	t.Helper()
	m, err := a.UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.(interface{ ValidateAll() error }).ValidateAll(); err != nil {
		t.Fatal(err)
	}
}
