package gatewaylog

import (
	"bytes"
	"strings"
	"time"

	"tripcurve/internal/incident"
)

// field is what a value of a log line means to us.
type field uint8

const (
	skipField field = iota
	atField
	requestField // METHOD SP target SP protocol
	methodField
	targetField // with query
	statusField
	tookField
	upstreamTookField
	upstreamAddrField
	upstreamStatusField
	connectField // time to connect, per try
	requestIDField
	flagsField
	detailsField
	routeField
	clusterField
	hostField
	grpcField
	triesField
	beginField    // an instant that is the start, whatever at means
	closeField    // an instant that is the end
	tookPartField // of several that make up the duration; negative says that one is missing
	sizeField     // a number or a dash: says that a line is whole, and is not kept
	fractionField // of a second, behind a time in pieces
	zoneField     // +hhmm, behind a time in pieces

	fieldCount = iota
)

// fieldNames are the names that format files use.
var fieldNames = map[string]field{
	"_": skipField, "at": atField, "request": requestField, "method": methodField, "target": targetField,
	"status": statusField, "took": tookField, "upstream_took": upstreamTookField, "upstream_addr": upstreamAddrField,
	"upstream_status": upstreamStatusField, "connect": connectField, "request_id": requestIDField, "flags": flagsField,
	"details": detailsField, "route": routeField, "cluster": clusterField, "host": hostField, "grpc_status": grpcField,
	"tries": triesField, "begin": beginField, "close": closeField, "took_part": tookPartField, "size": sizeField,
}

// expected is what an error says should stand in the field.
var expected = [...]string{
	skipField: "a value", atField: "a time", requestField: "a request line", methodField: "a method", targetField: "a request target",
	statusField: "a status (3 digits)", tookField: "a duration", upstreamTookField: "upstream durations",
	upstreamAddrField: "upstream addresses", upstreamStatusField: "upstream statuses", connectField: "upstream connect times",
	requestIDField: "a request id", flagsField: "response flags", detailsField: "response code details", routeField: "a route name",
	clusterField: "a cluster", hostField: "a host", grpcField: "a gRPC status", triesField: "a number of tries",
	beginField: "a time", closeField: "a time", tookPartField: "a duration", sizeField: "a size", fractionField: "a fraction of a second",
	zoneField: "a time zone",
}

// spec is how one field is written.
type spec struct {
	field  field
	width  int           // in bytes when it is always the same, else 0
	list   bool          // one element per upstream try
	text   bool          // may hold blanks and whatever else a client sends
	time   timeKind      // of atField
	unit   time.Duration // of durations and of unixTime
	exact  bool          // duration as s.mmm with exactly three decimals
	whole  bool          // a duration without decimals
	grade  int           // of atField: the finer one wins where a line has several
	pieces *strftime     // of a time in a layout of its own
}

// nginxVars are the variables of nginx that we read; the others are read over.
var nginxVars = map[string]spec{
	"time_local":             {field: atField, width: 26, time: clfTime, grade: 1},
	"time_iso8601":           {field: atField, width: 25, time: isoTime, grade: 1},
	"msec":                   {field: atField, time: unixTime, unit: time.Second, grade: 2},
	"request":                {field: requestField, text: true},
	"request_method":         {field: methodField},
	"request_uri":            {field: targetField}, // as sent, which is without blanks
	"uri":                    {field: targetField, text: true, grade: -1},
	"document_uri":           {field: targetField, text: true, grade: -1},
	"status":                 {field: statusField, width: 3},
	"request_time":           {field: tookField, unit: time.Second, exact: true},
	"upstream_response_time": {field: upstreamTookField, unit: time.Second, exact: true, list: true},
	"upstream_addr":          {field: upstreamAddrField, list: true},
	"upstream_status":        {field: upstreamStatusField, list: true},
	"upstream_connect_time":  {field: connectField, unit: time.Second, exact: true, list: true},
	"upstream_header_time":   {list: true}, "upstream_response_length": {list: true}, "upstream_bytes_received": {list: true},
	"upstream_bytes_sent": {list: true}, "upstream_cache_status": {list: true},
	"request_id": {field: requestIDField, width: 0}, "req_id": {field: requestIDField}, "http_x_request_id": {field: requestIDField, text: true},
	"host": {field: hostField}, "http_host": {field: hostField, text: true},
	"proxy_upstream_name": {field: clusterField}, "upstream_trailer_grpc_status": {field: grpcField}, "sent_http_grpc_status": {field: grpcField},
	"pipe": {width: 1}, "remote_user": {text: true}, "args": {text: true}, "query_string": {text: true}, "request_body": {text: true},
	"body_bytes_sent": {}, "bytes_sent": {}, "request_length": {}, "remote_addr": {}, "remote_port": {}, "server_protocol": {}, "scheme": {},
	"server_name": {}, "server_addr": {}, "server_port": {}, "connection": {}, "connection_requests": {}, "ssl_protocol": {}, "ssl_cipher": {},
	"realip_remote_addr": {}, "proxy_alternative_upstream_name": {}, "gzip_ratio": {}, "hostname": {}, "nginx_version": {}, "https": {},
	"request_completion": {}, "request_filename": {text: true}, "namespace": {}, "ingress_name": {}, "service_name": {}, "service_port": {},
	"proxy_add_x_forwarded_for": {text: true}, "proxy_host": {}, "proxy_port": {}, "the_real_ip": {}, "proxy_protocol_addr": {},
}

