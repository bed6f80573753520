package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tripcurve/tui/glossary"
	"tripcurve/tui/screen"
	"tripcurve/tui/sheet"
)

// openSheet lays a text over the screens.
func (r *Root) openSheet(msg screen.SheetMsg) {
	r.help = nil
	r.sheet = sheet.New(msg.Title, msg.Parts)
}

// sheetKey scrolls the sheet, filters, copies or closes it.
func (r *Root) sheetKey(msg tea.KeyPressMsg) tea.Cmd {
	switch k := msg.String(); k {
	case "/":
		r.prompt.start('/', nil)
	case "y", "Y":
		return screen.Copy(r.sheet.Plain(), r.sheet.Title())
	default:
		if r.sheet.Key(k) {
			r.sheet = nil
		}
	}
	return nil
}

// filterSheet keeps the parts that match what was typed.
func (r *Root) filterSheet(text string) tea.Cmd {
	f, err := screen.ParseFilter(text)
	if err != nil {
		return screen.Fail(err)
	}
	r.sheet.Filter(f)
	return nil
}

// behind shows what the number or the line looked at rests on.
func (r *Root) behind() tea.Cmd {
	s, ok := r.screens[r.at].(screen.Sourcer)
	if !ok {
		return screen.Fail(fmt.Errorf("nothing on %s was read from a source: its numbers are simulated or follow from the other screens", r.screens[r.at].Title()))
	}
	if r.common.View == nil {
		return screen.Say("there is no evidence yet")
	}
	title, parts := s.Behind()
	if len(parts) == 0 {
		return screen.Say("no query and no line stands behind this")
	}
	return screen.Sheet(title, parts)
}

// glossary shows what words mean: with a word the terms that have it, without one those
// of the frame looked at first, and then all.
func (r *Root) glossary(word string) tea.Cmd {
	part := func(t glossary.Term) screen.Part { return screen.Part{Head: t.Head(), Text: t.Says()} }
	var parts []screen.Part
	if word != "" {
		found := glossary.Search(word)
		if len(found) == 0 {
			return screen.Fail(fmt.Errorf("no term of the glossary has %q; K shows all", word))
		}
		for _, t := range found {
			parts = append(parts, part(t))
		}
		return screen.Sheet("glossary: "+word, parts)
	}
	here := map[string]bool{}
	for _, t := range glossary.In(r.seen()) {
		here[t.Name] = true
		parts = append(parts, part(t))
	}
	for _, t := range glossary.All() {
		if !here[t.Name] {
			parts = append(parts, part(t))
		}
	}
	return screen.Sheet(fmt.Sprintf("glossary: %d terms of this screen, then the others", len(here)), parts)
}

// seen is the text of the frame drawn last.
func (r *Root) seen() string { return strings.Join(r.frame.grid.Lines(), "\n") }
