package main

import (
	"os"
	"runtime/debug"
)

// hurry lets the heap grow further between collections while something short is
// computed that somebody waits for, and returns how to stop that. Simulating the
// bundled night is a third faster so. A GOGC of the user's own is respected.
func hurry() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	old := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(old) }
}

// thrift lets the heap grow to one and a half times its live size only, until the
// result is called: whoever reads much and keeps little need not hold the rest.
func thrift() (done func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	old := debug.SetGCPercent(50)
	return func() { debug.SetGCPercent(old) }
}
