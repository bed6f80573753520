//go:build !race

package bundled

// truthSeeds is how many nights each row of the ground truth has.
const truthSeeds = 4

// healthyDay is how long the night without a fault lasts.
const healthyDay = "24h"
