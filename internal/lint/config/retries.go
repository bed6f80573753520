package config

import "tripcurve/internal/formats/trap"

// The rules about the attempts at one boundary.
var retryChecks = []check{
	{
		Rule: Rule{"policy/attempts-count", trap.Note, "formats differ in whether their number of attempts counts the first one"},
		look: func(b boundary) (what, why, instead string) {
			s := speech[b.format]
			if s.attempts == "" || b.attempts() < 2 {
				return "", "", ""
			}
			counts := "leaves the first one out"
			if s.first {
				counts = "counts the first one"
			}
			return sprint("%d attempts in all", b.attempts()), s.attempts + " " + counts + "; other libraries do it the other way round", ""
		},
	},
}
