package grid

import "strings"

// Styled writes lines that carry SGR, as the widgets of bubbles render them,
// from (x, y) on. of gives the style for the parameters of the sequence in
// force, "" after a reset; other escape sequences are dropped.
func (c *Canvas) Styled(x, y int, s string, of func(params string) Style) {
	style := of("")
	at := x
	for s != "" {
		i := strings.IndexAny(s, "\x1b\n")
		if i < 0 {
			c.Text(at, y, style, s)
			return
		}
		at = c.Text(at, y, style, s[:i])
		if s[i] == '\n' {
			s, at, y = s[i+1:], x, y+1
			continue
		}
		s = s[i+1:]
		if !strings.HasPrefix(s, "[") {
			continue
		}
		end := strings.IndexFunc(s[1:], func(r rune) bool { return r >= '@' && r <= '~' })
		if end < 0 {
			return
		}
		if params := s[1 : 1+end]; s[1+end] == 'm' {
			style = of(strings.TrimPrefix(params, "0"))
		}
		s = s[end+2:]
	}
}
