package hystrix

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
	"tripcurve/internal/policy"
)

const (
	prefix      = "hystrix."
	commandKind = "command"
	poolKind    = "threadpool"
)

// others are what else the library and what is around it keep under hystrix.
var others = []string{"collapser", "timer", "stream", "plugin", "config", "dashboard", "metrics", "shareSecurityContext", "concurrency", "timeout", "javanica"}

// Detect says why a text is a file of Hystrix properties.
func Detect(_, text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, " \t\f")
		for _, kind := range []string{commandKind, poolKind} {
			if strings.HasPrefix(line, prefix+kind+".") && strings.ContainsAny(line, "=: ") {
				return "it has properties under " + prefix + kind
			}
		}
	}
	return ""
}

// Read reads the commands and thread pools of a properties file. What is not under
// hystrix. is somebody else's. A value that the library cannot read it drops for its
// default with a line in the log; here it is a mistake.
func Read(file, text string) (Config, error) {
	root, err := source.Properties(file, text)
	if err != nil {
		return Config{}, err
	}
	return decode(file, root, source.Decoder{})
}

// Lint is the traps of a file read as far as it can be read, the tree in which they
// have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	root, err := source.Properties(file, text)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	c, err := decode(file, root, source.Decoder{Mistakes: &mistakes})
	return Traps(c), root, errors.Join(append(mistakes, err)...)
}

func decode(file string, root *source.Node, d source.Decoder) (Config, error) {
	c := Config{Commands: map[string]Command{}, ThreadPools: map[string]ThreadPool{}}
	commands, pools := sections{}, sections{}
	for _, m := range root.Members {
		rest, ours := strings.CutPrefix(m.Key, prefix)
		if !ours {
			continue
		}
		kind, rest, _ := strings.Cut(rest, ".")
		var err error
		switch kind {
		case commandKind:
			err = commands.collect(file, m, rest, reflect.TypeFor[Command]())
		case poolKind:
			err = pools.collect(file, m, rest, reflect.TypeFor[ThreadPool]())
		default:
			if !slices.Contains(others, kind) {
				err = m.Wrong(policy.Unknown("part of hystrix", kind, append([]string{commandKind, poolKind}, others...)).Error())
			}
		}
		if err := d.Note(err); err != nil {
			return Config{}, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(commands)) {
		var command Command
		if err := d.Decode(commands[key], &command); err != nil {
			return Config{}, err
		}
		c.Commands[key] = command
	}
	for _, key := range slices.Sorted(maps.Keys(pools)) {
		var pool ThreadPool
		if err := d.Decode(pools[key], &pool); err != nil {
			return Config{}, err
		}
		c.ThreadPools[key] = pool
	}
	for _, key := range keys(c.Commands) {
		if _, err := c.Params(key); err != nil {
			if err := d.Note(contradiction(commands[key], err)); err != nil {
				return Config{}, err
			}
		}
	}
	return c, nil
}

// contradiction is values that do not go together, at the first of them.
func contradiction(command *source.Node, err error) error {
	for _, name := range []string{"metrics.healthSnapshot.intervalInMilliseconds", "metrics.rollingStats.timeInMilliseconds"} {
		if n, ok := command.Get(name); ok {
			return n.Errorf("", "%s", err)
		}
	}
	return command.Errorf("", "%s", err)
}

// sections are the properties of commands or of pools, by key.
type sections map[string]*source.Node

// collect puts a property under its key. A key may have dots of its own, so it ends
// where a name that is known begins.
func (s sections) collect(file string, m source.Member, rest string, of reflect.Type) error {
	key, name := "", ""
	for _, known := range source.Keys(of) {
		if k, ok := strings.CutSuffix(rest, "."+known); ok && len(known) > len(name) {
			key, name = k, known
		}
	}
	if name == "" {
		key, name, _ = strings.Cut(rest, ".")
	}
	if key == "" || name == "" {
		return m.Wrong("write " + prefix + "command.<key>.<property> or " + prefix + "threadpool.<key>.<property>")
	}
	if s[key] == nil {
		s[key] = source.NewNode(file, m.Pos, source.Map, "")
	}
	value := *m.Value
	retype(&value)
	return s[key].Add(m.Pos, name, &value)
}

// retype is what Archaius makes of a text: its switches have more words than two.
func retype(n *source.Node) {
	if _, err := strconv.Atoi(n.Text); err == nil {
		n.Kind = source.Number
		return
	}
	switch strings.ToLower(n.Text) {
	case "true", "t", "yes", "y", "on":
		n.Kind, n.Text = source.Bool, "true"
	case "false", "f", "no", "n", "off":
		n.Kind, n.Text = source.Bool, "false"
	}
}
