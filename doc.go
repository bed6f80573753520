// Package tripcurve is the root of the house; the program is cmd/tripcurve.
// Only arch_test.go lives here: it holds the import table of ARCHITECTURE.md.
package tripcurve
