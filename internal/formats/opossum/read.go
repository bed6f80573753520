// Package opossum is the configuration of the Node library opossum as text: its
// options as plain JSON, and a module around one gRPC client. The library itself
// has no configuration file; its options are an object in code.
package opossum

import (
	"strconv"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/opossum"
)

// options is the JSON file; an absent key has the library's default.
type options struct {
	Timeout                  *limit   `json:"timeout,omitempty"` // ms
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
	for _, m := range n.Members {
		if err := opossum.Known(m.Key); err != nil {
			return opossum.Params{}, m.Wrong(err.Error())
		}
	}
	var o options
	if err := (source.Decoder{}).Decode(n, &o); err != nil {
		return opossum.Params{}, err
	}
	return o.params(), nil
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
