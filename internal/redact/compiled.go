package redact

import (
	"regexp"
	"sync"
)

// compiled is an expression that is compiled when it is first asked for. The program's
// start does not wait for all of them, and most texts need few.
func compiled(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
