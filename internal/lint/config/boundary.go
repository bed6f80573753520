package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tripcurve/internal/formats"
	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// boundary is what one part says about one boundary.
type boundary struct {
	name           string // as the file names it
	caller, callee string // caller is empty where the file knows the callee only
	file, format   string
	at             source.Pos
	policy         policy.Policy
	neutral        policy.Neutral
	own            time.Duration // the library's own limit on one attempt
}

// mostBoundaries of one file are looked at, for each is held against all findings.
const mostBoundaries = 1000

// boundaries are the policies of a document that the strict reader takes.
func boundaries(file string, d formats.Document, root *source.Node) ([]boundary, error) {
	if d.Format.Import == nil {
		return nil, nil
	}
	set, err := d.Format.Import(d.Name, d.Text)
	if err != nil {
		return nil, nil //nolint:nilerr // its mistakes are findings already
	}
	if n := len(set.Policies); n > mostBoundaries {
		return nil, fmt.Errorf("%s: found %d boundaries, expected %d in one file at most: split it", file, n, mostBoundaries)
	}
	var all []boundary
	for _, name := range slices.Sorted(maps.Keys(set.Policies)) {
		b := boundary{name: name, file: file, format: d.Format.Name, policy: set.Policies[name], at: source.Pos{Line: d.Line, Column: 1}}
		b.caller, b.callee = ends(name)
		if root != nil {
			b.at = named(root, name).Key
		}
		if b.neutral, err = library.NeutralOf(b.policy); err != nil {
			continue
		}
		own, err := library.NeutralOf(policy.Policy{Breaker: b.policy.Breaker})
		if err != nil {
			continue
		}
		b.own = own.CallTimeout
		all = append(all, b)
	}
	return all, nil
}

// ends are the caller and the callee that a name speaks of: "order.inventory", a
// gRPC method "inventory.Inventory/Reserve", a host
// "inventory.shop.svc.cluster.local", or a callee alone.
func ends(name string) (caller, callee string) {
	name, _, _ = strings.Cut(name, "/")
	name = strings.TrimSuffix(name, "*")
	first, rest, several := strings.Cut(name, ".")
	switch {
	case !several:
		return "", strings.ToLower(name)
	case strings.Contains(rest, "."):
		if strings.Contains(name, ".svc") || strings.HasSuffix(name, ".local") {
			return "", strings.ToLower(first)
		}
		return "", strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	case rest != strings.ToLower(rest): // package.Service
		return "", strings.ToLower(rest)
	default:
		return first, rest
	}
}

// named is the node under a key of that name, or the one that is that name, or root.
func named(root *source.Node, name string) *source.Node {
	if n := search(root, name); n != nil {
		return n
	}
	return root
}

func search(n *source.Node, name string) *source.Node {
	if n.Kind == source.String && n.Text == name {
		return n
	}
	for _, m := range n.Members {
		if m.Key == name || strings.HasPrefix(m.Key, "hystrix.command."+name+".") {
			return m.Value
		}
	}
	for _, m := range n.Members {
		if found := search(m.Value, name); found != nil {
			return found
		}
	}
	for _, item := range n.Items {
		if found := search(item, name); found != nil {
			return found
		}
	}
	return nil
}

// says is what a format can say; a rule about what is missing asks a format only
// for what it can say.
type says struct {
	timeout   bool
	keepalive bool
	attempts  string // the key that bounds the attempts
	first     bool   // which counts the first attempt
}

var speech = map[string]says{
	"policy":       {timeout: true, keepalive: true, attempts: "attempts", first: true},
	"opossum":      {timeout: true},
	"opossum-js":   {timeout: true},
	"resilience4j": {timeout: true, attempts: "maxAttempts", first: true},
	"polly":        {timeout: true, attempts: "MaxRetryAttempts"},
	"hystrix":      {timeout: true},
	"envoy":        {timeout: true, attempts: "num_retries"},
	"istio":        {timeout: true, attempts: "retries.attempts"},
	"grpc":         {timeout: true, attempts: "maxAttempts", first: true},
	"grpc-client":  {keepalive: true},
	"linkerd":      {timeout: true, attempts: "retry.linkerd.io limits"},
}

// limit is the time limit on one attempt, which is that on all of them where it is
// the only one; 0 is none.
func (b boundary) limit() time.Duration {
	if b.neutral.CallTimeout > 0 {
		return b.neutral.CallTimeout
	}
	return b.neutral.TotalTimeout
}

// attempts are all tries, the first included, the library's own or the edge's.
func (b boundary) attempts() int { return max(b.neutral.Retry.Attempts, 1) }

// ages is longer than anybody waits.
const ages = 1000 * time.Hour

// longest is how long a call may take with all its attempts and waits.
func (b boundary) longest() time.Duration {
	if b.neutral.CallTimeout == 0 && b.neutral.TotalTimeout > 0 {
		return b.neutral.TotalTimeout
	}
	r := b.neutral.Retry
	total, wait := b.limit(), r.Base
	if total == 0 && wait == 0 {
		return 0
	}
	for range b.attempts() - 1 {
		if total > ages { // attempts without end
			break
		}
		if r.Max > 0 {
			wait = min(wait, r.Max)
		}
		total += wait + b.limit()
		growth := r.Multiplier
		if growth == 0 {
			growth = 2
		}
		wait = time.Duration(min(float64(wait)*growth, float64(time.Hour)))
	}
	return total
}

// finding at the boundary's place.
func (b boundary) finding(r Rule, what, why, instead string) Finding {
	return Finding{Rule: r.ID, Severity: r.Severity, What: b.name + ": " + what, Why: why, Instead: instead}.place(b.file, b.at)
}
