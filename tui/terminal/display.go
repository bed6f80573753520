package terminal

import (
	"bytes"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// display turns views into what a terminal must be sent: modes that change, then the cells
// that differ. It does no I/O.
type display struct {
	env     []string
	profile colorprofile.Profile
	w, h    int         // of the terminal, in cells
	whole   bool        // the terminal shows whole frames only (mode 2026)
	console bool        // it is Linux's own
	method  ansi.Method // how it measures what it is sent

	cells uv.ScreenBuffer
	diff  *uv.TerminalRenderer
	out   bytes.Buffer // what diff has found
	shown *tea.View    // nil: the terminal is as the shell left it
	stale bool         // the terminal's cells are not those of shown: its size has changed
	core  bool         // it was told to measure by graphemes (mode 2027)
}

// resize makes the next frame a whole one: terminals move what they show when their size
// changes, each in its own way.
func (d *display) resize(w, h int) {
	d.w, d.h, d.stale = w, h, true
}

func (d *display) setProfile(p colorprofile.Profile) {
	if p == d.profile {
		return
	}
	d.profile, d.stale = p, true
	if d.diff != nil {
		d.diff.SetColorProfile(p)
	}
}

// frame appends what makes the terminal show v; nothing when it does. The first one enters
// the alternate screen.
func (d *display) frame(dst []byte, v tea.View) []byte {
	first := d.shown == nil
	if !first && !d.stale && same(d.shown, &v) {
		return dst
	}
	if first {
		dst = d.enter(dst)
	} else if d.stale {
		d.diff.Resize(d.w, d.h)
		d.diff.Erase()
	}
	d.stale = false

	was := tea.View{}
	if !first {
		was = *d.shown
	}
	dst = d.modes(dst, was, v)
	d.draw(was.Content, v.Content)
	d.diff.Render(d.cells.RenderBuffer)
	if v.Cursor != nil {
		d.diff.MoveTo(v.Cursor.X, v.Cursor.Y)
	}
	_ = d.diff.Flush() // into memory
	dst = d.cursor(dst, first, was.Cursor != nil, v.Cursor != nil)
	d.shown = &v
	return dst
}

// The title of a window is kept by the terminal meanwhile, where it can.
var (
	pushTitle = ansi.WindowOp(22, 2)
	popTitle  = ansi.WindowOp(23, 2)
)

// enter appends what takes the terminal over, and forgets what it showed.
func (d *display) enter(dst []byte) []byte {
	d.out.Reset()
	d.diff = uv.NewTerminalRenderer(&d.out, d.env)
	d.diff.SetColorProfile(d.profile)
	d.diff.SetTabStops(-1) // they are the shell's, who may have set others
	d.diff.SetScrollOptim(true)
	d.diff.SetRelativeCursor(false)
	d.diff.SetFullscreen(true)
	d.diff.Resize(d.w, d.h)
	d.diff.Erase()
	d.cells.RenderBuffer = nil
	// Terminals keep the keyboard's modes for each of their two screens.
	dst = append(dst, ansi.SetModeAltScreenSaveCursor+ansi.SetModeBracketedPaste...)
	if !d.console { // which, up to Linux 5.7, prints the end of what has a > or a < in it
		dst = append(dst, pushTitle+ansi.SetModifyOtherKeys2...)
		dst = append(dst, ansi.PushKittyKeyboard(ansi.KittyDisambiguateEscapeCodes)...)
	}
	if d.method == ansi.GraphemeWidth {
		dst = append(dst, ansi.SetModeUnicodeCore...)
		d.diff.SetGraphemeWidth(true)
		d.core = true
	}
	return dst
}

// draw makes the cells those of content, where they were those of was. Only lines that differ
// are drawn: reading a whole frame takes far longer than what a key changes of it.
func (d *display) draw(was, content string) {
	if d.cells.RenderBuffer == nil || d.cells.Width() != d.w || d.cells.Height() != d.h {
		d.cells = uv.NewScreenBuffer(d.w, d.h)
		d.cells.Method = d.method
		d.drawAll(content)
		return
	}
	for y, a, b := 0, was, content; y < d.h; y++ {
		var old, line string
		old, a, _ = strings.Cut(a, "\n")
		line, b, _ = strings.Cut(b, "\n")
		if !closed(old) || !closed(line) {
			d.drawAll(content)
			return
		}
		if old != line {
			uv.NewStyledString(fit(line, d.method)).Draw(d.cells, uv.Rect(0, y, d.w, 1))
		}
	}
}

func (d *display) drawAll(content string) {
	uv.NewStyledString(fit(content, d.method)).Draw(d.cells, d.cells.Bounds())
}

// closed says whether a line leaves no style to the next one, as those of a grid do.
func closed(line string) bool {
	return strings.HasSuffix(line, ansi.ResetStyle) || strings.HasSuffix(line, "\x1b[0m") || !strings.Contains(line, "\x1b")
}

// modes appends what the terminal must be told besides cells.
func (d *display) modes(dst []byte, was, v tea.View) []byte {
	if v.MouseMode != was.MouseMode {
		dst = append(dst, mouse(v.MouseMode)...)
	}
	if v.WindowTitle != was.WindowTitle && !d.console {
		dst = append(dst, ansi.SetWindowTitle(v.WindowTitle)...)
	}
	return dst
}

func mouse(m tea.MouseMode) string {
	off := ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseAnyEvent + ansi.ResetModeMouseExtSgr
	switch m {
	case tea.MouseModeCellMotion:
		return ansi.ResetModeMouseAnyEvent + ansi.SetModeMouseButtonEvent + ansi.SetModeMouseExtSgr
	case tea.MouseModeAllMotion:
		return ansi.SetModeMouseAnyEvent + ansi.SetModeMouseExtSgr
	default:
		return off
	}
}

// cursor appends the cells that differ between what keeps the terminal from showing them
// one by one, or the cursor that draws them.
func (d *display) cursor(dst []byte, first, was, is bool) []byte {
	cells := d.out.Len() > 0
	whole := d.whole && cells
	hide := (was || first) && !is || was && cells && !whole
	if whole {
		dst = append(dst, ansi.SetModeSynchronizedOutput...)
	}
	if hide {
		dst = append(dst, ansi.ResetModeTextCursorEnable...)
	}
	dst = append(dst, d.out.Bytes()...)
	d.out.Reset()
	if is && (hide || !was) {
		dst = append(dst, ansi.SetModeTextCursorEnable...)
	}
	if whole {
		dst = append(dst, ansi.ResetModeSynchronizedOutput...)
	}
	return dst
}

// leave appends what gives the terminal back; nothing when it never was taken.
func (d *display) leave(dst []byte) []byte {
	if d.shown == nil {
		return dst
	}
	if d.shown.MouseMode != tea.MouseModeNone {
		dst = append(dst, mouse(tea.MouseModeNone)...)
	}
	if !d.console {
		if d.shown.WindowTitle != "" {
			dst = append(dst, ansi.SetWindowTitle("")...) // where none was kept
		}
		dst = append(dst, popTitle...)
		dst = append(dst, ansi.ResetModifyOtherKeys+ansi.PopKittyKeyboard(1)...)
	}
	if d.core {
		dst, d.core = append(dst, ansi.ResetModeUnicodeCore...), false
	}
	// A terminal without an alternate screen is left with its cursor below the frame.
	dst = append(dst, ansi.ResetModeBracketedPaste+ansi.CursorPosition(1, max(1, d.h))...)
	dst = append(dst, ansi.ResetModeAltScreenSaveCursor+ansi.SetModeTextCursorEnable...)
	d.shown = nil
	return dst
}

// byGraphemes makes widths those of grapheme clusters, as the terminal says it measures.
func (d *display) byGraphemes(dst []byte) []byte {
	if d.method == ansi.GraphemeWidth {
		return dst
	}
	d.method, d.stale = ansi.GraphemeWidth, true
	if d.shown == nil {
		return dst
	}
	d.core, d.cells.RenderBuffer = true, nil
	d.diff.SetGraphemeWidth(true)
	return append(dst, ansi.SetModeUnicodeCore...)
}

// same says whether two views look the same; only what our screens set of one is compared.
func same(a, b *tea.View) bool {
	if a.Content != b.Content || a.WindowTitle != b.WindowTitle || a.MouseMode != b.MouseMode || (a.Cursor == nil) != (b.Cursor == nil) {
		return false
	}
	return a.Cursor == nil || a.Cursor.Position == b.Cursor.Position
}
