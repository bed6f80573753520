package hystrix

import (
	"maps"
	"slices"
	"strings"

	"tripcurve/internal/formats/source"
)

// Write is c as a properties file, under comments of a line each: what is for all
// comes first, then commands by key, then pools.
func Write(c Config, comments ...string) string {
	var b strings.Builder
	for _, comment := range comments {
		b.WriteString("# " + source.EscapeProperty(comment, false) + "\n")
	}
	for _, key := range keys(c.Commands) {
		writeAll(&b, commandKind, key, c.Commands[key])
	}
	for _, key := range keys(c.ThreadPools) {
		writeAll(&b, poolKind, key, c.ThreadPools[key])
	}
	return b.String()
}

func keys[T any](m map[string]T) []string {
	sorted := slices.Sorted(maps.Keys(m))
	if i := slices.Index(sorted, Default); i > 0 {
		sorted = slices.Insert(slices.Delete(sorted, i, i+1), 0, Default)
	}
	return sorted
}

func writeAll(b *strings.Builder, kind, key string, s any) {
	names, texts := values(s)
	for _, name := range names {
		b.WriteString(source.EscapeProperty(prefix+kind+"."+key+"."+name, true) + "=" + source.EscapeProperty(texts[name], false) + "\n")
	}
}
