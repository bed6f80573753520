package claims

import (
	"slices"
	"time"

	"tripcurve/internal/pglock"
)

// Type of an operand.
type Type uint8

const (
	Number   Type = iota // finite, 0 or more
	Text                 // a word or a phrase; a number is one, too
	Switch               // true or false
	Instant              // RFC 3339
	Span                 // {start, end}, half open
	LockMode             // SHARE, ROW EXCLUSIVE, ...
	Objects              // a list of objects
)

// Operand is one key that rules compute with.
type Operand struct {
	Name  string
	Type  Type
	List  bool     // of that type
	Words []string // the only ones that a Text can be; nil takes any
	// Parts are the keys of an Objects' members.
	Parts []Operand
	Need  []string // of Parts that every member has
}

// Unknown are the words by which a file says that a fact is missing.
var Unknown = []string{"unknown", "not_stated"}

// Value of an operand. One that the file calls unknown has only Missing set.
type Value struct {
	Type    Type
	Missing bool
	Number  float64
	Text    string
	On      bool
	At      time.Time
	Span    Interval
	Mode    pglock.Mode
	List    []Value
	Object  Operands // a member of an Objects
}

// Operands by name.
type Operands map[string]Value

// Interval is half open: [Start, End).
type Interval struct{ Start, End time.Time }

// Seconds is its length.
func (i Interval) Seconds() float64 { return i.End.Sub(i.Start).Seconds() }

func of(t Type, names ...string) []Operand {
	list := make([]Operand, len(names))
	for i, n := range names {
		list[i] = Operand{Name: n, Type: t}
	}
	return list
}

func lists(t Type, names ...string) []Operand {
	list := of(t, names...)
	for i := range list {
		list[i].List = true
	}
	return list
}

func word(name string, words ...string) []Operand {
	return []Operand{{Name: name, Type: Text, Words: words}}
}

func objects(name string, need []string, parts ...[]Operand) []Operand {
	return []Operand{{Name: name, Type: Objects, Parts: slices.Concat(parts...), Need: need}}
}

// Known are all operands. What a rule computes with is here; what only explains a
// claim to a reader is here too, so that a mistyped key is a mistake.
var Known = slices.Concat(
	of(Number,
		"actual_open_at", "alternative_delay_s", "at_s", "capacity", "cause_length_s", "claimed_coverage_pct", "claimed_failed_probes",
		"claimed_open_at", "code_value_pct", "count", "current", "cycle_s", "default_s", "errorThresholdPercentage", "failing_calls",
		"fill_s", "hold_s", "holders", "idle_drop_s", "implied_rate_per_s", "lock_s", "max_connections", "max_connections_default",
		"min_delay_s", "needs_hold_at_least_s", "now", "opens_at_s", "orphan_reservations", "per_try_s", "phases", "pid", "rate_per_s",
		"reserved", "reserved_default", "reset_s", "server_min_time_s", "stated", "stated_attempts", "stated_calls", "stated_max",
		"stated_max_s", "stated_min", "stated_ms", "stated_rate_per_s", "stated_s", "stated_share", "status", "test_value", "timeout_s",
		"tolerance_ratio", "total", "total_s", "tries", "value", "value_ms", "value_s", "volume_threshold", "waiting", "window_s"),
	of(Text,
		"actual_effect", "alternative_from", "applies_to", "body", "by", "call", "cancelled_when_caller_leaves", "cause", "claimed",
		"claimed_effect", "code", "code_option", "construct", "duration", "first", "held_by", "in_code", "in_transaction_error",
		"incident_date", "language", "library", "mechanism", "method", "metric", "min_delay_from", "of", "option", "pid_of", "planned",
		"recorder", "relation", "relation_name", "scope", "shares_service_with", "side_effective", "side_set", "state_scope",
		"statement", "test_option", "then", "unit", "wire", "wire_header"),
	word("claimed_coverage", "whole", "part"),
	word("count_by", "start", "end"),
	word("quantifier", "all", "none", "some", "throughout"),
	word("recorded", "at_end", "at_start"),
	word("rounding", "none", "down", "up", "nearest"),
	word("stamp", "start", "end"),
	word("stated_unit", "s", "min", "h"),
	of(Switch, "cause_start_assumed", "forecast", "shared_state", "shown_in_code", "uncapped"),
	of(Instant, "before", "cause_at", "effect_at", "end", "first_possible_sample", "hang_began", "incident_start", "instant", "outage_end",
		"stamped_at", "start"),
	of(Span, "effect", "possible", "window"),
	lists(Span, "cause_intervals"),
	lists(Instant, "sample_times"),
	lists(Number, "try_offsets_s"),
	lists(Text, "alternatives", "counterexamples", "needs", "stated_elsewhere", "steps"),
	of(LockMode, "held_mode"),
	objects("bounds", nil, of(Switch, "unbounded"), of(Number, "value_s"), of(Text, "layer", "set_by")),
	objects("claims", nil, of(Text, "words"), of(Number, "status")),
	objects("observations", nil, of(Number, "count", "rate_per_s", "window_s")),
	objects("parts", nil, of(Text, "endpoint", "name", "verdict"), of(Switch, "impacted"), of(Number, "value")),
	objects("sources", []string{"name", "group"}, of(Text, "group", "name"), word("shows", "cause", "effect")),
	objects("wanted", []string{"mode"}, of(LockMode, "mode"), of(Text, "statement"), word("claimed", "blocked", "not_blocked")),
)

