package gatewaylog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
)

// An OpenAPI file is read for three things alone: the paths, their methods, and the
// paths of the servers. Everything else in it may be of any version, and broken.

// apiPath is a path of an OpenAPI file, and where its key stands.
type apiPath struct {
	filePattern
	methods []string // none when a reference hides them: all
}

// api is what is taken from an OpenAPI file.
type api struct {
	version bool // it says that it is one
	bases   []string
	paths   []apiPath
	hasPath bool // it has the key paths
}

// apiMethods are the keys of a path that are methods.
var apiMethods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}

func openAPIPatterns(text []byte) ([]filePattern, error) {
	var a api
	var err error
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		err = a.readJSON(text)
	} else {
		err = a.readYAML(string(text))
	}
	switch {
	case err != nil:
		return nil, err
	case !a.version:
		return nil, filePattern{line: 1, column: 1}.error("expected an OpenAPI file with the key openapi or swagger")
	case !a.hasPath:
		return nil, filePattern{line: 1, column: 1}.error("expected the key paths")
	}
	return a.patterns(), nil
}

// patterns are the paths below those of the servers.
func (a *api) patterns() []filePattern {
	bases := slices.Compact(slices.Sorted(slices.Values(a.bases)))
	if len(bases) == 0 {
		bases = []string{""}
	}
	var found []filePattern
	for _, p := range a.paths {
		for _, base := range bases {
			path := strings.TrimRight(base, "/") + p.text
			if len(p.methods) == 0 {
				found = append(found, filePattern{path, p.line, p.column})
			}
			for _, m := range p.methods {
				found = append(found, filePattern{strings.ToUpper(m) + " " + path, p.line, p.column})
			}
		}
	}
	return found
}

// server adds the path of a server's URL, which may have variables in braces.
func (a *api) server(text string) {
	if i := strings.Index(text, "://"); i >= 0 {
		rest := text[i+3:]
		j := strings.IndexByte(rest, '/')
		if j < 0 {
			j = len(rest)
		}
		text = rest[j:]
	}
	if u, err := url.PathUnescape(text); err == nil {
		text = u
	}
	text, _, _ = strings.Cut(text, "?")
	if text = strings.TrimRight(text, "/"); text != "" && text[0] != '/' {
		text = "/" + strings.TrimPrefix(text, "./")
	}
	a.bases = append(a.bases, text)
}

// readJSON walks through the object without keeping it.
func (a *api) readJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	err := eachMember(dec, func(key string, _ int64) error {
		switch key {
		case "openapi", "swagger":
			a.version = true
		case "basePath":
			var base string
			if err := dec.Decode(&base); err != nil {
				return err
			}
			a.server(base)
			return nil
		case "servers":
			var servers []struct{ URL string }
			if err := dec.Decode(&servers); err != nil {
				return err
			}
			for _, s := range servers {
				a.server(s.URL)
			}
			return nil
		case "paths":
			a.hasPath = true
			return a.readPathsJSON(dec, text)
		}
		var skipped json.RawMessage
		return dec.Decode(&skipped)
	})
	if err == nil {
		return nil
	}
	at := dec.InputOffset()
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset - 1
	case errors.As(err, &mistyped):
		err = errors.New("found " + mistyped.Value + ", expected " + mistyped.Type.Kind().String())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("expected more JSON, found the end of the file")
	}
	for at >= 0 && at < int64(len(text)) && bytes.IndexByte([]byte(" \t\r\n"), text[at]) >= 0 {
		at++ // what is wrong stands behind the blanks
	}
	return placeOf(text, at).error(err.Error())
}

func (a *api) readPathsJSON(dec *json.Decoder, text []byte) error {
	return eachMember(dec, func(key string, at int64) error {
		var item map[string]json.RawMessage
		if err := dec.Decode(&item); err != nil {
			return err
		}
		if !strings.HasPrefix(key, "/") {
			return nil // an extension
		}
		p := apiPath{filePattern: placeOf(text, at)}
		p.text = key
		for _, m := range apiMethods {
			if item[m] != nil {
				p.methods = append(p.methods, m)
			}
		}
		a.paths = append(a.paths, p)
		return nil
	})
}

