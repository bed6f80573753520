//go:build race

package bundled

// The race detector makes a night some ten times as long.
const truthSeeds = 1

// healthyDay is how long the night without a fault lasts.
const healthyDay = "1h"
