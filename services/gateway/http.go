package gateway

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tripcurve/services/host"
)

const (
	// maxBody bounds a request's body, in bytes; the largest real one is some 300.
	maxBody = 64 << 10
	// maxKey bounds an Idempotency-Key, in bytes, as card processors do.
	maxKey = 255
	// maxRequestID bounds an X-Request-Id that is taken over from the client, in bytes.
	maxRequestID = 128
)

// Handler serves the gateway over HTTP. Log, when set, is told of every request
// once it is answered; it is called from the request's own goroutine.
type Handler struct {
	Gateway *Gateway
	Log     func(AccessEntry)
}

// ServeHTTP reads one request, lets the gateway handle it and writes the answer.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client := h.client(r)
	w.Header().Set("X-Request-Id", client.RequestID)

	start := h.Gateway.clock.Now()
	req, resp, ok := h.read(w, r, &client)
	if ok {
		h.Gateway.Handle(host.WithRequestID(r.Context(), client.RequestID), &req, &resp)
	} else {
		resp.Route, resp.Start = req.Route, start
		resp.Took = h.Gateway.clock.Now().Sub(start)
	}

	body := resp.AppendBody(nil)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if resp.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(resp.RetryAfter/time.Second)))
	}
	w.WriteHeader(resp.Status)
	sent := len(body)
	if r.Method != http.MethodHead {
		n, err := w.Write(body)
		if err != nil {
			resp.Flags = joinFlags(resp.Flags, "DC") // the client has gone
		}
		sent = n
	}
	if h.Log != nil {
		e := h.Gateway.Entry(&req, &resp, client, sent)
		e.Method = r.Method
		h.Log(e)
	}
}

func joinFlags(flags, more string) string {
	if flags == "" {
		return more
	}
	return flags + "," + more
}

// client is who asks. The address is the peer's own: X-Forwarded-For is what a
// client claims.
func (h Handler) client(r *http.Request) Client {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		id = h.Gateway.rand.ID("req_")
	}
	return Client{IP: ip, UserAgent: r.UserAgent(), RequestID: id, Authority: r.Host, Path: r.URL.RequestURI()}
}

// read turns HTTP and JSON into a Request; when it cannot, ok is false and the
// Response says why.
func (h Handler) read(w http.ResponseWriter, r *http.Request, c *Client) (req Request, resp Response, ok bool) {
	route, id, allow := match(r.Method, r.URL.Path)
	req = Request{Route: route, ID: id, Key: r.Header.Get("Idempotency-Key")}
	switch {
	case allow != "":
		w.Header().Set("Allow", allow)
		return req, refuse(http.StatusMethodNotAllowed, "method_not_allowed", host.Mistake{Field: "method", Found: host.Clip(r.Method), Expected: allow}), false
	case route == NoRoute:
		resp = refuse(http.StatusNotFound, "unknown_route", host.Mistake{Field: "path", Found: host.Clip(r.Method + " " + r.URL.Path), Expected: "one of " + known()})
		resp.Flags = "NR"
		return req, resp, false
	}
	if refused := checkHeaders(r, req.Key); refused != nil {
		return req, *refused, false
	}
	if r.Method != http.MethodPost {
		return req, Response{}, true
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	c.BytesIn = len(body)
	code := "invalid_cart"
	if route == PostIntent {
		code = "invalid_intent"
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return req, refuse(http.StatusRequestEntityTooLarge, "too_large", host.Mistake{
			Field: "body", Found: "more than " + bytesOf(maxBody), Expected: bytesOf(maxBody) + " at most",
		}), false
	case err != nil:
		return req, refuse(http.StatusBadRequest, code, host.Mistake{
			Field: "body", Found: bytesOf(len(body)) + " and no end", Expected: "a JSON object",
		}), false
	}
	var into any = &req.Checkout
	if route == PostIntent {
		into = &req.Intent
	}
	if mistake, ok := decode(body, into); !ok {
		return req, refuse(http.StatusBadRequest, code, mistake), false
	}
	return req, Response{}, true
}

// match finds the route of a path and the value of its parameter. A path that
// exists under another method gives NoRoute and the method that it allows.
func match(method, path string) (route Route, id, allow string) {
	for i := range endpoints[1:] {
		e := endpoints[i+1]
		prefix, _, parameter := strings.Cut(e.template, ":")
		rest, found := strings.CutPrefix(path, prefix)
		if !found || parameter == (rest == "") || strings.Contains(rest, "/") {
			continue
		}
		if e.method != method {
			allow = e.method
			continue
		}
		return Route(i + 1), rest, ""
	}
	return NoRoute, "", allow
}
