package gatewaylog

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// envoySign finds a command operator: %START_TIME%, %REQ(X-REQUEST-ID):40%.
var envoySign = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^%([A-Z][A-Z0-9_]*(?:\([^()]*\))?(?::[0-9]+)?)%`) })

// envoyBare finds one that stands as a JSON value without quotes.
var envoyBare = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(:\s*)(%[A-Z][A-Z0-9_]*(?:\([^()]*\))?(?::[0-9]+)?%)`)
})

// envoyLooking tells an Envoy format string from Apache's and HAProxy's.
func envoyLooking(text string) bool {
	return strings.Contains(text, "%START_TIME") || strings.Contains(text, "%RESPONSE_CODE%")
}

// envoyVars are the operators that we read; the others are read over.
var envoyVars = map[string]spec{
	"RESPONSE_CODE": {field: statusField}, "RESPONSE_FLAGS": {field: flagsField}, "RESPONSE_FLAGS_LONG": {field: flagsField},
	"RESPONSE_CODE_DETAILS": {field: detailsField}, "DURATION": {field: tookField, unit: time.Millisecond},
	"RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)": {field: upstreamTookField, unit: time.Millisecond}, "RESPONSE_DURATION": {field: upstreamTookField, unit: time.Millisecond},
	"REQ(:METHOD)": {field: methodField}, "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)": {field: targetField}, "REQ(:PATH)": {field: targetField},
	"REQ(X-REQUEST-ID)": {field: requestIDField}, "REQ(:AUTHORITY)": {field: hostField}, "UPSTREAM_HOST": {field: upstreamAddrField},
	"UPSTREAM_CLUSTER": {field: clusterField}, "UPSTREAM_CLUSTER_RAW": {field: clusterField}, "ROUTE_NAME": {field: routeField},
	"GRPC_STATUS": {field: grpcField}, "GRPC_STATUS_NUMBER": {field: grpcField}, "UPSTREAM_REQUEST_ATTEMPT_COUNT": {field: triesField},
	"PROTOCOL": {}, "BYTES_RECEIVED": {}, "BYTES_SENT": {}, "CONNECTION_TERMINATION_DETAILS": {}, "UPSTREAM_LOCAL_ADDRESS": {},
	"DOWNSTREAM_LOCAL_ADDRESS": {}, "DOWNSTREAM_REMOTE_ADDRESS": {}, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": {}, "REQUESTED_SERVER_NAME": {},
	"REQUEST_DURATION": {}, "RESPONSE_TX_DURATION": {}, "CONNECTION_ID": {}, "STREAM_ID": {}, "HOSTNAME": {},
}

func envoyVar(name string) (spec, error) {
	name, _, _ = strings.Cut(name, "):") // a length
	if strings.Contains(name, "(") && !strings.HasSuffix(name, ")") {
		name += ")"
	}
	if layout, ok := strings.CutPrefix(name, "START_TIME"); ok {
		return envoyTime(strings.Trim(layout, "()"))
	}
	if s, known := envoyVars[name]; known {
		return s, nil
	}
	return spec{text: true}, nil
}

// envoyTime reads the layout of START_TIME, which is in UTC.
func envoyTime(layout string) (spec, error) {
	at := spec{field: atField}
	switch layout {
	case "":
		at.time = isoTime
	case "%s", "%s.%3f", "%s.%6f", "%s.%9f":
		at.time, at.unit = unixTime, time.Second
	case "%s%3f":
		at.time, at.unit = unixTime, time.Millisecond
	case "%s%6f":
		at.time, at.unit = unixTime, time.Microsecond
	default:
		iso := strings.NewReplacer("%F", "%Y-%m-%d", "%T", "%H:%M:%S").Replace(layout)
		rest, ok := strings.CutPrefix(iso, "%Y-%m-%dT%H:%M:%S")
		rest = strings.TrimPrefix(rest, ".")
		if !ok || !slices.Contains([]string{"Z", "%3fZ", "%6fZ", "%9fZ", "%z", "%3f%z"}, rest) {
			return at, fmt.Errorf("a time layout that cannot be read; expected none, %%s, %%s.%%3f or %%Y-%%m-%%dT%%H:%%M:%%S.%%3fZ")
		}
		at.time = isoTime
	}
	return at, nil
}

