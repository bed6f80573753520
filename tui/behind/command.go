package behind

import (
	"strings"
	"unicode"

	"tripcurve/internal/redact"
	"tripcurve/tui/screen"
)

// Command is a part with a command line of this program, to be copied into a shell: its
// words, and options that stand on lines of their own.
func Command(head, text string, words []string, options ...[]string) screen.Part {
	var line strings.Builder
	line.WriteString("tripcurve")
	add := func(words []string) {
		for _, w := range words {
			line.WriteString(" " + shellWord(w))
		}
	}
	add(words)
	for _, o := range options {
		line.WriteString(" \\\n ")
		add(o)
	}
	return screen.Part{Head: head, Text: text, Quote: line.String()}
}

// Sets are the options that give policies their values.
func Sets(values []string) (options [][]string) {
	for _, v := range values {
		options = append(options, []string{"--set", v})
	}
	return options
}

// plain are the characters besides letters and digits that mean nothing to a shell.
const plain = "-_./=:,%+@"

// shellWord is a word as a POSIX shell reads it, on one line.
func shellWord(w string) string {
	w = redact.Line(w)
	special := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plain, r)
	}
	if w != "" && !strings.ContainsFunc(w, special) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
