package tui

import (
	"math"
	"slices"
	"strings"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/theme"
)

// helpBox is the help over the screen, made from the bindings in force.
type helpBox struct {
	title  string
	groups []helpGroup
	view   viewport.Model
}

type helpGroup struct {
	title   string
	actions []screen.Action
}

// helpGroups are the actions that work here, the screen's own first; all adds
// those that are commands only.
func (r *Root) helpGroups(all bool) []helpGroup {
	own := r.own(r.at)
	global := unshadowed(r.global, own)
	title := "everywhere"
	if !all {
		own, global = withKeys(own), withKeys(global)
		title += " (:keys lists commands too)"
	}
	return []helpGroup{{"on " + r.screens[r.at].Title(), own}, {title, global}}
}

// unshadowed are the root's actions with the keys that the screen leaves to
// them; one whose keys and name are all taken is left out.
func unshadowed(global, own []screen.Action) (out []screen.Action) {
	for _, g := range global {
		free := slices.DeleteFunc(slices.Clone(g.Keys), func(k string) bool {
			return slices.ContainsFunc(own, func(a screen.Action) bool { return slices.Contains(a.Keys, k) })
		})
		named := slices.ContainsFunc(own, func(a screen.Action) bool { return a.Name == g.Name })
		if named && len(free) == 0 {
			continue
		}
		if len(free) < len(g.Keys) {
			g.Keys, g.Show = free, "" // without keys still a command
		}
		out = append(out, g)
	}
	return out
}

func withKeys(list []screen.Action) (out []screen.Action) {
	for _, a := range list {
		if len(a.Keys) > 0 {
			out = append(out, a)
		}
	}
	return out
}

// openHelp lays the groups out for the present size: side by side where there
// is room.
func (r *Root) openHelp(title string, groups []helpGroup) {
	w, h := r.common.W-6, r.common.H-r.chrome()-3
	blocks := make([]string, len(groups))
	commands := title == "all keys and commands"
	for i, g := range groups {
		blocks[i] = g.render(commands, math.MaxInt)
	}
	content := lipgloss.JoinHorizontal(lipgloss.Top, spaced(blocks)...)
	if lipgloss.Width(content) > w {
		for i, g := range groups {
			blocks[i] = g.render(commands, w)
		}
		content = strings.Join(blocks, "\n\n")
	}
	v := viewport.New(viewport.WithWidth(max(0, w)), viewport.WithHeight(max(0, h)))
	v.SetContent(content)
	if r.help != nil {
		v.SetYOffset(r.help.view.YOffset())
	}
	r.help = &helpBox{title: title, groups: groups, view: v}
}

func spaced(blocks []string) (out []string) {
	for i, b := range blocks {
		if i > 0 {
			out = append(out, "    ")
		}
		out = append(out, b)
	}
	return out
}

// render is the group as bubbles' help writes it: keys bold, the rest plain,
// which styled turns into our own styles; what does not fit into w columns goes on in
// the next line.
func (g helpGroup) render(commands bool, w int) string {
	h := help.New()
	h.Styles = help.Styles{FullKey: lipgloss.NewStyle().Bold(true)}
	bindings := make([]key.Binding, len(g.actions))
	widest := 0
	for _, a := range g.actions {
		widest = max(widest, len(a.Label()))
	}
	for i, a := range g.actions {
		label, what := a.Label(), a.Help
		if commands {
			what = strings.TrimSpace(":"+a.Name+" "+a.Arg) + "  " + what
			if len(a.Keys) == 0 {
				label = "-"
			}
		}
		lines := slices.Collect(grid.WrapSeq(what, max(1, w-widest-1)))
		label += strings.Repeat("\n", max(0, len(lines)-1))
		what = strings.Join(lines, "\n")
		bindings[i] = key.NewBinding(key.WithKeys(append(a.Keys, a.Name)...), key.WithHelp(label, what))
	}
	return lipgloss.NewStyle().Underline(true).Render(g.title) + "\n" + h.FullHelpView([][]key.Binding{bindings})
}

// styled gives our styles to what the widgets of bubbles wrote.
func styled(params string) grid.Style {
	switch {
	case strings.HasPrefix(params, "1"):
		return theme.Key
	case strings.HasPrefix(params, "4"):
		return theme.Head
	case strings.HasPrefix(params, "2"):
		return theme.Dim
	case strings.HasPrefix(params, "3"):
		return theme.Accent
	}
	return theme.Text
}

// helpKey scrolls the help or closes it.
func (r *Root) helpKey(msg tea.KeyPressMsg) {
	switch msg.String() {
	case "?", "f1", "esc", "q", "enter":
		r.help = nil
	case "g", "home":
		r.help.view.GotoTop()
	case "G", "end":
		r.help.view.GotoBottom()
	default:
		r.help.view, _ = r.help.view.Update(msg)
	}
}

func (r *Root) drawHelp(c *grid.Canvas) {
	f := r.common.Set().Frame
	c.Box(1, 0, c.W()-2, c.H(), f, theme.Faint)
	c.Text(3, 0, theme.Accent, " "+r.help.title+" ")
	foot := " esc closes "
	if !r.help.view.AtBottom() || !r.help.view.AtTop() {
		foot = " j/k scroll, esc closes "
	}
	c.Right(c.W()-3, c.H()-1, theme.Dim, foot)
	inner := c.Sub(3, 1, c.W()-6, c.H()-2)
	inner.Styled(0, 0, r.help.view.View(), styled)
}
