//go:build race && !validate

package bundled_test

// mechanisms under the race detector, where a night takes ten times as long: the one
// that fits, the one without which it cannot be weighed, and the other truth.
var mechanisms = []string{"dropped_flow", "backlog", "tcp_gives_up"}
