package glyph

import "strings"

// Detect is the level that the environment promises: no UTF-8 locale gives
// ASCII, the Linux console's font has blocks but no braille.
func Detect(env func(string) string) Level {
	locale := env("LC_ALL")
	if locale == "" {
		locale = env("LC_CTYPE")
	}
	if locale == "" {
		locale = env("LANG")
	}
	locale = strings.ToLower(strings.ReplaceAll(locale, "-", ""))
	switch {
	case !strings.Contains(locale, "utf8"):
		return ASCII
	case env("TERM") == "linux":
		return Block
	}
	return Braille
}
