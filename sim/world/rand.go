package world

import (
	"math"

	"tripcurve/services/host"
	"tripcurve/sim/vtime"
)

// Stream is a stream of random numbers of its own: one per run, component and
// purpose, so that a changed policy shifts nobody else's draws.
//
// The key goes through a full mixing hash. SplitMix64 whose seed is a multiple of
// its own increment gives lagged copies of one stream, and seeds 1, 2, 3 ... times
// a constant are exactly that.
type Stream struct{ key, n uint64 }

// NewStream is the stream of that name in the run of that seed.
func NewStream(seed uint64, name string) *Stream {
	h := vtime.Mix(seed + 0x632be59bd9b4e019)
	for i := range len(name) {
		h = vtime.Mix(h^uint64(name[i])<<(8*(i%8))) + uint64(i)
	}
	return &Stream{key: vtime.Mix(h ^ uint64(len(name)))}
}

// Key is a number that depends on nothing but the stream's seed and name.
func (s *Stream) Key() uint64 { return s.key }

// unit is the upper 53 bits of x as a fraction in [0,1).
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// Float is the next draw, in [0,1).
func (s *Stream) Float() float64 {
	s.n++
	return unit(vtime.Mix(s.key + vtime.Mix(s.n)))
}

// Exp is the next draw of an exponential distribution with mean 1, by inversion:
// one uniform number each, so that streams of two policies stay aligned.
func (s *Stream) Exp() float64 { return -math.Log(1 - s.Float()) }

// At is the stream's draw for a key of the caller's (a request's step), in [0,1).
func (s *Stream) At(key uint64) float64 { return unit(vtime.Mix(s.key ^ vtime.Mix(key))) }

// Rand is the stream as handlers know it.
func (s *Stream) Rand() host.Rand { return s.Float }
