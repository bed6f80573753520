package file

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/sim/pipeline"
)

// FuzzRead: no text makes the reader panic; what it refuses it refuses with the
// file's name; what it takes is sound, can be written and read again, and can be run
// for a second.
func FuzzRead(f *testing.F) {
	f.Add(shop)
	for _, name := range ExampleNames() {
		text, _ := Example(name)
		f.Add(text)
	}
	for _, s := range []string{"", "length: 1s", "- a", "{}", "length: 60s\nservices: {a: {endpoints: {b: [{work: 1ms}]}}}\nclients: {c: {request: a.b, users: 2}}\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Read("f.yaml", text)
		if err != nil {
			var at *source.Error
			if !errors.As(err, &at) && !strings.HasPrefix(err.Error(), "f.yaml") {
				t.Fatalf("refused without a place: %v", err)
			}
			return
		}
		if err := pipeline.Check(p); err != nil {
			t.Fatalf("taken, but not sound: %v", err)
		}
		if _, err := Read("f.yaml", Write(p, nil)); err != nil {
			t.Fatalf("what is written of it is not read: %v\n%s", err, Write(p, nil))
		}
		small := len(p.Services) < 20
		for i := range p.Services {
			small = small && p.Services[i].Replicas < 20
		}
		for i := range p.Clients {
			c := &p.Clients[i]
			small = small && c.Users < 100 && c.SizeMax < 100 && len(c.Rate.Points) < 100
			for j := range c.Rate.Points {
				small = small && c.Rate.Points[j].Per <= 100
			}
		}
		if !small {
			return
		}
		p.Length = time.Second
		p.Faults = nil
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := pipeline.Run(ctx, p, pipeline.Options{}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("it cannot be run: %v", err)
		}
	})
}
