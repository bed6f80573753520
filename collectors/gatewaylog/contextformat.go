package gatewaylog

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
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
var contextValue = regexp.MustCompile(`(:\s*)(\$context\.[A-Za-z0-9_.-]+)`)

// parseContextFormat compiles what API Gateway was told to write: a JSON object,
// or a line of text.
func parseContextFormat(text string) (*Format, error) {
	f := &Format{
		Name: "context_format", Title: "AWS API Gateway format", Family: "aws_api_gateway", Layout: text, Vocabulary: "context", Escape: "none",
		Outcomes: "aws_api_gateway", stamp: stampStart,
	}
	f.Took.Unit = "ms"
	var tree map[string]any
	object := contextValue.ReplaceAllString(text, `$1"$2"`)
	var err error
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(object), &tree) == nil {
		f.object = newObject()
		err = f.addContext("", tree)
	} else {
		f.program, err = compile(text, escapeNone, vocabulary{sign: contextSign, next: contextName, look: f.lookContext})
	}
	if err != nil {
		return nil, fmt.Errorf("API Gateway format: %w", err)
	}
	if err := f.complete(); err != nil {
		return nil, err
	}
	return f, f.checkContext()
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

func (f *Format) lookContext(name string) (spec, error) {
	s, known := contextVars[name]
	if !known {
		s.text = true
	}
	return s, nil
}

// addContext takes the keys of a JSON format, those of nested objects too.
func (f *Format) addContext(prefix string, tree map[string]any) error {
	for key, value := range tree {
		path := prefix + key
		switch value := value.(type) {
		case map[string]any:
			if err := f.addContext(path+".", value); err != nil {
				return err
			}
		case string:
			name, n := contextName(value)
			switch s, known := contextVars[name]; {
			case n == len(value) && known && s.field != skipField:
				if err := f.object.add(path, s, 0); err != nil {
					return fmt.Errorf("key %q: %w", path, err)
				}
				if s.field == statusField && !f.object.require(path) {
					return fmt.Errorf("key %q: cannot be read", path)
				}
			case n < len(value) && strings.Contains(value, contextSign):
				f.Notes = append(f.Notes, fmt.Sprintf("key %s holds more than one variable: read over", path))
			}
		}
	}
	slices.Sort(f.Notes)
	return nil
}

// checkContext says what a format of API Gateway cannot do without.
func (f *Format) checkContext() error {
	switch {
	case !f.has(atField):
		return fmt.Errorf("API Gateway format: no time: $context.requestTimeEpoch or $context.requestTime is needed")
	case !f.has(statusField):
		return fmt.Errorf("API Gateway format: no $context.status")
	case !f.has(routeField) && !f.has(targetField):
		return fmt.Errorf("API Gateway format: no request: $context.resourcePath, $context.routeKey or $context.path is needed")
	}
	return nil
}
