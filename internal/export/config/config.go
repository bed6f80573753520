// Package config writes the policy of one edge as configuration for the library
// that really runs there, and says in words whatever that library cannot express.
package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/redact"
)

// File is one configuration file.
type File struct {
	Name string // proposed, without a folder
	Text string
	// Warnings are what the target cannot express or does unasked; each stands
	// alone.
	Warnings []string
}

// Origin says where a file's numbers come from; it is written into the file as far
// as the format allows.
type Origin struct {
	Incident string // "INC-2847"
	Scenario string // what was simulated: "inc-2847"
	Seed     uint64
	Version  string // of the program
	Set      string // which set of policies: "--set order.inventory.breaker=opossum"
}

// Line is the origin in one line, empty for the zero Origin.
func (o Origin) Line() string {
	if o == (Origin{}) {
		return ""
	}
	line := "written by tripcurve"
	if o.Version != "" {
		line += " " + o.Version
	}
	if o.Incident != "" {
		line += " for " + o.Incident
	}
	if o.Scenario != "" {
		line += fmt.Sprintf(", scenario %s, seed %d", o.Scenario, o.Seed)
	}
	if o.Set != "" {
		line += "; values: " + o.Set
	}
	return redact.Line(redact.MaskSecrets(line)) // a --set is whatever was typed
}

// target is one kind of file that can be written.
type target struct {
	name   string
	render func(edge, policy.Policy, Origin) (File, error)
}

var targets = []target{
	{TargetPolicy, neutralPolicy},
	{"opossum", opossumJSON},
	{"opossum-js", opossumModule},
	{"resilience4j", springYAML},
	{"hystrix", hystrixProperties},
	{"grpc", serviceConfig},
	{"envoy", envoyYAML},
	{"istio", istioYAML},
	{"linkerd", linkerdYAML},
	{"grpc-client", clientOptions},
	{"grpc-go", clientGo},
	{"gobreaker", gobreakerGo},
	{"failsafe-go", failsafeGo},
	{"polly", pollySettings},
	{"semian", semianYAML},
	{"semian-ruby", semianRuby},
	{"datadog-monitors", datadogMonitors},
	{"datadog-terraform", datadogTerraform},
}

// Targets are the names that Render takes.
func Targets() []string {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.name
	}
	return names
}

// Render writes the policy of an edge (caller.callee, or the callee alone) for a
// target, or for "configmap/" and a target a ConfigMap around its file.
func Render(name string, p policy.Policy, to string, o Origin) (File, error) {
	e, err := parseEdge(name)
	if err != nil {
		return File{}, err
	}
	target, wrapped := strings.CutPrefix(to, wrapping)
	i := slices.Index(Targets(), target)
	if i < 0 {
		return File{}, fmt.Errorf("export config: %w", policy.Unknown("target", target, Targets()))
	}
	f, err := targets[i].render(e, p, o)
	if p.TCPKeepalive > 0 && target != TargetPolicy {
		f.Warnings = append(f.Warnings, fmt.Sprintf("tcp_keepalive %s is the sockets' and not of this file: SO_KEEPALIVE with TCP_KEEPIDLE and TCP_KEEPINTVL, net.Dialer.KeepAlive in Go",
			policy.FormatDuration(p.TCPKeepalive)))
	}
	if err == nil && wrapped {
		f, err = ConfigMap(e.callee, []File{f}, o)
	}
	if err != nil {
		return File{}, fmt.Errorf("export config: %s for %s: %w", name, to, err)
	}
	return f, nil
}

// edge is the caller's name, where it is known, and the callee's. Both go into file names, comments and
// keys, so they are plain.
type edge struct{ caller, callee string }

func parseEdge(name string) (edge, error) {
	caller, callee, ok := strings.Cut(name, ".")
	if !ok {
		caller, callee = "", name
	}
	if ok && caller == "" || callee == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != "" ||
		strings.Contains(name, "..") {
		return edge{}, fmt.Errorf("export config: %q is not an edge: caller.callee or callee, of letters, digits, _ and -", name)
	}
	return edge{caller, callee}, nil
}

func (e edge) String() string {
	if e.caller == "" {
		return e.callee
	}
	return e.caller + "." + e.callee
}

// warnings collects sentences.
type warnings []string

func (w *warnings) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

// around warns of what no breaker library and no service config can hold: the
// connection's keepalive, and the fallback.
func (w *warnings) around(p policy.Policy, keepalive, fallback string) {
	if k := p.Keepalive; k.Time > 0 {
		w.add("keepalive %s is a setting of the channel, not of this file: %s. The server must allow it (EnforcementPolicy.MinTime %s or less); "+
			"at grpc-go's default of 5 min it closes the connection with too_many_pings", policy.FormatDuration(k.Time), keepalive, policy.FormatDuration(k.Time/2))
	}
	if p.Fallback {
		w.add("fallback is code: %s", fallback)
	}
}

// keepaliveTimeout is how long a ping may stay unanswered.
func keepaliveTimeout(p policy.Policy) time.Duration {
	if p.Keepalive.Timeout == 0 {
		return 20 * time.Second
	}
	return p.Keepalive.Timeout
}
