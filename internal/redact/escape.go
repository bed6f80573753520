package redact

import (
	"html"
	"strings"
)

// Markdown makes s plain text in GitHub-flavoured Markdown, in a table's cell or
// outside: nothing in it formats, links, notifies (@name), refers (#123) or
// starts HTML. Line feeds become <br>, other control characters visible.
func Markdown(s string) string {
	s = Lines(s)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\n':
			b.WriteString("<br>")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '|', '\\', '`', '*', '[', ']', '~':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '_':
			// Within a word an underscore formats nothing, and stock_reservations reads better.
			if i == 0 || i+1 == len(s) || !alphanumeric(s[i-1]) || !alphanumeric(s[i+1]) {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		case '@', '#':
			b.WriteByte(c)
			if i+1 < len(s) && (alphanumeric(s[i+1]) || s[i+1] == '_') {
				b.WriteString(apart)
			}
		case ':':
			b.WriteByte(c)
			if strings.HasPrefix(s[i:], "://") {
				b.WriteString(apart)
			}
		case '.':
			b.WriteByte(c)
			if i >= 3 && strings.EqualFold(s[i-3:i], "www") {
				b.WriteString(apart)
			}
		default:
			b.WriteByte(c)
		}
	}
	return lineStart().ReplaceAllString(b.String(), `${1}${3}\${2}${4}`)
}

// apart is an empty comment: it shows nothing, and what it parts is no mention,
// reference or link any more.
const apart = "<!-- -->"

// lineStart is what would begin a heading, a list or a rule at the start of the
// text, which is where a cell or a paragraph begins.
var lineStart = compiled(`^(?:(\s*)([#+=-])|(\s*\d+)([.)](?:\s|$)))`)

// MarkdownCode is s as a code span that may stand in a table's cell: the fence is
// longer than any run of backquotes in s.
func MarkdownCode(s string) string {
	s = Flat(s)
	if s == "" {
		return ""
	}
	longest, run := 0, 0
	for i := 0; i < len(s); i++ {
		if s[i] == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	pad := ""
	if s[0] == '`' || s[len(s)-1] == '`' {
		pad = " "
	}
	return fence + pad + strings.ReplaceAll(s, "|", `\|`) + pad + fence
}

// MarkdownComment is s for the inside of an HTML comment, which it cannot end.
func MarkdownComment(s string) string {
	return strings.NewReplacer("--", "- -", ">", "&gt;", "<", "&lt;").Replace(Line(s))
}

// CSV makes s a cell that no spreadsheet takes for a formula: one that begins
// with = + - @, also after blanks, gets an apostrophe before it. Quoting is the
// CSV writer's.
func CSV(s string) string {
	if t := strings.TrimLeft(s, " \t\r\n"); t != "" && strings.IndexByte("=+-@", t[0]) >= 0 {
		s = "'" + s
	}
	return Line(s)
}

// HTML is s as text or as the value of a quoted attribute.
func HTML(s string) string {
	return html.EscapeString(Lines(s))
}

func alphanumeric(b byte) bool { return isLetter(b) || isDigit(b) || b >= 0x80 }
