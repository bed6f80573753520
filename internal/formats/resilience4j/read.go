package resilience4j

import (
	"strings"

	"tripcurve/internal/formats/source"
)

// Read reads the part of an application.yml under resilience4j. Everything else in
// it is somebody else's.
func Read(file, text string) (Config, error) {
	docs, err := source.YAML(file, text)
	if err != nil {
		return Config{}, err
	}
	var found *source.Node
	for _, d := range docs {
		for _, m := range d.Members {
			switch {
			case strings.HasPrefix(m.Key, "resilience4j."):
				return Config{}, m.Wrong("a dotted key: write resilience4j: and nest the rest under it")
			case m.Key != "resilience4j":
			case found != nil:
				return Config{}, m.Wrong("resilience4j a second time, in another document: read one profile at a time")
			default:
				found = m.Value
			}
		}
	}
	if found == nil {
		return Config{}, &source.Error{File: file, Found: "no resilience4j in it", Want: "an application.yml with resilience4j:"}
	}
	var c Config
	if err := (source.Decoder{Relaxed: true}).Decode(found, &c); err != nil {
		return Config{}, err
	}
	for _, m := range found.Members {
		if source.Relax(m.Key) == "circuitbreaker" {
			if err := exclusive(m.Value); err != nil {
				return Config{}, err
			}
		}
	}
	return c, nil
}

// exclusive: a breaker's open time either grows or is randomised; both together
// stop the application at start. (A retry may have both.)
func exclusive(n *source.Node) error {
	on := map[string]*source.Node{}
	for _, m := range n.Members {
		switch key := source.Relax(m.Key); key {
		case "enableexponentialbackoff", "enablerandomizedwait":
			if m.Value.Text == "true" {
				on[key] = m.Value
			}
		default:
			if err := exclusive(m.Value); err != nil {
				return err
			}
		}
	}
	if len(on) == 2 {
		return on["enablerandomizedwait"].Errorf("one of the two: the application does not start", "enableRandomizedWait beside enableExponentialBackoff")
	}
	return nil
}
