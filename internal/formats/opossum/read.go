// Package opossum is the configuration of the Node library opossum as text: its
// options as plain JSON, and a module around one gRPC client. The library itself
// has no configuration file; its options are an object in code.
package opossum

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/opossum"
)

// options is the JSON file; an absent key has the library's default.
type options struct {
	Comment                  string   `json:"$comment,omitempty"` // the library ignores it
	Timeout                  *limit   `json:"timeout,omitempty"`  // ms
	ErrorThresholdPercentage *float64 `json:"errorThresholdPercentage,omitempty" min:"0" max:"100"`
	ResetTimeout             *int     `json:"resetTimeout,omitempty" min:"0" max:"2147483647"`        // ms
	RollingCountTimeout      *int     `json:"rollingCountTimeout,omitempty" min:"0" max:"2147483647"` // ms
	RollingCountBuckets      *int     `json:"rollingCountBuckets,omitempty" min:"0" max:"100000"`
	VolumeThreshold          *int     `json:"volumeThreshold,omitempty" min:"0"`
	Capacity                 *int     `json:"capacity,omitempty" min:"0" max:"9007199254740991"`
	AllowWarmUp              *bool    `json:"allowWarmUp,omitempty"`
	Enabled                  *bool    `json:"enabled,omitempty"`
}

// limit is a time limit in milliseconds; 0 is written false, as the library's
// documentation has it.
type limit int

// maxTimer is the longest time, in milliseconds, that Node's timers take; a longer
// one fires after 1 ms.
const maxTimer = 1<<31 - 1

func (l *limit) ReadNode(n *source.Node) error {
	if n.Kind == source.Bool && n.Text == "false" {
		*l = 0
		return nil
	}
	ms, err := strconv.Atoi(n.Text)
	if n.Kind != source.Number || err != nil || ms < 0 || ms > maxTimer {
		return n.Wrong("whole milliseconds from 0 to 2147483647, or false")
	}
	*l = limit(ms)
	return nil
}

func (l limit) MarshalJSON() ([]byte, error) {
	if l == 0 {
		return []byte("false"), nil
	}
	return strconv.AppendInt(nil, int64(l), 10), nil
}

// Read reads a JSON file of options over the library's defaults. The library
// ignores unknown names and takes its default for a number in quotes, both in
// silence; here they are mistakes.
func Read(file, text string) (opossum.Params, error) {
	n, err := source.JSON(file, text)
	if err != nil {
		return opossum.Params{}, err
	}
	return decode(n, source.Decoder{})
}

// Config is the breakers of one file by the name of what they guard.
type Config map[string]opossum.Params

// ReadAll reads a file of one options object, whose breaker is named like the file
// (breaker.inventory.json guards inventory), or of several by name.
func ReadAll(file, text string) (Config, error) {
	n, err := source.JSON(file, text)
	if err != nil {
		return nil, err
	}
	return decodeAll(file, n, source.Decoder{})
}

func decodeAll(file string, n *source.Node, d source.Decoder) (Config, error) {
	if !several(n) {
		p, err := decode(n, d)
		return Config{service(file): p}, err
	}
	c := Config{}
	for _, m := range n.Members {
		p, err := decode(m.Value, d)
		if err != nil {
			return nil, err
		}
		c[m.Key] = p
	}
	return c, nil
}

// several says whether a file holds options by name: nothing but objects.
func several(n *source.Node) bool {
	for _, m := range n.Members {
		if m.Value.Kind != source.Map {
			return false
		}
	}
	return len(n.Members) > 0
}

// service is the name that a file of one breaker gives it.
func service(file string) string {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	if s, ok := strings.CutPrefix(name, "breaker."); ok {
		return s
	}
	return name
}

// decode leaves out what the library has but what decides nothing.
func decode(n *source.Node, d source.Decoder) (opossum.Params, error) {
	known := *n
	known.Members = nil
	for _, m := range n.Members {
		err := opossum.Known(m.Key)
		switch {
		case slices.Contains(inert, m.Key):
			continue
		case err == nil, m.Key == "$comment":
			known.Members = append(known.Members, m)
			continue
		}
		if err := d.Note(m.Wrong(err.Error())); err != nil {
			return opossum.Params{}, err
		}
	}
	var o options
	err := d.Decode(&known, &o)
	return o.params(), err
}

// inert are options that change no decision.
var inert = []string{
	"name", "group", "rollingPercentilesEnabled", "enableSnapshots", "rotateBucketController",
	"cacheTTL", "cacheSize", "cacheGetKey", "cacheTransport", "coalesceTTL", "coalesceSize", "coalesceResetOn",
}

func (o options) params() opossum.Params {
	p := opossum.Default()
	if o.Timeout != nil {
		p.Timeout = time.Duration(*o.Timeout) * time.Millisecond
	}
	set(&p.ErrorThresholdPercentage, o.ErrorThresholdPercentage)
	milliseconds(&p.ResetTimeout, o.ResetTimeout)
	milliseconds(&p.RollingCountTimeout, o.RollingCountTimeout)
	set(&p.RollingCountBuckets, o.RollingCountBuckets)
	set(&p.VolumeThreshold, o.VolumeThreshold)
	set(&p.Capacity, o.Capacity)
	set(&p.AllowWarmUp, o.AllowWarmUp)
	set(&p.Enabled, o.Enabled)
	return p
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func milliseconds(to *time.Duration, from *int) {
	if from != nil {
		*to = time.Duration(*from) * time.Millisecond
	}
}
