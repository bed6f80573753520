package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Histogram is how long the calls took that ended between one look at a counter of them
// and the next, as far as its buckets tell.
type Histogram struct {
	Name   string            // of the metric: "grpc_client_handling_seconds"
	Labels map[string]string // as of the series of its quantiles, without those of a quantile
	At     time.Time         // of the later look
	Bins   []Bin             // in order, without those that are empty; none: no call ended
	Origin Origin
}

// Bin is calls that took more than Lo and at most Hi.
type Bin struct {
	Lo, Hi float64 // s; Hi is +Inf where the histogram ends
	N      float64
}

func (Histogram) fact()            {}
func (h Histogram) Source() Origin { return h.Origin }

func (h Histogram) ID() ID { return join("histogram", h.Origin.Key(), h.key(), seconds(h.At)) }

// Count is the calls in it.
func (h Histogram) Count() (n float64) {
	for _, b := range h.Bins {
		n += b.N
	}
	return n
}

// key tells histograms of one source apart.
func (h *Histogram) key() string { return h.Name + labels(h.Labels) }

// histogram is a Histogram that knows its key.
type histogram struct {
	Histogram
	key string
}

// addHistogram takes one in; of the same instant the first counts.
func (ev *Evidence) addHistogram(h Histogram) {
	h.At = h.At.UTC()
	x := histogram{h, h.key()}
	if ev.histograms.find(&x) == nil {
		ev.histograms.insert(x)
	}
}

func compareHistograms(a, b *histogram) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return cmp.Or(strings.Compare(a.key, b.key), compareOrigins(&a.Origin, &b.Origin))
}

// EachHistogram calls f for every histogram of calls that ended in w, in order of time;
// the zero window is all of time. f must not keep or change what it gets.
func (v *View) EachHistogram(w Window, f func(*Histogram)) {
	for k, all := range spanned(v.histograms, w) {
		for i := range k.items {
			if h := &k.items[i].Histogram; all || w.Has(h.At) {
				f(h)
			}
		}
	}
}

// Coarser makes one of neighbouring bins until each spans a factor of at least by, so
// that a histogram of many fine bins has no more than a heat map can show.
func Coarser(bins []Bin, by float64) []Bin {
	var out []Bin
	for _, b := range bins {
		if n := len(out); n > 0 && b.Lo == out[n-1].Hi && out[n-1].Lo > 0 && out[n-1].Hi < out[n-1].Lo*by && b.Hi <= out[n-1].Lo*by*by {
			out[n-1].Hi = b.Hi
			out[n-1].N += b.N
			continue
		}
		out = append(out, b)
	}
	return slices.Clip(out)
}