// eachMember calls do behind each key of an object, whose value do must read; at is
// where the key stands.
func eachMember(dec *json.Decoder, do func(key string, at int64) error) error {
	open, err := dec.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return errors.New("expected an object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string) // a member's first token is a string, or Token says so
		if err := do(name, dec.InputOffset()-int64(len(name))-2); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// placeOf is the line and column of a byte.
func placeOf(text []byte, at int64) filePattern {
	before := text[:min(max(at, 0), int64(len(text)))]
	return filePattern{line: 1 + bytes.Count(before, []byte("\n")), column: len(before) - bytes.LastIndexByte(before, '\n')}
}

// readYAML reads the keys of a block of YAML by their indentation: those of the
// document, below paths the paths, and below each path the methods. What stands
// deeper is not looked at, so that a file of any length is read once.
func (a *api) readYAML(text string) error {
	top, first, second := -1, -1, -1 // indentation of each kind of keys; -1 before the first one
	section := ""
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		body := strings.TrimLeft(line, " ")
		indent := len(line) - len(body)
		if body == "" || body[0] == '#' || body == "---" || body[0] == '%' {
			continue
		}
		at := filePattern{line: number, column: indent + 1}
		if top < 0 {
			top = indent
		}
		switch {
		case indent <= top:
			key, value, ok := yamlKey(body)
			if !ok && body[0] == '-' {
				continue // a list may stand as far left as its key
			}
			if !ok || indent < top {
				return at.error("found " + quotedStart(body) + ", expected a key such as paths:")
			}
			section, first, second = key, -1, -1
			if err := a.topKey(key, value, at); err != nil {
				return err
			}
		case section == "servers":
			if key, value, ok := yamlKey(strings.TrimLeft(strings.TrimPrefix(body, "-"), " ")); ok && key == "url" {
				a.server(value)
			}
		case section != "paths":
		case first < 0 || indent <= first:
			if first < 0 {
				first = indent
			}
			key, value, ok := yamlKey(body)
			if !ok || indent < first {
				return at.error("found " + quotedStart(body) + ", expected a path such as /api/orders/{id}:")
			}
			second = -1
			p := apiPath{filePattern: at}
			p.text = key
			if strings.HasPrefix(value, "{") {
				p.methods = flowMethods(value)
			}
			a.paths = append(a.paths, p) // extensions too: what stands below one is not the path's before
		case second < 0 || indent == second:
			second = indent
			if key, _, ok := yamlKey(body); ok && slices.Contains(apiMethods, key) {
				p := &a.paths[len(a.paths)-1]
				p.methods = append(p.methods, key)
			}
		}
	}
	a.paths = slices.DeleteFunc(a.paths, func(p apiPath) bool { return !strings.HasPrefix(p.text, "/") })
	return nil
}

// topKey takes a key of the document.
func (a *api) topKey(key, value string, at filePattern) error {
	switch key {
	case "openapi", "swagger":
		a.version = true
	case "basePath":
		a.server(value)
	case "paths":
		a.hasPath = true
		if strings.HasPrefix(value, "{") && value != "{}" {
			return at.error("found paths in braces, expected one path a line; as JSON the whole file may be")
		}
	}
	return nil
}

// flowMethods are the methods of a path that is written in braces on one line.
func flowMethods(value string) []string {
	var methods []string
	for _, m := range apiMethods {
		if strings.Contains(value, m+":") {
			methods = append(methods, m)
		}
	}
	return methods
}

// yamlKey reads the key that a line begins with, and the value behind it without
// quotes and remark.
func yamlKey(body string) (key, value string, ok bool) {
	if body != "" && (body[0] == '"' || body[0] == '\'') {
		i := strings.IndexByte(body[1:], body[0])
		if i < 0 {
			return "", "", false
		}
		key, value = body[1:i+1], body[i+2:]
		if value, ok = strings.CutPrefix(strings.TrimLeft(value, " "), ":"); !ok {
			return "", "", false
		}
	} else {
		// A colon ends a key only before a blank: /users/{id}:activate is one.
		i := strings.Index(body+" ", ": ")
		if i <= 0 || strings.HasPrefix(body, "- ") {
			return "", "", false
		}
		key, value = body[:i], body[i+1:]
	}
	value = strings.TrimSpace(value)
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		if i := strings.IndexByte(value[1:], value[0]); i >= 0 {
			return key, value[1 : i+1], true
		}
	}
	if strings.HasPrefix(value, "#") {
		value = ""
	}
	value, _, _ = strings.Cut(value, " #")
	return key, strings.TrimSpace(value), true
}

// quotedStart is the beginning of what was found, in quotes.
func quotedStart(s string) string {
	b, _ := json.Marshal(s[:min(len(s), maxColumnText)]) // a string always has JSON
	return string(b)
}
