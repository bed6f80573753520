package gateway

import (
	"strconv"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
)

// Client is what the access log tells of the one who asked.
type Client struct {
	IP        string
	UserAgent string
	RequestID string
	Authority string // the Host header
	Path      string // as asked for, query included
	BytesIn   int
}

// AccessEntry is one request as the access log tells it. Which end of it the
// timestamp names is the format's: Envoy stamps the start, nginx the end.
type AccessEntry struct {
	Client
	Method string
	Route  string // the path's template; empty when no route matched
	Status int
	// Flags are Envoy's response flags, comma-separated; empty is none.
	Flags    string
	Start    time.Time
	Took     time.Duration
	Upstream string // the address of the last try; empty when there was none
	Tries    []host.Attempt
	BytesOut int
}

// Entry is the log entry of one answered request.
func (g *Gateway) Entry(r *Request, resp *Response, c Client, bytesOut int) AccessEntry {
	e := AccessEntry{
		Client: c, Method: r.Route.Method(), Route: r.Route.Template(),
		Status: resp.Status, Flags: resp.Flags, Start: resp.Start, Took: resp.Took,
		Tries: resp.Tries, BytesOut: bytesOut,
	}
	if len(resp.Tries) > 0 {
		e.Upstream = g.upstreams[endpoints[r.Route].edge]
	}
	return e
}

// Attempts is the number of tries on the upstream.
func (e AccessEntry) Attempts() int { return len(e.Tries) }

// UpstreamTook is the time spent on the upstream over all tries.
func (e AccessEntry) UpstreamTook() (sum time.Duration) {
	for _, t := range e.Tries {
		sum += t.Took
	}
	return sum
}

// overflow is the flag of a request that the gateway's own breaker rejected.
const overflow = "UO"

// answered says whether the answer is the upstream's own.
func (e AccessEntry) answered() bool {
	n := len(e.Tries)
	return n > 0 && e.Flags != overflow && !host.IsTimeout(e.Tries[n-1].Err)
}

// details is Envoy's RESPONSE_CODE_DETAILS.
func (e AccessEntry) details() string {
	switch {
	case e.Route == "":
		return "route_not_found"
	case e.answered():
		return "via_upstream"
	case e.Flags == overflow:
		return "overflow"
	case len(e.Tries) == 0:
		return "direct_response"
	default:
		return "response_timeout"
	}
}

// AppendEnvoyJSON appends one line, with its newline, under the keys of
// Envoy and Istio. start_time is the START of the request; what is unset is null.
func AppendEnvoyJSON(dst []byte, e AccessEntry) []byte {
	dst = append(dst, `{"start_time":"`...)
	dst = e.Start.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `","method":`...)
	dst = appendJSON(dst, e.Method)
	dst = append(dst, `,"path":`...)
	dst = appendJSON(dst, e.Path)
	dst = append(dst, `,"protocol":"HTTP/1.1","response_code":`...)
	dst = strconv.AppendInt(dst, int64(e.Status), 10)
	dst = append(dst, `,"response_flags":`...)
	if e.Flags == "" {
		dst = append(dst, `"-"`...)
	} else {
		dst = appendJSON(dst, e.Flags)
	}
	dst = append(dst, `,"response_code_details":`...)
	dst = appendJSON(dst, e.details())
	dst = append(dst, `,"bytes_received":`...)
	dst = strconv.AppendInt(dst, int64(e.BytesIn), 10)
	dst = append(dst, `,"bytes_sent":`...)
	dst = strconv.AppendInt(dst, int64(e.BytesOut), 10)
	dst = append(dst, `,"duration":`...)
	dst = strconv.AppendInt(dst, e.Took.Milliseconds(), 10)
	dst = append(dst, `,"upstream_service_time":`...)
	if e.answered() {
		// As Envoy's header of that name: the try that was answered, in ms, as text.
		dst = append(dst, '"')
		dst = strconv.AppendInt(dst, e.Tries[len(e.Tries)-1].Took.Milliseconds(), 10)
		dst = append(dst, '"')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"upstream_request_attempt_count":`...)
	dst = strconv.AppendInt(dst, int64(len(e.Tries)), 10)
	dst = append(dst, `,"x_forwarded_for":`...)
	dst = appendJSON(dst, e.IP)
	dst = append(dst, `,"user_agent":`...)
	dst = appendJSON(dst, e.UserAgent)
	dst = append(dst, `,"request_id":`...)
	dst = appendJSON(dst, e.RequestID)
	dst = append(dst, `,"authority":`...)
	dst = appendJSON(dst, e.Authority)
	dst = append(dst, `,"upstream_host":`...)
	dst = appendJSON(dst, e.Upstream)
	dst = append(dst, `,"route_name":`...)
	dst = appendJSON(dst, e.Route)
	return append(dst, '}', '\n')
}

// appendJSON appends s as a JSON string, or null when it is empty. Bytes that are
// no UTF-8 become U+FFFD, as in encoding/json.
func appendJSON(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&0xf])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		i++
	}
	return append(dst, '"')
}

// tryStatus is the HTTP status that a proxy would have seen of one try: a
// success gave the request's own, a timeout none, which nginx logs as 504.
func tryStatus(t host.Attempt, final int) int {
	switch {
	case t.Err == nil:
		return final
	case host.IsTimeout(t.Err):
		return 504
	case status.Code(t.Err) == codes.Unavailable:
		return 503
	default:
		return final
	}
}