func envoyName(s string) (name string, n int) {
	if s[0] != '%' {
		return "", 0
	}
	if strings.HasPrefix(s, "%%") {
		return "%", 2
	}
	m := envoySign().FindStringSubmatch(s)
	if m == nil {
		return "", 1
	}
	return m[1], len(m[0])
}

// parseEnvoyFormat compiles the text of an Envoy or Istio text_format, or its
// json_format as JSON.
func parseEnvoyFormat(text string) (*Format, error) {
	f := &Format{
		Name: "envoy_format", Title: "Envoy format", Family: "envoy_format", Layout: text, Vocabulary: "envoy", Escape: "none",
		Outcomes: "envoy", stamp: stampStart,
	}
	f.Took.Unit = "ms"
	var tree map[string]any
	var err error
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(envoyBare().ReplaceAllString(text, `$1"$2"`)), &tree) == nil {
		f.object = newObject()
		err = f.addPasted("", tree, "%", envoyName, envoyVar)
	} else {
		text = strings.TrimSuffix(text, `\n`)
		f.program, err = compile(text, escapeNone, vocabulary{sign: "%", next: envoyName, look: envoyVar})
	}
	return f, f.pasted("Envoy format", err, "%START_TIME%", "%RESPONSE_CODE%", "%REQ(:METHOD)% with %REQ(:PATH)%")
}

// pasted completes a format that was pasted, of which err is what was wrong so
// far, and says what it cannot do without.
func (f *Format) pasted(what string, err error, at, status, request string) error {
	if err == nil {
		err = f.complete()
	}
	switch {
	case err != nil:
	case !f.has(atField):
		err = fmt.Errorf("no time: %s is needed", at)
	case !f.has(statusField):
		err = fmt.Errorf("no status: %s is needed", status)
	case !f.has(requestField) && !f.has(targetField) && !f.has(routeField):
		err = fmt.Errorf("no request: %s is needed", request)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// haproxyVars are the variables of HAProxy's log-format (configuration.txt
// 8.2.6). Those without a field are read over.
var haproxyVars = map[string]spec{
	"tr": {field: atField, time: wallTime, width: len(wallLayout), grade: 3}, "t": {field: atField, time: wallTime, width: len(wallLayout), grade: 2},
	"trg": {field: atField, time: clfTime, width: 26, grade: 1}, "trl": {field: atField, time: clfTime, width: 26, grade: 1},
	"T": {field: atField, time: clfTime, width: 26, grade: 1}, "Tl": {field: atField, time: clfTime, width: 26, grade: 1},
	"Ts": {field: atField, time: unixTime, unit: time.Second, grade: 1}, "ms": {field: fractionField, width: 3},
	"r": {field: requestField, text: true}, "HM": {field: methodField}, "HU": {field: targetField}, "HP": {field: targetField, grade: -1}, "HPO": {field: targetField, grade: -1},
	"ST": {field: statusField}, "Ta": {field: tookField, unit: time.Millisecond}, "Tt": {field: tookField, unit: time.Millisecond}, "Tr": {field: upstreamTookField, unit: time.Millisecond},
	"b": {field: clusterField}, "s": {field: upstreamAddrField}, "tsc": {field: flagsField, width: 4}, "ts": {field: flagsField, width: 2}, "ID": {field: requestIDField},
	"HQ": {text: true}, "HV": {}, "ci": {}, "cp": {}, "fi": {}, "fp": {}, "bi": {}, "bp": {}, "si": {}, "sp": {}, "f": {}, "ft": {}, "Td": {}, "Th": {}, "Ti": {}, "TR": {}, "Tq": {}, "Tw": {}, "Tc": {}, "TU": {},
	"B": {}, "U": {}, "CC": {text: true}, "CS": {text: true}, "ac": {}, "fc": {}, "bc": {}, "sc": {}, "rc": {}, "sq": {}, "bq": {}, "lc": {}, "rt": {}, "pid": {}, "H": {}, "sslc": {}, "sslv": {},
	"hr": {text: true}, "hs": {text: true}, "hrl": {text: true}, "hsl": {text: true},
}

// haproxyLooking tells a log-format from an Apache LogFormat.
func haproxyLooking(text string) bool {
	if strings.HasPrefix(text, "log-format ") {
		return true
	}
	for _, sign := range []string{"%ci", "%ST", "%tr", "%TR", "%tsc", "%HM", "%{+Q}"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func haproxyName(s string) (name string, n int) {
	if s[0] != '%' {
		return "", 0
	}
	if strings.HasPrefix(s, "%%") {
		return "%", 2
	}
	if strings.HasPrefix(s, "%[") { // a sample expression
		if end := strings.IndexByte(s, ']'); end > 0 {
			return s[1 : end+1], end + 1
		}
		return "", 1
	}
	for n = min(4, len(s)-1); n > 0; n-- { // the longest that there is
		if _, ok := haproxyVars[s[1:1+n]]; ok {
			return s[1 : 1+n], 1 + n
		}
	}
	return "", 1
}

func haproxyVar(name string) (spec, error) {
	if s, ok := haproxyVars[name]; ok {
		return s, nil
	}
	return spec{text: true}, nil // a sample expression
}

// haproxyQuoted finds a variable that HAProxy is told to quote.
var haproxyQuoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%\{\+Q\}([A-Za-z]+|\[[^\]]*\])`) })

// haproxyCaptures are what captured headers leave nothing of, not even the blank,
// when there are none.
var haproxyCaptures = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?: %h[rs])+ `) })

