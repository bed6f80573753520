package incident

import (
	"cmp"
	"maps"
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

// histogram is a Histogram as it is kept: a day has some hundred thousand.
type histogram struct {
	of     *histogramKind
	at     int64 // unix ns
	bounds []Bin // the kind's, as they were: it goes on growing while views are read
	bins   []binCount
}

// histogramKind is what all histograms of one metric and one set of labels share.
type histogramKind struct {
	key    string
	name   string
	labels map[string]string
	origin Origin
	bins   []Bin // all that there ever were, without calls
	index  map[[2]float64]uint16
}

type binCount struct {
	bin uint16 // of the bounds
	n   float32
}

// maxBins bounds the bins of one kind; what has others is not kept.
const maxBins = 1 << 16

// addHistogram takes one in; of the same instant the first counts.
func (ev *Evidence) addHistogram(h Histogram) {
	key := h.Origin.Key() + "/" + h.key()
	of := ev.histogramKinds[key]
	if of == nil {
		of = &histogramKind{key: key, name: h.Name, labels: h.Labels, origin: h.Origin, index: map[[2]float64]uint16{}}
		ev.histogramKinds[key] = of
	}
	x := histogram{of: of, at: h.At.UnixNano(), bins: make([]binCount, 0, len(h.Bins))}
	if ev.histograms.find(&x) != nil {
		return
	}
	for _, b := range h.Bins {
		bounds := [2]float64{b.Lo, b.Hi}
		i, ok := of.index[bounds]
		if !ok {
			if len(of.bins) == maxBins {
				return
			}
			i = uint16(len(of.bins))
			of.index[bounds] = i
			of.bins = append(of.bins, Bin{Lo: b.Lo, Hi: b.Hi})
		}
		x.bins = append(x.bins, binCount{i, float32(b.N)})
	}
	x.bounds = of.bins
	ev.histograms.insert(x)
}

// forgetKinds drops the kinds of which no histogram is left: labels that change for
// ever, such as those of pods, would fill the memory.
func (ev *Evidence) forgetKinds() {
	used := map[*histogramKind]bool{}
	for _, k := range ev.histograms.list {
		for i := range k.items {
			used[k.items[i].of] = true
		}
	}
	maps.DeleteFunc(ev.histogramKinds, func(_ string, of *histogramKind) bool { return !used[of] })
}

func (h *histogram) time() time.Time { return time.Unix(0, h.at).UTC() }

// whole is the Histogram; into has room for its bins.
func (h *histogram) whole(into []Bin) Histogram {
	into = into[:0]
	for _, c := range h.bins {
		b := h.bounds[c.bin]
		b.N = float64(c.n)
		into = append(into, b)
	}
	if len(into) == 0 {
		into = nil
	}
	return Histogram{Name: h.of.name, Labels: h.of.labels, At: h.time(), Bins: into, Origin: h.of.origin}
}

func compareHistograms(a, b *histogram) int {
	return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.of.key, b.of.key))
}

// EachHistogram calls f for every histogram of calls that ended in w, in order of time;
// the zero window is all of time. What f gets is good until it returns, bins and all.
func (v *View) EachHistogram(w Window, f func(*Histogram)) {
	var room []Bin
	for k, all := range spanned(v.histograms, w) {
		for i := range k.items {
			if h := &k.items[i]; all || w.Has(h.time()) {
				x := h.whole(room)
				f(&x)
				room = x.Bins
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
