package cause

import "flag"

// rewrite tells datadriven to rewrite its files.
func rewrite(on bool) {
	if f := flag.Lookup("rewrite"); f != nil && on {
		if err := f.Value.Set("true"); err != nil {
			panic(err)
		}
	}
}
