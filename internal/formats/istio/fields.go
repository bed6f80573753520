package istio

import (
	"reflect"
	"strings"
)

// others are the fields that Istio's messages have beside those of our structs, in
// the API of 1.31; a test holds the two together against the API's own descriptors.
// Of a resource itself it is what the cluster writes.
var others = map[reflect.Type][]string{
	reflect.TypeFor[DestinationRule](): {"status"},
	reflect.TypeFor[VirtualService]():  {"status"},
	reflect.TypeFor[DestinationRuleSpec](): strings.Fields(`
		exportTo workloadSelector`),
	reflect.TypeFor[Subset](): strings.Fields(`
		labels`),
	reflect.TypeFor[TrafficPolicy](): strings.Fields(`
		loadBalancer tls portLevelSettings tunnel proxyProtocol`),
	reflect.TypeFor[ConnectionPool](): strings.Fields(`
		tcp`),
	reflect.TypeFor[HTTPSettings](): strings.Fields(`
		maxRequestsPerConnection idleTimeout h2UpgradePolicy useClientProtocol maxConcurrentStreams`),
	reflect.TypeFor[VirtualServiceSpec](): strings.Fields(`
		gateways tls tcp exportTo`),
	reflect.TypeFor[HTTPRoute](): strings.Fields(`
		match redirect directResponse delegate rewrite fault mirror mirrors mirrorPercent mirrorPercentage corsPolicy
		headers`),
	reflect.TypeFor[RouteDestination](): strings.Fields(`
		weight headers`),
	reflect.TypeFor[Destination](): strings.Fields(`
		subset port`),
	reflect.TypeFor[Retries](): strings.Fields(`
		retryRemoteLocalities retryIgnorePreviousHosts`),
}
