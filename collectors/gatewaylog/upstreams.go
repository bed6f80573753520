package gatewaylog

import (
	"bytes"
	"encoding/binary"

	"tripcurve/internal/incident"
)

const (
	// maxUpstreams is how many of one log are told apart; what comes beyond is counted
	// together. A day of a busy cluster has more addresses than anybody reads.
	maxUpstreams = 128
	// maxUpstreamName bounds a name, in bytes.
	maxUpstreamName = 128
	// upstreamSlots is how many ways to write upstreams are remembered.
	upstreamSlots = 256
)

// upstreams numbers the upstreams of one log, from 1; nil for one that names none.
type upstreams struct {
	names   []string
	numbers map[string]int32
	slots   [upstreamSlots]upstreamSlot
}

// upstreamSlot is an upstream as a line has it.
type upstreamSlot struct {
	text   []byte // the address, or addresses of all tries
	number int32
}

func newUpstreams() *upstreams { return &upstreams{numbers: map[string]int32{}} }

// of is the number of the upstream that answered, or was asked last; 0 when the line
// does not say.
func (u *upstreams) of(r *Record) int32 {
	if len(r.Cluster) > 0 || len(r.Upstream) == 0 {
		return u.number(upstreamName(r))
	}
	s := &u.slots[slotOf(r.Upstream)]
	if !bytes.Equal(s.text, r.Upstream) {
		s.text = append(s.text[:0], r.Upstream...)
		s.number = u.number(upstreamName(r))
	}
	return s.number
}

// slotOf is by the end of a text, where addresses differ.
func slotOf(b []byte) uint8 {
	const odd = 0x9e3779b97f4a7c15 // spreads over the highest bits
	var x uint64
	if n := len(b); n >= 8 {
		x = binary.LittleEndian.Uint64(b[n-8:])
	} else {
		for _, c := range b {
			x = x<<8 | uint64(c)
		}
	}
	return uint8((x ^ uint64(len(b))) * odd >> 56)
}

// number is that of a name; 0 of the empty one.
func (u *upstreams) number(name []byte) int32 {
	if n, ok := u.numbers[string(name)]; ok || len(name) == 0 {
		return n
	}
	if len(u.names) >= maxUpstreams && string(name) != incident.OtherUpstreams {
		return u.number([]byte(incident.OtherUpstreams))
	}
	u.names = append(u.names, string(name))
	n := int32(len(u.names))
	u.numbers[string(name)] = n
	return n
}

// name is the one of a number; empty of 0.
func (u *upstreams) name(number int32) string {
	if number == 0 {
		return ""
	}
	return u.names[number-1]
}

// named says whether the lines name any: where they have none but a dash for it, they
// do not tell upstreams apart.
func (u *upstreams) named() bool {
	return u != nil && (len(u.names) > 1 || len(u.names) == 1 && u.names[0] != incident.NoUpstream)
}

// take makes numbers of another one's upstreams.
func (u *upstreams) take(o *upstreams) []int32 {
	numbers := make([]int32, len(o.names)+1)
	for i, name := range o.names {
		numbers[i+1] = u.number([]byte(name))
	}
	return numbers
}

// upstreamName is the address of the last try; with its cluster in front where it is a
// server's name and no address, as HAProxy writes them; else the cluster. Of requests
// that asked none it is incident.NoUpstream, and which cluster, where that is known.
func upstreamName(r *Record) []byte {
	addr, _ := lastTry(r.Upstream)
	if _, rest, ok := bytes.Cut(addr, []byte("://")); ok { // Traefik writes a URL
		addr = rest
	}
	addr, cluster := cut(addr), cut(r.Cluster)
	switch {
	case len(addr) > 0 && (len(cluster) == 0 || bytes.ContainsAny(addr, ".:/")):
		return addr
	case len(addr) > 0:
		return bytes.Join([][]byte{cluster, addr}, []byte("/"))
	case !r.NoUpstream:
		return cluster
	case len(cluster) == 0:
		return []byte(incident.NoUpstream)
	}
	return append(append(bytes.Clone(cluster), ' '), incident.NoUpstream...)
}

func cut(b []byte) []byte { return b[:min(len(b), maxUpstreamName)] }

// namesUpstreams says whether lines of the format say which upstream was asked.
func (f *Format) namesUpstreams() bool {
	if f.has(upstreamAddrField) || f.has(clusterField) {
		return true
	}
	for _, r := range f.relatives {
		if r.has(upstreamAddrField) || r.has(clusterField) {
			return true
		}
	}
	return false
}
