package tui

import "tripcurve/tui/screen"

// hint is for who has never been here.
const hint = "new here? ? lists the keys, K explains the words, 1-7 change the screen"

// opening is the line at the start, until the first key: what went wrong with what was
// kept, a hint for who is here for the first time, where it is recorded, else what one
// must know of the incident.
func (r *Root) opening() screen.StatusMsg {
	k := r.opts.Session
	switch {
	case k != nil && k.Note != "":
		return screen.StatusMsg{Text: k.Note, Bad: true}
	case k != nil && k.First:
		r.first = true
		return screen.StatusMsg{Text: hint}
	case r.opts.Record != "":
		return screen.StatusMsg{Text: "recording to " + r.opts.Record}
	}
	return screen.StatusMsg{Text: r.opts.Note}
}

// nextNote is what stands in the last line after a key: nothing, but after the hint for
// who is new what it stood in place of.
func (r *Root) nextNote() screen.StatusMsg {
	if !r.first {
		return screen.StatusMsg{}
	}
	r.first = false
	if r.opts.Record != "" {
		return screen.StatusMsg{Text: "recording to " + r.opts.Record}
	}
	return screen.StatusMsg{Text: r.opts.Note}
}