// clientText are the prefixes of variables whose value somebody else chose.
var clientText = []string{"http_", "sent_http_", "sent_trailer_", "upstream_http_", "upstream_trailer_", "upstream_cookie_", "cookie_", "arg_"}

// nginxVar looks a variable up; known is false for one that nginx itself does not have.
func nginxVar(name string) (s spec, known bool) {
	if s, known = nginxVars[name]; known {
		return s, true
	}
	for _, p := range clientText {
		if strings.HasPrefix(name, p) {
			return spec{text: true}, true
		}
	}
	return spec{text: true}, false
}

// neverEmpty says that the value is there even when it is unknown: a format that is not JSON writes a dash instead.
func (s *spec) neverEmpty() bool {
	switch s.field {
	case atField, statusField, tookField, upstreamTookField, upstreamAddrField, upstreamStatusField, connectField, grpcField, triesField:
		return true
	default:
		return false
	}
}

// assign stores a value in the record. It answers false when the value cannot
// be one of its kind.
func (d *Decoder) assign(r *Record, s *spec, v []byte) bool {
	switch s.field {
	case skipField:
	case atField, beginField, closeField:
		return d.setTime(s, v)
	case requestField:
		return d.setRequest(r, v)
	case methodField:
		if !unset(v) {
			r.Method = v
		}
	case targetField:
		if !unset(v) && (r.Target == nil || s.grade >= 0) { // $uri is rewritten: the raw one wins
			r.Target = d.unescaped(v)
		}
	case statusField:
		status, ok := parseStatus(v)
		if ok {
			r.Status = status
		}
		return ok
	case tookField:
		if s.unit == 0 && d.sighted != nil {
			d.sighted(v)
		}
		return setDuration(&r.Took, s, v)
	case upstreamTookField:
		return r.setUpstreamTook(s, v)
	case upstreamAddrField:
		r.setUpstreamAddr(s, v)
	case upstreamStatusField:
		return r.setUpstreamStatus(v)
	case connectField:
		last, _ := lastTry(v)
		r.ConnectFailed = unset(last) // also of the only try, when nginx writes nothing but a dash
		_, _, ok := parseTookList(v, s.duration)
		return ok
	case requestIDField:
		setText(&r.RequestID, v)
	case flagsField:
		setText(&r.Flags, v)
	case detailsField:
		setText(&r.Details, v)
	case routeField:
		if !unset(v) {
			r.Route = d.unescaped(v)
		}
	case clusterField:
		setText(&r.Cluster, v)
	case hostField:
		setText(&r.Host, v)
	case grpcField:
		return d.setGRPC(r, v)
	case triesField:
		return r.setTries(v)
	case tookPartField:
		return d.addPart(r, s, v)
	case sizeField:
		return unset(v) || number(v)
	case fractionField:
		return d.setFraction(s, v)
	case zoneField:
		return d.setZone(v)
	}
	return true
}

func number(v []byte) bool {
	for _, c := range v {
		if !digit(c) {
			return false
		}
	}
	return true
}

// addPart adds to the duration. A negative part is one that the request did not
// live to see: then nobody knows the sum.
func (d *Decoder) addPart(r *Record, s *spec, v []byte) bool {
	part := noDuration
	if !setDuration(&part, s, v) {
		return false
	}
	switch {
	case part < 0:
		d.parted, r.Took = true, noDuration
	case !d.parted:
		r.Took = max(r.Took, 0) + part
	}
	return r.Took <= maxTook
}

func setText(dst *[]byte, v []byte) {
	if !unset(v) {
		*dst = v
	}
}

