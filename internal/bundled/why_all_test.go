//go:build !race || validate

package bundled_test

// mechanisms are all of them.
var mechanisms []string
