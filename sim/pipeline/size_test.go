package pipeline

import (
	"testing"
	"time"
	"unsafe"
)

// TestObjectsFillWholeCacheLines: at 100,000 live requests the time goes into
// fetching them from memory, so a field more is a decision.
func TestObjectsFillWholeCacheLines(t *testing.T) {
	for name, size := range map[string][2]uintptr{
		"frame":   {unsafe.Sizeof(frame{}), 256},
		"call":    {unsafe.Sizeof(call{}), 64},
		"try":     {unsafe.Sizeof(try{}), 64},
		"session": {unsafe.Sizeof(session{}), 64},
	} {
		if size[0] != size[1] {
			t.Errorf("a %s has %d bytes, want %d", name, size[0], size[1])
		}
	}
	if hot := unsafe.Offsetof(frame{}.forks); hot > 128 {
		t.Errorf("what every request needs of a frame takes %d bytes", hot)
	}
}

// TestTooManyEndpoints: one more than a try has numbers for would be taken for another one.
func TestTooManyEndpoints(t *testing.T) {
	p := &Pipeline{
		Length:   time.Minute,
		Services: []Service{{Name: "web", Endpoints: []Endpoint{{Name: "buy"}}}, {Name: "stock", Endpoints: make([]Endpoint, maxEndpoints)}},
		Clients:  []Client{{Name: "shoppers"}},
	}
	const want = "services.stock.endpoints: found 65536 endpoints, expected 65535 at most, of all services"
	if err := Check(p); err == nil || err.Error() != want {
		t.Errorf("found %v, want %s", err, want)
	}
}
