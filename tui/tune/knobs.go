package tune

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/library"
	"tripcurve/internal/redact"
	"tripcurve/tui/grid"
	"tripcurve/tui/screen"
	"tripcurve/tui/text"
)

// row is one line of the knobs: the edge, a group's head, a knob, or something to
// be read.
type row struct {
	head  string // of a group; empty for the others
	note  string // to be read; empty for the others
	lost  bool   // unfolds what the library could not keep
	edge  bool
	field policy.Field
}

// focus says whether the cursor may stand on it.
func (r row) focus() bool { return r.head == "" && r.note == "" }

// turns says whether it is a knob of the policy.
func (r row) turns() bool { return r.focus() && !r.edge && !r.lost }

// relist makes the rows of the chosen edge: its library's own parameters, then
// what belongs to the call.
func (s *Screen) relist() {
	was := s.focused().field.Name
	p := s.policy()
	var breaker, call []row
	for _, f := range policy.FieldsOf(p) {
		if f.Name == "breaker" || strings.HasPrefix(f.Name, "breaker.") {
			breaker = append(breaker, row{field: f})
			if f.Name == "breaker" {
				breaker = append(breaker, s.lostRows()...)
			}
		} else {
			call = append(call, row{field: f})
		}
	}
	s.rows = append([]row{{edge: true}, {head: "breaker" + version(p)}}, breaker...)
	s.rows = append(append(s.rows, row{head: "call"}), call...)
	if i := slices.IndexFunc(s.rows, func(r row) bool { return was != "" && r.field.Name == was }); i >= 0 {
		s.list.At = i
	}
	s.list.Clamp(len(s.rows))
	s.skipHeads(s.list.At)
	s.knobs = knobTexts{}
}

func version(p policy.Policy) string {
	if l, ok := library.ByName(p.Breaker.Library); ok {
		return "  " + l.Name + " " + l.Version
	}
	return ""
}

// roomy is how high the knobs must be for what was lost to be shown at once.
const roomy = 16

// lostRows say what the library could not keep of the one before it: one row that
// unfolds, and below it the whole sentences.
func (s *Screen) lostRows() (rows []row) {
	lost := s.lost()
	if len(lost) == 0 {
		return nil
	}
	rows = append(rows, row{lost: true})
	if !s.isUnfolded() {
		return rows
	}
	for _, l := range lost {
		lead := "- "
		for line := range grid.WrapSeq(redact.Line(l), max(20, s.layout(s.W, s.H).knobs.w-nameAt-6)) {
			rows = append(rows, row{note: lead + line})
			lead = "  "
		}
	}
	return rows
}

// skipHeads moves the focus off what cannot have it, in the direction it came
// from, or else back.
func (s *Screen) skipHeads(was int) {
	by := 1
	if s.list.At < was {
		by = -1
	}
	for _, by := range []int{by, -by} {
		for i := s.list.At; i >= 0 && i < len(s.rows); i += by {
			if s.rows[i].focus() {
				s.list.At = i
				return
			}
		}
	}
}

func (s *Screen) focused() row {
	if s.list.At < len(s.rows) {
		return s.rows[s.list.At]
	}
	return row{head: "-"}
}

// policy is the chosen edge's, now the one it had.
func (s *Screen) policy() policy.Policy { return s.edges[s.edgeName()] }
func (s *Screen) now() policy.Policy    { return s.opt.Scenario.Edges[s.edgeName()] }

// turn moves the focused knob by n steps, within the slider's range.
func (s *Screen) turn(n float64) tea.Cmd {
	r := s.focused()
	switch {
	case r.edge:
		return s.moveEdge(int(n / max(1, n, -n)))
	case r.lost:
		return s.fold(n > 0)
	case !r.turns():
		return nil
	}
	f, p := r.field, s.policy()
	if f.Name == "breaker" {
		names := libraries()
		at := max(0, slices.Index(names, f.Get(p)))
		return s.chooseLibrary(names[min(max(at+int(n), 0), len(names)-1)])
	}
	at := f.Number(p)
	to := min(max(at+n*f.Step, f.Min), f.Max)
	if at > f.Max && n > 0 || at < f.Min && n < 0 {
		to = at // typed beyond the slider: it can only come back
	}
	if to == at {
		return nil
	}
	if err := f.SetNumber(&p, to); err != nil {
		return screen.Fail(fmt.Errorf("%s: %w", f.Name, err))
	}
	return s.change(s.with(p))
}

// with is the policies with p on the chosen edge.
func (s *Screen) with(p policy.Policy) policy.Edges {
	edges := s.edges.Clone()
	edges[s.edgeName()] = p
	return edges
}