// duration reads one duration of the field's unit.
func (s *spec) duration(v []byte) (time.Duration, bool) {
	if s.exact {
		return parseSeconds(v)
	}
	if n := len(v); n > 0 && v[n-1]-'a' <= 25 { // 30.001s, 1m3s: it brings its unit along
		return parseUnits(v)
	}
	if s.whole && !number(v) {
		return 0, false
	}
	if s.unit == 0 { // nobody knows it yet
		_, ok := parseDecimal(v, time.Nanosecond)
		return noDuration, ok
	}
	return parseDecimal(v, s.unit)
}

func setDuration(dst *time.Duration, s *spec, v []byte) bool {
	if unset(v) {
		return true
	}
	if v[0] == '+' { // HAProxy's logasap: written before the end was known
		return number(v[1:])
	}
	took, ok := s.duration(v)
	if ok {
		*dst = took
	}
	return ok
}

func (r *Record) setUpstreamAddr(s *spec, v []byte) {
	if unset(v) || string(v) == "<NOSRV>" {
		r.NoUpstream = true
		return
	}
	r.Upstream = v
	if s.list && r.Tries == 0 { // status and time lists are as long
		_, r.Tries = lastTry(v)
	}
}

func (r *Record) setUpstreamTook(s *spec, v []byte) bool {
	if !s.list {
		return setDuration(&r.UpstreamTook, s, v)
	}
	if took, ok := s.duration(v); ok { // the rule: one try
		r.UpstreamTook = took
		r.Tries = max(r.Tries, 1)
		return true
	}
	took, tries, ok := parseTookList(v, s.duration)
	if !ok {
		return false
	}
	r.UpstreamTook = took
	r.Tries = max(r.Tries, tries)
	r.NoUpstream = r.NoUpstream || tries == 0
	return true
}

func (r *Record) setUpstreamStatus(v []byte) bool {
	if status, ok := parseStatus(v); ok && status > 0 { // the rule: one try
		r.UpstreamStatus, r.Tries = status, max(r.Tries, 1)
		return true
	}
	last, tries := lastTry(v)
	status, ok := parseStatus(last)
	r.UpstreamStatus = status
	r.Tries = max(r.Tries, tries)
	r.NoUpstream = r.NoUpstream || tries == 0
	return ok
}

func (r *Record) setTries(v []byte) bool {
	if unset(v) {
		return true
	}
	n, ok := parseCount(v)
	r.Tries = n
	return ok
}

func (d *Decoder) setGRPC(r *Record, v []byte) bool {
	if unset(v) {
		return true
	}
	if string(v) == string(d.grpcWord) { // as on the line before: reading a name costs an allocation
		r.GRPCStatus = d.grpcCode
		return true
	}
	if n, ok := parseCount(v); ok {
		r.GRPCStatus = n
		return true
	}
	code, ok := incident.ParseGRPCCode(string(v))
	if ok {
		r.GRPCStatus = int(code)
		d.grpcWord, d.grpcCode = append(d.grpcWord[:0], v...), int(code)
	}
	return ok
}

// setRequest takes a request line apart. Garbage and a missing one are normal:
// the record then has no method and no target.
func (d *Decoder) setRequest(r *Record, v []byte) bool {
	i := methodEnd(v)
	if i == 0 {
		return true
	}
	rest := v[i+1:]
	j := len(rest) - len(" HTTP/1.1")
	if j < 0 || rest[j] != ' ' || string(rest[j+1:j+6]) != "HTTP/" {
		j = bytes.LastIndexByte(rest, ' ')
		if j < 0 || !bytes.HasPrefix(rest[j+1:], []byte("HTTP/")) { // HTTP/0.9 has no protocol
			j = len(rest)
		}
	}
	if j == 0 {
		return true
	}
	r.Method, r.Target = v[:i], d.unescaped(rest[:j])
	return true
}

// methodEnd is the length of the method that a request line begins with; 0 when
// there is none.
func methodEnd(v []byte) int {
	if len(v) > 4 && string(v[:4]) == "GET " {
		return 3
	}
	i := indexNear(v, ' ')
	if i < 0 || !token(v[:i]) {
		return 0
	}
	return i
}

// token says whether b can be a method: capital letters, mostly, but a hyphen
// or an underscore do occur.
func token(b []byte) bool {
	if len(b) > 24 {
		return false
	}
	for _, c := range b {
		if c-'A' > 25 && c-'a' > 25 && c != '-' && c != '_' {
			return false
		}
	}
	return len(b) > 0
}
