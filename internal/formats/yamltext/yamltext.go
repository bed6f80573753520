// Package yamltext writes the formats' structs as YAML, key by key in the order of
// their fields, with a comment behind a key where there is something to say.
package yamltext

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
)

// Write is a struct as a YAML document. Keys are its json tags; an absent pointer,
// an empty list and an empty map are left out, so is empty text. A type that has a
// String method is written by it. Comments are found by the key, or by the key
// above it and the key, as in "route.timeout".
func Write(v any, comments map[string]string) string {
	w := writer{comments}
	lines := w.object(reflect.ValueOf(v), "", 0)
	if len(lines) == 0 {
		return "{}\n"
	}
	return strings.Join(lines, "\n") + "\n"
}

type writer struct{ comments map[string]string }

func (w writer) object(v reflect.Value, above string, depth int) []string {
	var lines []string
	for i := range v.NumField() {
		f := v.Field(i)
		if absent(f) {
			continue
		}
		if f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		lines = append(lines, w.member(source.Key(v.Type().Field(i)), f, above, depth)...)
	}
	return lines
}

// absent: a number or a switch that is there is behind a pointer, or always there.
func absent(f reflect.Value) bool {
	switch f.Kind() {
	case reflect.Pointer:
		return f.IsNil()
	case reflect.Slice, reflect.Map:
		return f.Len() == 0
	case reflect.String:
		return f.Len() == 0
	default:
		return false
	}
}

// member is a key and its value, on one line or on several.
func (w writer) member(key string, v reflect.Value, above string, depth int) []string {
	indent := strings.Repeat("  ", depth)
	head := indent + Scalar(key) + ":"
	comment := w.comment(above, key)
	if text, ok := scalar(v); ok {
		return []string{head + " " + text + comment}
	}
	var below []string
	switch v.Kind() {
	case reflect.Struct:
		below = w.object(v, key, depth+1)
	case reflect.Map:
		for _, name := range slices.Sorted(maps.Keys(names(v))) {
			below = append(below, w.member(name, names(v)[name], key, depth+1)...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			below = append(below, w.item(v.Index(i), key, depth+1)...)
		}
	default:
		panic(fmt.Sprintf("yamltext: a struct of ours has a field of type %s", v.Type()))
	}
	if len(below) == 0 {
		return []string{head + " {}" + comment}
	}
	return append([]string{head + comment}, below...)
}

// item of a list: the dash takes the place of the last indentation.
func (w writer) item(v reflect.Value, above string, depth int) []string {
	dash := strings.Repeat("  ", depth) + "- "
	if text, ok := scalar(v); ok {
		return []string{dash + text}
	}
	lines := w.object(v, above, depth+1)
	if len(lines) == 0 {
		return []string{dash + "{}"}
	}
	lines[0] = dash + lines[0][len(dash):]
	return lines
}

func (w writer) comment(above, key string) string {
	c, ok := w.comments[above+"."+key]
	if !ok {
		c = w.comments[key]
	}
	if c == "" {
		return ""
	}
	return " # " + c
}

func names(v reflect.Value) map[string]reflect.Value {
	m := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		m[it.Key().String()] = it.Value()
	}
	return m
}

// scalar is a value that fits behind its key.
func scalar(v reflect.Value) (string, bool) {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return Scalar(s.String()), true
	}
	switch v.Kind() {
	case reflect.String:
		return Scalar(v.String()), true
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), true
	default:
		return "", false
	}
}

// Scalar is text as YAML takes it for text and nothing else. A time such as 5s needs
// no quotes.
func Scalar(s string) string {
	plain := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/") == ""
	letter := plain && (s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z')
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity":
		return strconv.Quote(s)
	}
	if letter || duration(s) {
		return s
	}
	return strconv.Quote(s)
}

// duration: digits, perhaps a fraction, and one unit.
func duration(s string) bool {
	number := strings.TrimRight(s, "hms")
	return number != s && number != "" && strings.Trim(number, "0123456789.") == "" && number[0] != '.' && number[len(number)-1] != '.' && strings.Count(number, ".") <= 1
}
