//go:build validate

package scenario

// randomScenarios is how many of them make validate runs.
const randomScenarios = 1000
