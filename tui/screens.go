package tui

import (
	"tripcurve/tui/gateway"
	"tripcurve/tui/locks"
	"tripcurve/tui/overview"
	"tripcurve/tui/screen"
)

// screens is the table of screens in the order of their tabs.
func screens(o Options) []screen.Screen {
	return []screen.Screen{
		overview.New(),
		locks.New(),
		gateway.New(),
	}
}
