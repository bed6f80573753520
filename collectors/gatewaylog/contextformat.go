package gatewaylog

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// contextVars are the variables of AWS API Gateway's access logs that we read;
// the others are read over. Times of requests are of their start.
var contextVars = map[string]spec{
	"requestTimeEpoch": {field: atField, time: unixTime, unit: time.Millisecond, grade: 2},
	"requestTime":      {field: atField, time: clfTime, width: 26, grade: 1},
	"httpMethod":       {field: methodField}, "path": {field: targetField}, "resourcePath": {field: routeField}, "routeKey": {field: routeField},
	"status": {field: statusField}, "responseLatency": {field: tookField, unit: time.Millisecond},
	"integrationLatency":  {field: upstreamTookField, unit: time.Millisecond},
	"integration.latency": {field: upstreamTookField, unit: time.Millisecond},
	"integrationStatus":   {field: upstreamStatusField}, "integration.status": {field: upstreamStatusField},
	"error.responseType": {field: detailsField}, "requestId": {field: requestIDField}, "domainName": {field: hostField},
	"protocol": {}, "responseLength": {}, "stage": {}, "apiId": {}, "accountId": {}, "extendedRequestId": {}, "identity.sourceIp": {},
}

const contextSign = "$context."

// contextValue finds a variable that stands bare as a JSON value.
var contextValue = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(:\s*)(\$context\.[A-Za-z0-9_.-]+)`) })

// parseContextFormat compiles what API Gateway was told to write: a JSON object,
// or a line of text.
func parseContextFormat(text string) (*Format, error) {
	f := &Format{
		Name: "context_format", Title: "AWS API Gateway format", Family: "aws_api_gateway", Layout: text, Vocabulary: "context", Escape: "none",
		Outcomes: "aws_api_gateway", stamp: stampStart,
	}
	f.Took.Unit = "ms"
	var tree map[string]any
	object := contextValue().ReplaceAllString(text, `$1"$2"`)
	var err error
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(object), &tree) == nil {
		f.object = newObject()
		err = f.addPasted("", tree, contextSign, contextName, lookContext)
	} else {
		f.program, err = compile(text, escapeNone, vocabulary{sign: contextSign, next: contextName, look: lookContext})
	}
	return f, f.pasted("API Gateway format", err, "$context.requestTimeEpoch or $context.requestTime", "$context.status",
		"$context.resourcePath, $context.routeKey or $context.path")
}

// contextName reads $context.name.
func contextName(s string) (name string, n int) {
	rest, ok := strings.CutPrefix(s, contextSign)
	if !ok {
		return "", 0
	}
	for n < len(rest) && (rest[n] == '_' || rest[n] == '.' || rest[n] == '-' || digit(rest[n]) || rest[n]-'a' <= 25 || rest[n]-'A' <= 25) {
		n++
	}
	name = strings.TrimRight(rest[:n], ".-")
	return name, len(contextSign) + len(name)
}

func lookContext(name string) (spec, error) {
	s, known := contextVars[name]
	if !known {
		s.text = true
	}
	return s, nil
}

// addPasted takes the keys of a pasted JSON format, those of nested objects too.
func (f *Format) addPasted(prefix string, tree map[string]any, sign string, next func(string) (string, int), look func(string) (spec, error)) error {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		path := prefix + key
		switch value := tree[key].(type) {
		case map[string]any:
			if err := f.addPasted(path+".", value, sign, next, look); err != nil {
				return err
			}
		case string:
			if value == "" {
				continue
			}
			name, n := next(value)
			if n < len(value) || name == "" {
				if strings.Contains(value, sign) {
					f.Notes = append(f.Notes, fmt.Sprintf("key %s holds more than one variable: read over", path))
				}
				continue
			}
			s, err := look(name)
			if err == nil && s.field != skipField {
				err = f.object.add(path, s, 0)
			}
			if err == nil && s.field == statusField && !f.object.require(path) {
				err = fmt.Errorf("cannot be read")
			}
			if err != nil {
				return fmt.Errorf("key %q: %w", path, err)
			}
		}
	}
	return nil
}
