package source

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"tripcurve/internal/policy"
)

// Reader is a type that reads its own value.
type Reader interface{ ReadNode(*Node) error }

// Decoder fills structs strictly: a key that the struct does not have is a
// mistake, and so is a value of another kind.
//
// Keys are the structs' json tags. A number's range is in the tags min, max and
// above ("above" is a minimum that is itself out of range).
type Decoder struct {
	// Relaxed takes kebab-case and snake_case for camelCase, as Spring does.
	Relaxed bool
	// Mistakes, when it is set, collects what is wrong with keys and values
	// instead of ending at the first: what is wrong is left out.
	Mistakes *[]error
}

// Decode reads n into the value that to points to.
func (d Decoder) Decode(n *Node, to any) error {
	return d.Note(d.decode(n, reflect.ValueOf(to).Elem(), ""))
}

// Note collects a mistake if mistakes are collected, and is it otherwise.
func (d Decoder) Note(err error) error {
	if err == nil || d.Mistakes == nil {
		return err
	}
	*d.Mistakes = append(*d.Mistakes, err)
	return nil
}

func (d Decoder) decode(n *Node, v reflect.Value, tag reflect.StructTag) error {
	if v.Kind() == reflect.Pointer {
		target := reflect.New(v.Type().Elem())
		if err := d.decode(n, target.Elem(), tag); err != nil {
			return err
		}
		v.Set(target)
		return nil
	}
	if r, ok := v.Addr().Interface().(Reader); ok {
		return r.ReadNode(n)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.object(n, v)
	case reflect.Map:
		return d.dictionary(n, v)
	case reflect.Slice:
		if n.Kind != List {
			return n.Wrong("a list")
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
		for i, item := range n.Items {
			if err := d.Note(d.decode(item, v.Index(i), "")); err != nil {
				return err
			}
		}
		return nil
	case reflect.String:
		if n.Kind != String {
			return n.Wrong("text")
		}
		v.SetString(n.Text)
		return nil
	case reflect.Bool:
		if n.Kind != Bool {
			return n.Wrong("true or false")
		}
		v.SetBool(n.Text == "true")
		return nil
	case reflect.Int:
		want := "a whole number" + rangeWords(tag)
		i, err := strconv.Atoi(n.Text)
		if n.Kind != Number || err != nil || !inRange(float64(i), tag) {
			return n.Wrong(want)
		}
		v.SetInt(int64(i))
		return nil
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Text, 64)
		if n.Kind != Number || err != nil || math.IsNaN(f) || math.IsInf(f, 0) || !inRange(f, tag) {
			return n.Wrong("a number" + rangeWords(tag))
		}
		v.SetFloat(f)
		return nil
	default:
		panic(fmt.Sprintf("source: a struct of ours has a field of type %s", v.Type()))
	}
}

func (d Decoder) object(n *Node, v reflect.Value) error {
	if n.Kind != Map {
		return n.Wrong("a mapping with " + strings.Join(Keys(v.Type()), ", "))
	}
	seen := map[int]string{}
	for _, m := range n.Members {
		i := d.field(v.Type(), m.Key)
		if i < 0 {
			err := &Error{n.file, m.Pos, policy.Unknown("key", m.Key, Keys(v.Type())).Error(), "", UnknownKey}
			if err := d.Note(err); err != nil {
				return err
			}
			continue
		}
		if first, twice := seen[i]; twice {
			err := &Error{n.file, m.Pos, fmt.Sprintf("%q after %q", m.Key, first), "each key once", Repeated}
			if err := d.Note(err); err != nil {
				return err
			}
			continue
		}
		seen[i] = m.Key
		if err := d.Note(d.decode(m.Value, v.Field(i), v.Type().Field(i).Tag)); err != nil {
			return err
		}
	}
	return nil
}

func (d Decoder) dictionary(n *Node, v reflect.Value) error {
	if n.Kind != Map {
		return n.Wrong("a mapping from names")
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Members)))
	for _, m := range n.Members {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.Note(d.decode(m.Value, item, "")); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(m.Key), item)
	}
	return nil
}

func (d Decoder) field(t reflect.Type, key string) int {
	for i := range t.NumField() {
		name := Key(t.Field(i))
		if name == key || d.Relaxed && Relax(name) == Relax(key) {
			return i
		}
	}
	return -1
}

var dashes = strings.NewReplacer("-", "", "_", "")

// Relax is a key without the differences that a relaxed Decoder overlooks.
func Relax(key string) string {
	return strings.ToLower(dashes.Replace(key))
}

// Key is the name of a field in the file.
func Key(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// Keys are the names of all fields of a struct type.
func Keys(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = Key(t.Field(i))
	}
	return keys
}

// inRange says whether x fits the tags min, max and above of a field.
func inRange(x float64, tag reflect.StructTag) bool {
	if lo, ok := bound(tag, "min"); ok && x < lo {
		return false
	}
	if lo, ok := bound(tag, "above"); ok && x <= lo {
		return false
	}
	hi, ok := bound(tag, "max")
	return !ok || x <= hi
}

func bound(tag reflect.StructTag, name string) (float64, bool) {
	f, err := strconv.ParseFloat(tag.Get(name), 64)
	return f, err == nil
}

func rangeWords(tag reflect.StructTag) string {
	words := ""
	if v := tag.Get("min"); v != "" {
		words += " from " + v
	}
	if v := tag.Get("above"); v != "" {
		words += " above " + v
	}
	if v := tag.Get("max"); v != "" {
		words += " up to " + v
	}
	return words
}
