package tune

import (
	"maps"

	"tripcurve/internal/export/config"
	"tripcurve/internal/formats"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
)

// AsWritten is a setting as the file of its library holds it: written, and read back by
// the strict reader. A value that the file cannot hold beside another one (Polly's
// sampling duration below two attempts' time) is another one there. What the file has no
// word for, such as a deadline of the edge's, stays as it is. Libraries whose
// file is code take every value.
func AsWritten(edge string, p policy.Policy) (policy.Policy, error) {
	f, err := config.Render(edge, p, p.Breaker.Library, config.Origin{})
	if err != nil {
		return p, err
	}
	format, err := formats.ByName(p.Breaker.Library)
	if err != nil {
		return p, nil //nolint:nilerr // it is code
	}
	set, err := format.Import(f.Name, f.Text)
	if err != nil {
		return p, err
	}
	l, _ := library.ByName(p.Breaker.Library)
	for _, back := range set.Policies {
		hosts, pretended := p.Breaker.Params[l.Hosts]
		p.Breaker.Params = maps.Clone(back.Breaker.Params)
		if pretended && p.Breaker.Params != nil { // among how many a machine chooses is no setting
			p.Breaker.Params[l.Hosts] = hosts
		}
	}
	return p, nil
}