// Names of a list of operands, in order.
func Names(list []Operand) []string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.Name
	}
	slices.Sort(names)
	return names
}

// Find is the operand of a name in a list.
func Find(list []Operand, name string) (Operand, bool) {
	i := slices.IndexFunc(list, func(o Operand) bool { return o.Name == name })
	if i < 0 {
		return Operand{}, false
	}
	return list[i], true
}

// known is a value that is there and not called unknown.
func (o Operands) known(key string) (Value, bool) {
	v, ok := o[key]
	return v, ok && !v.Missing
}

// Has says that the key is there, if only to say that the fact is missing.
func (o Operands) Has(key string) bool {
	_, ok := o[key]
	return ok
}

// Number is the value of a key; ok is false when it is missing.
func (o Operands) Number(key string) (float64, bool) {
	v, ok := o.known(key)
	return v.Number, ok
}

// Numbers are the values of several keys; ok is false when one is missing.
func (o Operands) Numbers(keys ...string) (list []float64, ok bool) {
	list = make([]float64, len(keys))
	for i, k := range keys {
		if list[i], ok = o.Number(k); !ok {
			return nil, false
		}
	}
	return list, true
}

// Text is "" when it is missing.
func (o Operands) Text(key string) string {
	v, _ := o.known(key)
	return v.Text
}

// Texts is empty when it is missing.
func (o Operands) Texts(key string) []string {
	v, _ := o.known(key)
	list := make([]string, len(v.List))
	for i, x := range v.List {
		list[i] = x.Text
	}
	return list
}

// On is a switch; ok is false when it is missing.
func (o Operands) On(key string) (on, ok bool) {
	v, ok := o.known(key)
	return v.On, ok
}

// At is an instant; ok is false when it is missing.
func (o Operands) At(key string) (time.Time, bool) {
	v, ok := o.known(key)
	return v.At, ok
}

// Span is an interval; ok is false when it is missing.
func (o Operands) Span(key string) (Interval, bool) {
	v, ok := o.known(key)
	return v.Span, ok
}

// Window is the span of a key, or of the operands start and end.
func (o Operands) Window(key string) (Interval, bool) {
	if i, ok := o.Span(key); ok {
		return i, true
	}
	start, ok1 := o.At("start")
	end, ok2 := o.At("end")
	return Interval{start, end}, ok1 && ok2
}

// Mode is a lock mode; None when it is missing.
func (o Operands) Mode(key string) pglock.Mode {
	v, _ := o.known(key)
	return v.Mode
}

// List are the values of a list.
func (o Operands) List(key string) []Value {
	v, _ := o.known(key)
	return v.List
}

// Objects are the members of a list of objects.
func (o Operands) Objects(key string) []Operands {
	v, _ := o.known(key)
	list := make([]Operands, len(v.List))
	for i, x := range v.List {
		list[i] = x.Object
	}
	return list
}
