package polly

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Write is c as an appsettings.json under comments of a line each, every client under
// Section by its name.
func Write(c Config, comments ...string) string {
	var b bytes.Buffer
	for _, comment := range comments {
		b.WriteString("// " + strings.Join(strings.Fields(comment), " ") + "\n")
	}
	sections := make(map[string]Options, len(c))
	for _, client := range c {
		sections[client.Name] = client.Options
	}
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	// Nothing in it can fail to be written: numbers were read and are finite.
	_ = e.Encode(map[string]map[string]Options{Section: sections})
	return b.String()
}
