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
// result is called, and unmaps what only the start needed: whoever reads much and keeps
// little need not hold the rest.
func thrift() (done func()) {
	unmapStart()
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

// headroom is how much garbage may lie beside what lives, in bytes, before it is collected.
const headroom = 8 << 20

// spare sets, from now on, how far the heap may grow by what lives now: by headroom, but no
// less than half of it, for what is simulated on the screens pays for each collection, and
// no more than as much again, as Go itself lets it. Most of what was read is packed, and
// takes a collection milliseconds.
func spare() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(live); os.Getenv("GOGC") == "" {
		debug.SetGCPercent(sparePercent(live[0].Value.Uint64()))
	}
}

func sparePercent(live uint64) int {
	return int(min(100, max(50, headroom*100/max(1, live))))
}

// tidy gives back to the system what the start and the reading took and nobody needs any
// more: as much again as is kept, and the next collection may be hours away.
func tidy() {
	debug.FreeOSMemory()
	unmapStart()
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
