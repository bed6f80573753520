// Package formats is the list of the configuration formats that can be read back:
// which there are, how to tell them apart, and what each says as a policy. One
// more is a package beside the others and a line in All.
package formats

import (
	"errors"
	"fmt"

	"tripcurve/internal/formats/envoy"
	"tripcurve/internal/formats/grpcclient"
	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/formats/hystrix"
	"tripcurve/internal/formats/istio"
	"tripcurve/internal/formats/linkerd"
	"tripcurve/internal/formats/opossum"
	"tripcurve/internal/formats/polly"
	"tripcurve/internal/formats/resilience4j"
	"tripcurve/internal/formats/semian"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
)

// Format is one of them.
type Format struct {
	Name, Title string
	// Detect says why a text is of this format; "" that it is not. It must do so
	// for a broken text too, for the reader is what says what is broken.
	Detect func(file, text string) (reason string)
	// Import reads a text strictly, as policies.
	Import func(file, text string) (Set, error)
	// Traps reads a text as far as it can be read: its traps, the tree in which
	// their paths are looked up, and what the strict reader would not take, all of
	// it joined. Without a tree the text could not be read at all.
	Traps func(file, text string) ([]trap.Trap, *source.Node, error)
}

// Set is what a file says: one policy per boundary, named as the file names it.
type Set struct {
	Policies map[string]policy.Policy
	Notes    []string // what could not be carried over
}

// All are the formats, in the order in which they are shown.
func All() []Format {
	return []Format{
		policyFormat(),
		{"opossum", "opossum options as JSON", opossum.Detect, importer(opossum.ReadAll, opossum.Policies), opossum.Lint},
		{"opossum-js", "a Node module with opossum breakers", opossum.DetectModule, importModule, opossum.LintModule},
		{"resilience4j", "resilience4j in a Spring application.yml", keys("resilience4j", "resilience4j.circuitbreaker", "resilience4j.timelimiter", "resilience4j.retry", "resilience4j.bulkhead"), importer(resilience4j.Read, resilience4j.Policies), resilience4j.Lint},
		{"hystrix", "Hystrix properties", hystrix.Detect, importer(hystrix.Read, hystrix.Policies), hystrix.Lint},
		{"grpc", "gRPC service config as JSON", keys("methodConfig", "retryThrottling", "loadBalancingConfig", "loadBalancingPolicy"), importer(grpcconfig.Read, grpcconfig.Policies), grpcconfig.Lint},
		{"envoy", "Envoy clusters and routes as YAML", keys("static_resources", "staticResources", "virtual_hosts", "virtualHosts", "outlier_detection"), importer(envoy.Read, envoy.Policies), envoy.Lint},
		{"istio", "Istio DestinationRule and VirtualService", istio.Detect, importer(istio.Read, istio.Policies), istio.Lint},
		{"linkerd", "Linkerd annotations of a Service", linkerd.Detect, importer(linkerd.Read, linkerd.Policies), linkerd.Lint},
		{"grpc-client", "channel options of @grpc/grpc-js as JSON", grpcclient.Detect, importer(grpcclient.ReadClient, grpcclient.Policies), grpcclient.Lint},
		{"grpc-js", "a Node module with clients of @grpc/grpc-js", grpcclient.DetectModule, nil, grpcclient.LintModule},
		{"polly", "standard resilience options of .NET in an appsettings.json", polly.Detect, importer(polly.Read, polly.Policies), polly.Lint},
		{"semian", "Semian in the YAML of an adapter", semian.Detect, importer(semian.Read, semian.Policies), semian.Lint},
	}
}

// ByName finds a format.
func ByName(name string) (Format, error) {
	var names []string
	for _, f := range All() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, policy.Unknown("format", name, names)
}

// ErrUnknown is a text of none of the formats.
var ErrUnknown = errors.New("of no format known here")

// Detect finds the format of a text, and why it is that one. A text that could be
// of two formats is an error.
func Detect(file, text string) (Format, string, error) {
	var found Format
	reason := ""
	for _, f := range All() {
		why := f.Detect(file, text)
		switch {
		case why == "":
		case reason != "":
			return Format{}, "", fmt.Errorf("%s: it may be %s (%s) or %s (%s)", file, found.Name, reason, f.Name, why)
		default:
			found, reason = f, why
		}
	}
	if reason == "" {
		return Format{}, "", fmt.Errorf("%s: %w", file, ErrUnknown)
	}
	return found, reason, nil
}

// importer is Format.Import of a reader and what its result says.
func importer[C any](read func(file, text string) (C, error), policies func(C) (map[string]policy.Policy, []string)) func(file, text string) (Set, error) {
	return func(file, text string) (Set, error) {
		c, err := read(file, text)
		if err != nil {
			return Set{}, err
		}
		p, notes := policies(c)
		return Set{p, notes}, nil
	}
}

func importModule(file, text string) (Set, error) {
	p, notes, err := opossum.ModulePolicies(file, text)
	return Set{p, notes}, err
}

// keys detects a text by any of its keys, in JSON, YAML or properties.
func keys(names ...string) func(file, text string) string {
	return func(_, text string) string {
		for _, name := range names {
			if source.HasKey(text, name) {
				return "it has the key " + name
			}
		}
		return ""
	}
}
