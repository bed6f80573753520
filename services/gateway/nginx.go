package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tripcurve/services/host"
)

// NginxFormat writes access log lines as nginx does under a log_format. nginx
// writes a line when the request has ended: its times are the END.
type NginxFormat struct {
	head   string
	pieces []nginxPiece
	escape nginxEscape
}

// nginxPiece is a variable and the text behind it.
type nginxPiece struct {
	write nginxVariable
	text  string
}

// nginxVariable appends what a variable holds; ok is false when it holds nothing.
// What it appends is not escaped yet.
type nginxVariable func(dst []byte, e *AccessEntry) (_ []byte, ok bool)

// nginxEscape appends a value as log_format's escape= says.
type nginxEscape struct {
	missing string
	value   func(dst, v []byte) []byte
}

// NginxTimed is nginx's combined format with the common tail of times, addresses
// and statuses of the tries.
const NginxTimed = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" ` +
	`$request_time $upstream_response_time $upstream_addr $upstream_status`

// CompileNginx compiles the text of a log_format. escape is default (also when
// empty), json or none. A variable that this gateway does not know is an error,
// as it is in nginx.
func CompileNginx(layout, escape string) (*NginxFormat, error) {
	f := &NginxFormat{}
	var ok bool
	if f.escape, ok = nginxEscapes[escape]; !ok {
		return nil, fmt.Errorf("escape=%s: expected default, json or none", escape)
	}
	if strings.ContainsAny(layout, "\r\n") {
		return nil, fmt.Errorf("a line break in %q: a request is one line", layout)
	}
	var text strings.Builder
	behind := &f.head // where the text goes that is being read
	for rest := layout; rest != ""; {
		before, after, found := strings.Cut(rest, "$")
		text.WriteString(before)
		if !found {
			break
		}
		name, n := nginxName(after)
		if name == "" {
			return nil, fmt.Errorf("%q is no variable", "$"+after[:min(len(after), 8)])
		}
		write, ok := nginxVariables[name]
		if !ok {
			return nil, fmt.Errorf("unknown %q variable; this gateway knows $%s", name, strings.Join(nginxNames(), ", $"))
		}
		*behind = text.String()
		text.Reset()
		f.pieces = append(f.pieces, nginxPiece{write: write})
		behind = &f.pieces[len(f.pieces)-1].text
		rest = after[n:]
	}
	*behind = text.String()
	if len(f.pieces) == 0 {
		return nil, fmt.Errorf("no variable in %q", layout)
	}
	return f, nil
}

// nginxName reads the name behind a dollar, bare or in braces, and how long it is.
func nginxName(s string) (name string, n int) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		name, _, ok = strings.Cut(inner, "}")
		if !ok {
			return "", 0
		}
		return name, len(name) + 2
	}
	n = strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if n < 0 {
		n = len(s)
	}
	return s[:n], n
}

