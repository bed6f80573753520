package otlp

import "google.golang.org/protobuf/encoding/protowire"

// maxMessages bounds how many messages lie in one: an empty one is two bytes on the
// wire and a hundred in memory. 4 MiB of real points have some 400,000.
const maxMessages = 500_000

// shape is which fields of a message are messages.
type shape map[protowire.Number]shape

// requestShape is an ExportMetricsServiceRequest.
var requestShape = func() shape {
	value, leaf := shape{}, shape{}
	pair := shape{2: value}
	value[5], value[6] = shape{1: value}, shape{1: pair}
	exemplar := shape{7: pair}
	number := shape{1: {7: pair, 5: exemplar}}
	return shape{1: {
		1: {1: pair, 3: leaf},
		2: {
			1: {3: pair},
			2: {
				5: number, 7: number,
				9:  {1: {9: pair, 8: exemplar}},
				10: {1: {1: pair, 8: leaf, 9: leaf, 11: exemplar}},
				11: {1: {7: pair, 6: leaf}},
				12: pair,
			},
		},
	}}
}()

// fits says whether a message has at most left messages in it, none deeper than
// maxDepth; left is what remains. What is no protobuf fits: it is refused when it is
// decoded.
func (s shape) fits(b []byte, depth int, left *int) bool {
	if depth > maxDepth {
		return false
	}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return true
		}
		b = b[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
				return true
			}
			b = b[n:]
			continue
		}
		inner, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return true
		}
		b = b[n:]
		of, message := s[number]
		if !message {
			continue
		}
		if *left--; *left < 0 || !of.fits(inner, depth+1, left) {
			return false
		}
	}
	return true
}
