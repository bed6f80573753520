package file

import (
	"embed"
	"path"
	"strings"
)

//go:embed examples/*.yaml
var examples embed.FS

// ExampleNames are the bundled examples, sorted.
func ExampleNames() []string {
	entries, err := examples.ReadDir("examples")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Example is the text of a bundled one; false when there is none of that name.
func Example(name string) (string, bool) {
	b, err := examples.ReadFile(path.Join("examples", name+".yaml"))
	return string(b), err == nil
}
