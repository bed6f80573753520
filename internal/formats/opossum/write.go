package opossum

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tripcurve/internal/policy/opossum"
)

// Write is p as a JSON file: the three options that everybody looks for, and
// those that differ from the library's defaults. A comment, where there is one,
// stands in the key $comment, which the library ignores.
func Write(p opossum.Params, comment string) string {
	o := fromParams(p)
	o.Comment = comment
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("opossum: options of plain numbers do not marshal: %v", err))
	}
	return string(text) + "\n"
}

func fromParams(p opossum.Params) options {
	def := opossum.Default()
	return options{
		Timeout:                  new(limit(p.Timeout.Milliseconds())),
		ErrorThresholdPercentage: new(p.ErrorThresholdPercentage),
		ResetTimeout:             new(int(p.ResetTimeout.Milliseconds())),
		RollingCountTimeout:      unless(int(p.RollingCountTimeout.Milliseconds()), int(def.RollingCountTimeout.Milliseconds())),
		RollingCountBuckets:      unless(p.RollingCountBuckets, def.RollingCountBuckets),
		VolumeThreshold:          unless(p.VolumeThreshold, def.VolumeThreshold),
		Capacity:                 unless(p.Capacity, def.Capacity),
		AllowWarmUp:              unless(p.AllowWarmUp, def.AllowWarmUp),
		Enabled:                  unless(p.Enabled, def.Enabled),
	}
}

// unless is v, or nothing where it is the default.
func unless[T comparable](v, def T) *T {
	if v == def {
		return nil
	}
	return &v
}

// literal is p as a JavaScript object: JSON without the quotes around its keys.
func literal(p opossum.Params) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSuffix(Write(p, ""), "\n")) {
		b.WriteString(strings.Replace(line, `"`, "", 2))
	}
	return b.String()
}

// Module is what a Node module needs beside the options.
type Module struct {
	Service  string        // the callee's name, for comments: "inventory"
	Deadline time.Duration // gRPC deadline of every call; 0 sets none
	Notes    []string      // comments at the top, one line each
	Origin   string        // where the numbers come from, in one line
}

// WriteModule is a CommonJS module that puts the breaker around the unary methods
// of a @grpc/grpc-js client.
func WriteModule(p opossum.Params, m Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "'use strict';\n\n// opossum %s around the unary calls of a @grpc/grpc-js client of %s.\n", opossum.Version, m.Service)
	if m.Origin != "" {
		fmt.Fprintf(&b, "// %s\n", m.Origin)
	}
	for _, n := range m.Notes {
		fmt.Fprintf(&b, "// - %s\n", n)
	}
	b.WriteString(`
const CircuitBreaker = require('opossum');
const { Metadata } = require('@grpc/grpc-js');

// Times in milliseconds. A new object each time: the constructor writes into the
// one it is given.
const options = () => (`)
	b.WriteString(literal(p))
	b.WriteString(");\n")
	callOptions := "{}"
	if m.Deadline > 0 {
		fmt.Fprintf(&b, `
// The breaker's timeout settles the caller only; the deadline ends the call itself,
// and the work below it.
const deadlineMS = %d;
`, m.Deadline.Milliseconds())
		callOptions = "{ deadline: Date.now() + deadlineMS }"
	}
	fmt.Fprintf(&b, `
// withBreaker(client, 'reserve').fire(request) resolves to the reply. The method is
// called on its client: handed over bare it would lose its this, every call would
// be a TypeError, and the breaker would open on a healthy day.
function withBreaker(client, method, fallback) {
  const call = (request, metadata = new Metadata()) => new Promise((resolve, reject) => {
    client[method](request, metadata, %s, (error, reply) => {
      if (error) reject(error);
      else resolve(reply);
    });
  });
  const breaker = new CircuitBreaker(call, { ...options(), name: method });
  if (fallback) breaker.fallback(fallback);
  return breaker;
}

module.exports = { withBreaker, options };
`, callOptions)
	return b.String()
}
