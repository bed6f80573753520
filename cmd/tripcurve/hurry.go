package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
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

// calmFor is the longest that garbage lies before the first frame: a terminal that nobody
// reads never shows it.
const calmFor = 200 * time.Millisecond

// calm lets garbage lie until the result is called, which may be called again, or for
// calmFor: a collection before the first frame would delay it, and find little.
func calm() (done func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	old := debug.SetGCPercent(-1)
	collect := sync.OnceFunc(func() { debug.SetGCPercent(old) })
	timer := time.AfterFunc(calmFor, collect)
	return func() {
		timer.Stop()
		collect()
	}
}

// muchHeld is how much must live for spare to do something, in bytes.
const muchHeld = 16 << 20

// spare is thrift from now on, if what was read is so much that as much again beside
// it would be memory for nothing: most of it is packed, and takes a collection
// milliseconds.
func spare() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(live); os.Getenv("GOGC") == "" && live[0].Value.Uint64() > muchHeld {
		debug.SetGCPercent(50)
	}
}

// roomForKeys lets one more goroutine run than there are processors, until the result is
// called: reading a large file and collecting its garbage would take all places for
// seconds, and a key wait for one. The system gives a processor to what has slept.
func roomForKeys() (done func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	old := runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	return func() { runtime.GOMAXPROCS(old) }
}