// reset gives the focused knob the value it had.
func (s *Screen) reset() tea.Cmd {
	r := s.focused()
	if !r.turns() {
		return screen.Say("R resets every knob")
	}
	p := s.policy()
	if r.field.Name == "breaker" {
		p.Breaker = s.now().Breaker
	} else if err := r.field.Set(&p, r.field.Get(s.now())); err != nil {
		return screen.Fail(fmt.Errorf("%s: %w", r.field.Name, err))
	}
	if r.field.Get(p) == r.field.Get(s.policy()) {
		return nil
	}
	return s.change(s.with(p))
}

// setPath sets one value by its path, as --set does.
func (s *Screen) setPath(arg string) tea.Cmd {
	path, value, ok := strings.Cut(arg, "=")
	if !ok {
		return screen.Fail(fmt.Errorf("set %q: write PATH=VALUE, for example %s.deadline=5s", arg, s.edgeName()))
	}
	edges := s.edges.Clone()
	if err := edges.Set(strings.TrimSpace(path), strings.TrimSpace(value)); err != nil {
		return screen.Fail(err)
	}
	return s.change(edges)
}

// startTyping opens the input on the focused knob; a switch and a choice have so
// few values that they just take the next.
func (s *Screen) startTyping() tea.Cmd {
	r := s.focused()
	f := r.field
	switch {
	case r.edge:
		return s.moveEdge(1)
	case r.lost:
		return s.fold(!s.unfold)
	case !r.turns():
		return nil
	case f.Name == "breaker":
		names := libraries()
		return s.chooseLibrary(names[(slices.Index(names, f.Get(s.policy()))+1)%len(names)])
	case f.Kind == policy.KindSwitch || f.Kind == policy.KindChoice:
		p := s.policy()
		to := f.Number(p) + 1
		if to > f.Max {
			to = f.Min
		}
		if err := f.SetNumber(&p, to); err != nil {
			return screen.Fail(fmt.Errorf("%s: %w", f.Name, err))
		}
		return s.change(s.with(p))
	}
	s.typing, s.fresh = true, true
	s.input.SetValue(f.Get(s.policy()))
	s.input.CursorEnd()
	return s.input.Focus()
}

// fold shows or hides what the library could not keep.
func (s *Screen) fold(open bool) tea.Cmd {
	s.unfold = open
	s.relist()
	return nil
}

// typed handles a key while a value is being typed.
func (s *Screen) typed(msg tea.Msg) (cmd tea.Cmd) {
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "esc":
			s.typing = false
			return nil
		case "enter":
			return s.commit()
		}
	}
	if paste, ok := msg.(tea.PasteMsg); ok {
		msg = tea.PasteMsg{Content: strings.Join(strings.Fields(paste.Content), " ")}
	}
	if s.fresh {
		s.fresh = false
		key, isKey := msg.(tea.KeyPressMsg)
		if _, pasted := msg.(tea.PasteMsg); pasted || isKey && key.Text != "" {
			s.input.SetValue("")
		}
	}
	s.input, cmd = s.input.Update(msg)
	return cmd
}

// commit takes the typed value; one that is refused stays to be corrected.
func (s *Screen) commit() tea.Cmd {
	f, p := s.focused().field, s.policy()
	if err := f.Set(&p, strings.TrimSpace(s.input.Value())); err != nil {
		return screen.Fail(fmt.Errorf("%s: %w", f.Name, err))
	}
	s.typing = false
	if f.Get(p) == f.Get(s.policy()) {
		return nil
	}
	return s.change(s.with(p))
}

// value is a knob's value for people.
func value(f policy.Field, p policy.Policy) string {
	v := f.Get(p)
	switch f.Kind {
	case policy.KindDuration:
		if v == "0s" || v == "0" {
			return "none"
		}
		return v
	case policy.KindRatio:
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			if n == 0 && f.Name == "retry_budget" {
				return "none"
			}
			return strconv.FormatFloat(100*n, 'f', -1, 64) + " %"
		}
	case policy.KindSwitch:
		if v == "true" {
			return "on"
		}
		return "off"
	case policy.KindNumber, policy.KindInteger:
		if n, err := strconv.ParseFloat(v, 64); err == nil && (n >= 1<<31-1 || n == 0 && f.Name == "max_concurrent") {
			return "no bound"
		}
		if f.Unit == "ms" || f.Unit == "s" || f.Unit == "%" {
			return v + " " + f.Unit
		}
	case policy.KindChoice, policy.KindText:
	}
	if v == "" {
		return "none"
	}
	return v
}

// limits is a slider's range for people, with its unit.
func limits(f policy.Field) string {
	if f.Kind == policy.KindChoice || f.Kind == policy.KindSwitch || f.Max <= f.Min {
		return ""
	}
	least, most, unit := f.Min, f.Max, f.Unit
	if f.Kind == policy.KindRatio {
		least, most, unit = 100*least, 100*most, "%"
	}
	return strings.TrimSpace(bound(least) + ".." + text.Number(most) + " " + unit)
}

// bound is a range's lower end; one that is nearly nothing is not written as nothing.
func bound(v float64) string {
	if v > 0 && v < 0.01 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return text.Number(v)
}
