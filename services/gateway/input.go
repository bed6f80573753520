package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"tripcurve/services/host"
)

// refuse is the answer to a request that the gateway itself turns down.
func refuse(status int, code string, m host.Mistake) Response {
	return Response{Status: status, Code: code, Mistake: m}
}

// checkHeaders says what is wrong with a request's headers; nil when nothing is. A
// body without a Content-Type is taken for JSON; a key is made up where there is none.
func checkHeaders(r *http.Request, key string) *Response {
	if len(key) > maxKey {
		resp := refuse(http.StatusBadRequest, "invalid_idempotency_key", host.Mistake{
			Field: "Idempotency-Key", Found: bytesOf(len(key)), Expected: bytesOf(maxKey) + " at most",
		})
		return &resp
	}
	said := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(said); said != "" && (err != nil || kind != "application/json") && r.Method == http.MethodPost {
		resp := refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", host.Mistake{
			Field: "Content-Type", Found: host.Clip(said), Expected: "application/json",
		})
		return &resp
	}
	return nil
}

func bytesOf(n int) string { return strconv.Itoa(n) + " bytes" }

// decode reads a JSON body into v.
func decode(body []byte, v any) (host.Mistake, bool) {
	err := json.Unmarshal(body, v)
	if err == nil {
		return host.Mistake{}, true
	}
	const object = "a JSON object"
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var money *moneyError
	switch {
	case len(body) == 0:
		return host.Mistake{Field: "body", Found: host.Nothing, Expected: object}, false
	case errors.As(err, &money):
		return host.Mistake{Field: "amount", Found: host.Clip(money.text), Expected: "dollars with at most two decimals"}, false
	case errors.As(err, &kind):
		field, expected := kind.Field, nameOf(kind.Type)
		if field == "" {
			field, expected = "body", object
		}
		return host.Mistake{Field: field, Found: kind.Value, Expected: expected}, false
	case errors.As(err, &syntax):
		return host.Mistake{Field: "body", Found: fmt.Sprintf("at byte %d: %s", syntax.Offset, syntax), Expected: object}, false
	default:
		return host.Mistake{Field: "body", Found: "no JSON", Expected: object}, false
	}
}

// nameOf is a Go type as JSON calls it.
func nameOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Struct, reflect.Map:
		return "object"
	default:
		return "number"
	}
}

// known are the routes, for a client that asked for none of them.
func known() string {
	var all []string
	for _, e := range endpoints[1:] {
		all = append(all, e.method+" "+e.template)
	}
	return strings.Join(all, ", ")
}
