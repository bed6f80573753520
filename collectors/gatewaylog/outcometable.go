package gatewaylog

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"tripcurve/internal/incident"
)

// outcomeTable is how the flags, details and statuses of one kind of gateway
// read. The zero table knows statuses alone.
type outcomeTable struct {
	flags     map[string]incident.Outcome
	last      map[string]incident.Outcome // flags that count when no other says why
	separator byte                        // between several flags; 0 when there is only one
	width     int                         // how many bytes of the flags count; 0 for all
	details   []detailRule                // the first that fits counts
	statuses  map[int]incident.Outcome
	// Without an upstream: by status and by flag.
	unserved      map[int]incident.Outcome
	unservedFlags map[string]incident.Outcome
	// upstreamSpeaks says that the upstream's status is what the upstream really
	// said: a 5xx that it shares with the one sent is the application's.
	upstreamSpeaks bool
}

// detailRule reads details that begin so, and hold so, on statuses from one on.
type detailRule struct {
	begins, holds string
	from          int
	outcome       incident.Outcome
}

// outcomeFile is a table as its data file has it.
type outcomeFile struct {
	Why            string             `json:"why"`  // for whoever reads the file
	Like           string             `json:"like"` // the table that this one adds to
	Flags          map[string]outcome `json:"flags"`
	Separator      string             `json:"separator"`
	Width          int                `json:"width"`
	Last           map[string]outcome `json:"last"`
	Details        []outcomeFileRule  `json:"details"`
	Statuses       map[int]outcome    `json:"statuses"`
	Unserved       map[int]outcome    `json:"unserved"`
	UnservedFlags  map[string]outcome `json:"unserved_flags"`
	UpstreamSpeaks bool               `json:"upstream_speaks"`
}

type outcomeFileRule struct {
	Begins string  `json:"begins"`
	Holds  string  `json:"holds"`
	From   int     `json:"from"`
	Is     outcome `json:"is"`
}

// outcome is an incident.Outcome by its name.
type outcome incident.Outcome

func (o *outcome) UnmarshalText(text []byte) error {
	known, ok := incident.ParseOutcome(string(text))
	if !ok {
		return fmt.Errorf("%q is no outcome", text)
	}
	*o = outcome(known)
	return nil
}

//go:embed outcomes/*.json
var outcomeFiles embed.FS

var outcomeTables = sync.OnceValues(func() (map[string]*outcomeTable, error) { return loadOutcomes(outcomeFiles) })

// loadOutcomes reads every table; one that is like another comes behind it in
// the order of names.
func loadOutcomes(files fs.FS) (map[string]*outcomeTable, error) {
	names, err := fs.Glob(files, "outcomes/*.json")
	if err != nil {
		return nil, err
	}
	all := map[string]*outcomeTable{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var f outcomeFile
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t := new(outcomeTable)
		if f.Like != "" {
			base := all[f.Like]
			if base == nil {
				return nil, fmt.Errorf("%s: like %q, which does not come before it", name, f.Like)
			}
			*t = *base
		}
		if err := t.fill(&f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[strings.TrimSuffix(path.Base(name), ".json")] = t
	}
	return all, nil
}

// fill puts what the file says over what the table has.
func (t *outcomeTable) fill(f *outcomeFile) error {
	if f.Why == "" {
		return fmt.Errorf("why is missing")
	}
	if len(f.Separator) > 1 {
		return fmt.Errorf("separator %q: one byte", f.Separator)
	}
	if f.Separator != "" {
		t.separator = f.Separator[0]
	}
	if f.Width > 0 {
		t.width = f.Width
	}
	t.upstreamSpeaks = t.upstreamSpeaks || f.UpstreamSpeaks
	t.flags = laid(t.flags, f.Flags)
	t.last = laid(t.last, f.Last)
	t.statuses = laid(t.statuses, f.Statuses)
	t.unserved = laid(t.unserved, f.Unserved)
	t.unservedFlags = laid(t.unservedFlags, f.UnservedFlags)
	for _, r := range f.Details {
		if r.Begins == "" {
			return fmt.Errorf("a rule for details without begins")
		}
		t.details = append(t.details, detailRule{r.Begins, r.Holds, r.From, incident.Outcome(r.Is)})
	}
	return nil
}

// laid is base with what is over it.
func laid[K comparable](base map[K]incident.Outcome, over map[K]outcome) map[K]incident.Outcome {
	if len(over) == 0 {
		return base
	}
	all := map[K]incident.Outcome{}
	for k, v := range base {
		all[k] = v
	}
	for k, v := range over {
		all[k] = incident.Outcome(v)
	}
	return all
}

// ofFlags is what the flags say: the first that says why.
func (t *outcomeTable) ofFlags(flags []byte, unserved bool) (incident.Outcome, bool) {
	if t.width > 0 {
		flags = flags[:min(t.width, len(flags))]
	}
	var late incident.Outcome
	found := false
	for more := true; more; {
		flag := flags
		more = false
		if t.separator != 0 {
			if i := bytes.IndexByte(flags, t.separator); i >= 0 {
				flag, flags, more = flags[:i], flags[i+1:], true
			}
		}
		if unserved {
			if o, ok := t.unservedFlags[string(flag)]; ok {
				return o, true
			}
		}
		if o, ok := t.flags[string(flag)]; ok {
			return o, true
		}
		if t.width > 1 && len(flag) > 1 { // by its first character
			if o, ok := t.flags[string(flag[:1])]; ok {
				return o, true
			}
		}
		if o, ok := t.last[string(flag)]; ok && !found {
			late, found = o, true
		}
	}
	return late, found
}

// ofDetails is what the details say; unknown ones leave the word to the status.
func (t *outcomeTable) ofDetails(details []byte, status int) (incident.Outcome, bool) {
	for i := range t.details {
		r := &t.details[i]
		if status >= r.from && len(details) >= len(r.begins) && string(details[:len(r.begins)]) == r.begins &&
			(r.holds == "" || bytes.Contains(details, []byte(r.holds))) {
			return r.outcome, true
		}
	}
	return incident.OK, false
}

// injected says whether Envoy's flags tell of a fault or a delay that somebody
// injects on purpose: FI and DI, or their long names.
func injected(flags []byte) bool {
	if len(flags) > 64 || bytes.IndexByte(flags, 'I') < 0 {
		return false
	}
	for more := true; more; {
		var flag []byte
		flag, flags, more = bytes.Cut(flags, []byte(","))
		switch string(flag) {
		case "FI", "DI", "FaultInjected", "DelayInjected":
			return true
		}
	}
	return false
}