// parseHAProxyFormat compiles a log-format directive, or only its string.
func parseHAProxyFormat(text string) (*Format, error) {
	f := &Format{
		Name: "log-format", Title: "HAProxy log-format", Family: "haproxy_format", Vocabulary: "haproxy", Outcomes: "haproxy", stamp: stampStart,
	}
	f.Took.Unit = "ms"
	layout, named := strings.CutPrefix(text, "log-format ")
	layout = strings.TrimSpace(layout)
	var err error
	if n := len(layout); n > 1 && (layout[0] == '"' || layout[0] == '\'') && layout[n-1] == layout[0] && (named || layout[0] == '\'') {
		layout = strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\\`, `\`).Replace(layout[1 : n-1])
	} else if named {
		layout = strings.NewReplacer(`\ `, ` `, `\"`, `"`).Replace(layout)
	}
	layout = haproxyQuoted().ReplaceAllString(layout, `"%$1"`)
	if strings.Contains(layout, "%{") {
		err = fmt.Errorf("%q: of the flags in braces only +Q, of single variables, can be read", layout[strings.Index(layout, "%{"):][:min(8, len(layout)-strings.Index(layout, "%{"))])
	}
	captured := haproxyCaptures().MatchString(layout)
	f.Layout = haproxyCaptures().ReplaceAllString(layout, " ")
	if err == nil {
		f.program, err = compile(f.Layout, escapeDefault, vocabulary{sign: "%", next: haproxyName, look: haproxyVar})
	}
	if err == nil && captured {
		err = f.program.takeCaptures(strings.Index(layout, haproxyCaptures().FindString(layout)))
	}
	return f, f.pasted("log-format", err, "%tr or %t", "%ST", "%r, or %HM with %HU")
}

// takeCaptures lets the value in front of captured headers, of which nobody wants
// to know, take them in. at is where the headers stand in the layout.
func (p *program) takeCaptures(at int) error {
	pos := len(p.head)
	for i := range p.ops {
		o := &p.ops[i]
		pos += len("%") + len(o.name)
		if pos == at {
			switch {
			case o.field != skipField:
				return fmt.Errorf("column %d: captured headers behind %%%s: cannot tell where they begin", at+2, o.name)
			case len(o.lit) < 2 || o.lit[1] == '{':
				return fmt.Errorf("column %d: captured headers in front of %q: cannot tell where they end", at+2, o.lit)
			}
			o.word = false
			o.usual = usualNone
			return nil
		}
		pos += len(o.lit)
	}
	return fmt.Errorf("column %d: captured headers at a place where they cannot be read", at+2)
}
