package claims

import "fmt"

// PostgreSQL's defaults of max_connections and superuser_reserved_connections.
const (
	defaultConnections = 100
	defaultReserved    = 3
)

// checkCapacity is rule 11: sessions that wait and those that hold have room
// among the server's connections.
func checkCapacity(s *scope) []finding {
	o := s.claim.Operands
	waiting, ok := o.Number("waiting")
	if !ok {
		return nil
	}
	holders, _ := o.Number("holders")
	most, stated := o.Number("max_connections")
	reserved, has := o.Number("reserved")
	if !stated {
		if most, ok = o.Number("max_connections_default"); !ok {
			most = defaultConnections
		}
	}
	if !has {
		if reserved, has = o.Number("reserved_default"); !has {
			reserved = defaultReserved
		}
	}
	sessions, room := waiting+holders, most-reserved
	f := finding{verdict: Consistent, parts: []string{
		fmt.Sprintf("%s + %s = %s", plain(waiting), plain(holders), plain(sessions)),
		fmt.Sprintf("%s - %s = %s", plain(most), plain(reserved), plain(room)),
	}}
	switch fits := sessions <= room; {
	case fits && stated:
		f.parts = append(f.parts, fmt.Sprintf("%s <= %s", plain(sessions), plain(room)))
		f.why = "there is room"
	case fits:
		f.why = "there is room even on the defaults"
	case stated:
		f.parts = append(f.parts, fmt.Sprintf("%s > %s", plain(sessions), plain(room)))
		f.verdict, f.why = Inconsistent, "the server takes fewer"
	default:
		f.verdict, f.why, f.needs = NeedsEvidence, "impossible on the defaults; max_connections is not stated", []string{"max_connections of the server"}
	}
	return []finding{f}
}
