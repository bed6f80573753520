package gatewaylog

import (
	"testing"
)

// A line of whatever format, and whatever is around it, costs no allocation once
// a decoder has seen one like it.
func TestLinesAllocateNothing(t *testing.T) {
	formats, err := Formats()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range formats {
		for i, s := range f.Samples {
			if s.Error != "" {
				continue
			}
			d := NewDecoder(f)
			line := []byte(s.Line)
			var r Record
			if n := testing.AllocsPerRun(20, func() { _ = d.Decode(line, &r) }); n > 0 {
				t.Errorf("%s, sample %d: %v allocations", f.Name, i, n)
			}
		}
	}
	line := shopLines()[0]
	for _, c := range wrappings {
		var p peeler
		text := []byte(c.wrap(1, line))
		if n := testing.AllocsPerRun(20, func() { _, _, _ = p.peel(text) }); n > 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
