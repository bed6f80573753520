package semian

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"tripcurve/internal/formats/source"
)

// Write is options as the semian: key of an adapter's YAML. The lines of head are
// comments above it.
func Write(o Options, head []string) string {
	var b strings.Builder
	comments(&b, head)
	b.WriteString("semian:\n")
	each(o, func(key string, v reflect.Value) {
		fmt.Fprintf(&b, "  %s: %s\n", key, scalar(v, func(s string) string {
			if plain(s) {
				return s
			}
			return strconv.Quote(s)
		}))
	})
	return b.String()
}

// scalar is a switch, a number or a text, as YAML and Ruby both write it but for the
// text.
func scalar(v reflect.Value, text func(string) string) string {
	switch v := v.Interface().(type) {
	case float64:
		return number(v)
	case string:
		return text(v)
	default:
		return fmt.Sprint(v)
	}
}

// comments are lines, of which none can end its comment.
func comments(b *strings.Builder, lines []string) {
	for _, l := range lines {
		l = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, l)
		b.WriteString(strings.TrimRight("# "+l, " ") + "\n")
	}
}

// each visits the options that are said, in their order.
func each(o Options, visit func(key string, v reflect.Value)) {
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsNil() && f.Type().Elem() != reflect.TypeFor[skipped]() {
			visit(source.Key(v.Type().Field(i)), f.Elem())
		}
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// plain says that YAML takes s for text without quotes.
func plain(s string) bool {
	switch strings.ToLower(s) {
	case "", "true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan":
		return false
	}
	letter := s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z'
	return letter && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}
