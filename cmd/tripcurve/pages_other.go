//go:build !linux

package main

// unmapStart is Linux's alone.
func unmapStart() {}
