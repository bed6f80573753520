package incident

import (
	"slices"
	"strings"
)

// Facts is everything that the view shows, as facts that rebuild it when they
// are added to empty evidence.
func (v *View) Facts() []Fact {
	var all []Fact
	for _, b := range v.Buckets() {
		all = append(all, b)
	}
	for _, l := range v.Latencies() {
		all = append(all, l)
	}
	for _, e := range v.Episodes() {
		all = append(all, e)
	}
	for _, s := range v.AllSeries() {
		all = append(all, *s)
	}
	for _, x := range v.Exemplars() {
		all = append(all, x)
	}
	for _, c := range v.Changes() {
		all = append(all, c)
	}
	return all
}

// Files are the content-based identities of the files of one group that the
// evidence was read from, sorted.
func (v *View) Files(group string) []string {
	seen := map[string]bool{}
	note := func(o Origin) {
		if o.Group == group && o.File != "" {
			seen[o.File] = true
		}
	}
	for _, b := range v.Buckets() {
		note(b.Origin)
	}
	for _, x := range v.Exemplars() {
		note(x.Origin)
	}
	files := make([]string, 0, len(seen))
	for f := range seen {
		files = append(files, f)
	}
	slices.SortFunc(files, strings.Compare)
	return files
}
