package main

import (
	"fmt"
	"slices"
	"strings"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value   *string
	choices []string
}

func (c *choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c *choice) Set(s string) error {
	if !slices.Contains(c.choices, s) {
		return fmt.Errorf("expected one of %s", strings.Join(c.choices, ", "))
	}
	*c.value = s
	return nil
}

// Type is the words, or that it is one of them where they would push the help's
// other column off the screen.
func (c *choice) Type() string {
	if s := strings.Join(c.choices, "|"); len(s) <= 32 {
		return s
	}
	return "name"
}
