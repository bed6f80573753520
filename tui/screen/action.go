package screen

// Action is one thing the user can do, by a key and by a command of the same
// name.
type Action struct {
	Name   string   // the command after ':', "sort"
	Keys   []string // as tea.KeyPressMsg.String() spells them; none: command only
	Show   string   // the keys as help shows them; empty: the first of Keys
	Help   string   // what it does, in a few words
	Arg    string   // what the command takes: "COLUMN"; empty: nothing
	Values []string // what Arg may be, for completion
	Hint   string   // label in the last line; empty: not shown there
	Foot   string   // the keys in the last line, where one hint stands for two actions; empty: as in help
}

// Label is how the action's keys are written.
func (a Action) Label() string {
	switch {
	case a.Show != "":
		return a.Show
	case len(a.Keys) > 0:
		return a.Keys[0]
	}
	return ":" + a.Name
}

// FootLabel is how the last line writes the keys.
func (a Action) FootLabel() string {
	if a.Foot != "" {
		return a.Foot
	}
	return a.Label()
}

// Moves are the movement actions that every list shares.
func Moves() []Action {
	return []Action{
		{Name: "up", Keys: []string{"k", "up"}, Show: "k/up", Help: "one row up"},
		{Name: "down", Keys: []string{"j", "down"}, Show: "j/down", Help: "one row down"},
		{Name: "top", Keys: []string{"g", "home"}, Show: "g/home", Help: "first row"},
		{Name: "bottom", Keys: []string{"G", "end"}, Show: "G/end", Help: "last row"},
		{Name: "page-up", Keys: []string{"ctrl+u", "pgup"}, Show: "ctrl+u/pgup", Help: "page up"},
		{Name: "page-down", Keys: []string{"ctrl+d", "pgdown"}, Show: "ctrl+d/pgdn", Help: "page down"},
	}
}

// TimeMoves are the actions that move the shared time cursor.
func TimeMoves() []Action {
	return []Action{
		{Name: "earlier", Keys: []string{"h", "left"}, Show: "h/left", Help: "time cursor one step back"},
		{Name: "later", Keys: []string{"l", "right"}, Show: "l/right", Help: "time cursor one step on"},
		{Name: "earlier-far", Keys: []string{"H", "shift+left"}, Show: "H", Help: "time cursor ten steps back"},
		{Name: "later-far", Keys: []string{"L", "shift+right"}, Show: "L", Help: "time cursor ten steps on"},
	}
}