func nginxNames() []string {
	var names []string
	for name := range nginxVariables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Append appends one line, with its newline.
func (f *NginxFormat) Append(dst []byte, e AccessEntry) []byte {
	dst = append(dst, f.head...)
	var value []byte
	for _, p := range f.pieces {
		var ok bool
		if value, ok = p.write(value[:0], &e); ok {
			dst = f.escape.value(dst, value)
		} else {
			dst = append(dst, f.escape.missing...)
		}
		dst = append(dst, p.text...)
	}
	return append(dst, '\n')
}

var nginxEscapes = map[string]nginxEscape{
	"":        {"-", appendNginx},
	"default": {"-", appendNginx},
	"json":    {"", appendNginxJSON},
	"none":    {"", func(dst, v []byte) []byte { return append(dst, v...) }},
}

// nginxVariables are those that this gateway has values for, by the names of nginx
// (ngx_http_variables.c, ngx_http_log_module.c, ngx_http_upstream.c, 1.27).
var nginxVariables = map[string]nginxVariable{
	"remote_addr":               func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.IP) },
	"proxy_add_x_forwarded_for": func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.IP) },
	"remote_user":               noValue, // it asks nobody who he is
	"http_referer":              noValue, // it does not keep it
	"time_local": func(b []byte, e *AccessEntry) ([]byte, bool) {
		return e.end().AppendFormat(b, "02/Jan/2006:15:04:05 -0700"), true
	},
	"time_iso8601": func(b []byte, e *AccessEntry) ([]byte, bool) {
		return e.end().AppendFormat(b, "2006-01-02T15:04:05-07:00"), true
	},
	"msec": func(b []byte, e *AccessEntry) ([]byte, bool) {
		return appendSeconds(b, time.Duration(e.end().UnixNano())), true
	},
	"request": func(b []byte, e *AccessEntry) ([]byte, bool) {
		return fmt.Appendf(b, "%s %s %s", e.Method, e.Path, protocol), true
	},
	"request_method":  func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.Method) },
	"request_uri":     func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.Path) },
	"uri":             pathAlone,
	"document_uri":    pathAlone,
	"args":            queryAlone,
	"query_string":    queryAlone,
	"server_protocol": func(b []byte, _ *AccessEntry) ([]byte, bool) { return append(b, protocol...), true },
	"scheme":          func(b []byte, _ *AccessEntry) ([]byte, bool) { return append(b, "http"...), true },
	"host":            func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.Authority) },
	"http_host":       func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.Authority) },
	"http_user_agent": func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.UserAgent) },
	"request_id":      func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.RequestID) },
	"req_id":          func(b []byte, e *AccessEntry) ([]byte, bool) { return someText(b, e.RequestID) },
	"status":          func(b []byte, e *AccessEntry) ([]byte, bool) { return strconv.AppendInt(b, int64(e.Status), 10), true },
	"body_bytes_sent": func(b []byte, e *AccessEntry) ([]byte, bool) {
		return strconv.AppendInt(b, int64(e.BytesOut), 10), true
	},
	"request_time": func(b []byte, e *AccessEntry) ([]byte, bool) { return appendSeconds(b, e.Took), true },
	"upstream_response_time": eachTry(func(b []byte, _ *AccessEntry, t host.Attempt) []byte {
		return appendSeconds(b, t.Took)
	}),
	"upstream_addr": eachTry(func(b []byte, e *AccessEntry, _ host.Attempt) []byte {
		return append(b, e.Upstream...)
	}),
	"upstream_status": eachTry(func(b []byte, e *AccessEntry, t host.Attempt) []byte {
		return strconv.AppendInt(b, int64(tryStatus(t, e.Status)), 10)
	}),
}

const protocol = "HTTP/1.1"

func noValue(dst []byte, _ *AccessEntry) ([]byte, bool) { return dst, false }

func someText(dst []byte, s string) ([]byte, bool) { return append(dst, s...), s != "" }

// pathAlone is the path as nginx works with it: decoded.
func pathAlone(dst []byte, e *AccessEntry) ([]byte, bool) {
	path, _, _ := strings.Cut(e.Path, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return someText(dst, path)
}

func queryAlone(dst []byte, e *AccessEntry) ([]byte, bool) {
	_, query, _ := strings.Cut(e.Path, "?")
	return someText(dst, query)
}

// end is when the answer was written, in UTC.
func (e *AccessEntry) end() time.Time { return e.Start.Add(e.Took).UTC() }

// eachTry is a variable with one element per try, separated by ", ".
func eachTry(element func([]byte, *AccessEntry, host.Attempt) []byte) nginxVariable {
	return func(dst []byte, e *AccessEntry) ([]byte, bool) {
		for i, t := range e.Tries {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = element(dst, e, t)
		}
		return dst, len(e.Tries) > 0
	}
}

// appendSeconds appends a duration as nginx does, in seconds with three decimals.
func appendSeconds(dst []byte, d time.Duration) []byte {
	ms := max(d.Milliseconds(), 0)
	dst = strconv.AppendInt(dst, ms/1000, 10)
	frac := strconv.AppendInt(nil, 1000+ms%1000, 10)
	return append(append(dst, '.'), frac[1:]...)
}

// appendNginx appends a value with nginx's default escaping, in which no quote
// ever appears inside a field.
func appendNginx(dst, v []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range v {
		switch {
		case c < 0x20 || c == '"' || c == '\\' || c >= 0x7f:
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&0xf])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendNginxJSON appends a value as escape=json does. Bytes that are no UTF-8,
// which nginx passes on, become U+FFFD: the line is valid JSON whoever asks.
func appendNginxJSON(dst, v []byte) []byte {
	const hex = "0123456789ABCDEF"
	for len(v) > 0 {
		r, size := utf8.DecodeRune(v)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		default:
			dst = utf8.AppendRune(dst, r)
		}
		v = v[size:]
	}
	return dst
}
