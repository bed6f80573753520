package semian

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"tripcurve/internal/policy/semian"
)

// Snippet is what Ruby code needs beside the options.
type Snippet struct {
	Client Client
	Limit  time.Duration // the client's own time limit; 0 is none
	Notes  []string      // comments at the top, one line each
	Origin string        // where the numbers come from, in one line
}

// Client is the gem of the client that Semian stands in front of.
type Client struct {
	Gem string
	// Exceptions count as errors. Without any, Semian counts its own only.
	Exceptions []string
	// Call is an example of a call, Limit says how to give it a time limit, with %s
	// for its seconds.
	Call, Limit string
}

// The clients of the bundled pipeline's edges.
var (
	GRPC = Client{
		Gem:        "grpc",
		Exceptions: []string{"GRPC::DeadlineExceeded", "GRPC::ResourceExhausted", "GRPC::Unavailable", "GRPC::Unknown"},
		Call:       "stub.reserve(request)",
		Limit:      "stub = Inventory::Stub.new(host, credentials, timeout: %s)",
	}
	Postgres = Client{
		Gem:        "pg",
		Exceptions: []string{"PG::ConnectionBad", "PG::QueryCanceled", "PG::UnableToSend"},
		Call:       "connection.exec(sql)",
		Limit:      `connection.exec("SET statement_timeout = '%ss'")`,
	}
)

// WriteRuby is a Ruby file that registers the breaker.
func WriteRuby(o Options, s Snippet) string {
	name := ""
	if o.Name != nil {
		name = *o.Name
	}
	var b strings.Builder
	b.WriteString("# frozen_string_literal: true\n\n")
	head := []string{fmt.Sprintf("Semian %s around the calls to %s, in every process for itself.", semian.Version, name)}
	if s.Origin != "" {
		head = append(head, s.Origin)
	}
	for _, n := range s.Notes {
		head = append(head, "- "+n)
	}
	comments(&b, head)
	fmt.Fprintf(&b, "require %s\nrequire %s\n\n", quoted(s.Client.Gem), quoted("semian"))
	b.WriteString("# Times in seconds. Errors that are not in exceptions count as neither error nor\n# success.\n")
	fmt.Fprintf(&b, "Semian.register(\n  %s,\n", symbol(name))
	o.Name = nil // the first argument
	each(o, func(key string, v reflect.Value) {
		fmt.Fprintf(&b, "  %s: %s,\n", key, scalar(v, quoted))
	})
	fmt.Fprintf(&b, "  exceptions: [%s],\n)\n\n", strings.Join(s.Client.Exceptions, ", "))
	if s.Limit > 0 {
		b.WriteString("# The time limit is the client's: Semian has none, and does not see a call that hangs.\n#\n")
		fmt.Fprintf(&b, "#   "+s.Client.Limit+"\n", number(s.Limit.Seconds()))
	}
	fmt.Fprintf(&b, "#   Semian[%s].acquire { %s }\n", symbol(name), s.Client.Call)
	return b.String()
}

// symbol is a name as a Ruby symbol.
func symbol(name string) string {
	word := name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
	if word && (name[0] < '0' || name[0] > '9') {
		return ":" + name
	}
	return ":" + quoted(name)
}

// quoted is a string literal in which Ruby interpolates nothing.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r == '#':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
