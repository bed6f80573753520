package resilience4j

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
)

// Write is c as an application.yml. Comments stand behind a key's value, by the
// key's own name.
func Write(c Config, comments map[string]string) string {
	var b strings.Builder
	writeStruct(&b, reflect.ValueOf(c), 1, comments)
	if b.Len() == 0 {
		return "resilience4j: {}\n"
	}
	return "resilience4j:\n" + b.String()
}

func writeStruct(b *strings.Builder, v reflect.Value, depth int, comments map[string]string) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() {
			continue
		}
		if f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		if f.Type() == reflect.TypeFor[skipped]() {
			continue
		}
		writeValue(b, source.Key(v.Type().Field(i)), f, depth, comments)
	}
}

func writeValue(b *strings.Builder, key string, v reflect.Value, depth int, comments map[string]string) {
	indent := strings.Repeat("  ", depth)
	switch v.Kind() {
	case reflect.Struct:
		var inner strings.Builder
		writeStruct(&inner, v, depth+1, comments)
		if inner.Len() == 0 {
			fmt.Fprintf(b, "%s%s: {}\n", indent, key)
			return
		}
		fmt.Fprintf(b, "%s%s:\n%s", indent, key, inner.String())
	case reflect.Map:
		if v.Len() == 0 {
			fmt.Fprintf(b, "%s%s: {}\n", indent, key)
			return
		}
		fmt.Fprintf(b, "%s%s:\n", indent, key)
		names := slices.SortedFunc(maps.Keys(toMap(v)), strings.Compare)
		for _, name := range names {
			writeValue(b, scalar(name), toMap(v)[name], depth+1, comments)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			fmt.Fprintf(b, "%s%s: []\n", indent, key)
			return
		}
		fmt.Fprintf(b, "%s%s:\n", indent, key)
		for i := range v.Len() {
			fmt.Fprintf(b, "%s  - %s\n", indent, scalar(v.Index(i).String()))
		}
	default:
		fmt.Fprintf(b, "%s%s: %s", indent, key, text(v))
		if c := comments[key]; c != "" {
			fmt.Fprintf(b, " # %s", c)
		}
		b.WriteByte('\n')
	}
}

func toMap(v reflect.Value) map[string]reflect.Value {
	m := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		m[it.Key().String()] = it.Value()
	}
	return m
}

func text(v reflect.Value) string {
	if d, ok := v.Interface().(Duration); ok {
		return d.String()
	}
	switch v.Kind() {
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case reflect.String:
		return scalar(v.String())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// scalar quotes what YAML would take for something else than text.
func scalar(s string) string {
	plain := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-$") == ""
	_, notNumber := strconv.ParseFloat(s, 64)
	letter := plain && (s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z')
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain && letter && notNumber != nil {
		return s
	}
	return strconv.Quote(s)
}
