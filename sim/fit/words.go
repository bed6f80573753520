package fit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/policy"
)

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

func whole(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

func things(n float64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return whole(n) + " " + many
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }

func duration(d time.Duration) string { return policy.FormatDuration(d) }

// rounded keeps so many digits.
func rounded(v float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// plain is a name as a pipeline can have it: letters, digits and what joins them.
func plain(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, text)
	for strings.Contains(name, "__") {
		name = strings.ReplaceAll(name, "__", "_")
	}
	name = strings.Trim(name, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "x" + name
	}
	return name
}

// nameEndpoints gives every endpoint a name of its own.
func (r *recording) nameEndpoints() {
	taken := map[string]bool{}
	for _, e := range r.endpoints {
		name := plain(strings.ToLower(e.Endpoint.Method) + " " + e.Endpoint.Route)
		e.name = name
		for n := 2; taken[e.name]; n++ {
			e.name = fmt.Sprintf("%s_%d", name, n)
		}
		taken[e.name] = true
	}
}
