//go:build !validate

package scenario

// randomScenarios is how many of them make test runs.
const randomScenarios = 30
