package incident

import (
	"cmp"
	"strings"
	"time"
)

// countKind is what the counts of many intervals have in common.
type countKind struct {
	width             time.Duration
	upstream          string // of an Upstream alone
	endpoint          Endpoint
	status            int
	outcome           Outcome
	group, name, file string // of the origin
}

// kind is the one of its values.
func (ev *Evidence) kind(width time.Duration, upstream string, e Endpoint, status int, outcome Outcome, o *Origin) *countKind {
	key := countKind{width, upstream, e, status, outcome, o.Group, o.Name, o.File}
	if kind := ev.kinds[key]; kind != nil {
		return kind
	}
	kind := key
	ev.kinds[kind] = &kind
	return &kind
}

// origin is where something of the kind was read.
func (k *countKind) origin(from, to int64) Origin {
	return Origin{Group: k.group, Name: k.name, File: k.file, From: from, To: to}
}

func compareKinds(a, b *countKind) int {
	if a == b {
		return 0
	}
	return cmp.Or(cmp.Compare(a.width, b.width), strings.Compare(a.upstream, b.upstream), compareEndpoints(a.endpoint, b.endpoint),
		cmp.Compare(a.status, b.status), cmp.Compare(a.outcome, b.outcome),
		strings.Compare(a.group, b.group), strings.Compare(a.name, b.name), strings.Compare(a.file, b.file))
}
