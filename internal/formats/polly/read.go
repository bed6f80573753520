package polly

import (
	"errors"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Section is the key under which a file written here has its clients; a program may
// bind any other.
const Section = "HttpStandardResilienceOptions"

// Detect says why a text is a file of these options.
func Detect(_, text string) string {
	for _, key := range []string{Section, "AttemptTimeout", "TotalRequestTimeout", "MinimumThroughput", "SamplingDuration", "BreakDuration"} {
		if source.HasKey(text, key) {
			return "it has the key " + key
		}
	}
	return ""
}

// Read reads the sections of an appsettings.json that are bound to
// HttpStandardResilienceOptions, which is said by their keys. Everything else in the
// file is somebody else's.
func Read(file, text string) (Config, error) {
	root, err := tree(file, text)
	if err != nil {
		return nil, err
	}
	return decode(file, root, source.Decoder{})
}

// Lint is the traps of a file read as far as it can be read, the tree in which they
// have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	root, err := tree(file, text)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	c, err := decode(file, root, source.Decoder{Mistakes: &mistakes})
	return Traps(c), root, errors.Join(append(mistakes, err)...)
}

// tree is JSON as .NET's configuration reads it: with comments and with commas at the
// end of a list.
func tree(file, text string) (*source.Node, error) { return source.JSON(file, plain(text)) }

// plain is text with blanks in place of comments and trailing commas, so that what is
// left stands where it stood.
func plain(text string) string {
	b := []byte(text)
	comma := -1 // the last one, with nothing but blanks and comments behind it
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case c == '/' && i+1 < len(b) && b[i+1] == '/':
			for ; i < len(b) && b[i] != '\n'; i++ {
				b[i] = ' '
			}
		case c == '/' && i+1 < len(b) && b[i+1] == '*':
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				return string(b) // the reader says that it is not JSON
			}
			for end += i + 4; i < end; i++ {
				if b[i] != '\n' {
					b[i] = ' '
				}
			}
			i--
		case c == ',':
			comma = i
		case (c == '}' || c == ']') && comma >= 0:
			b[comma] = ' '
			comma = -1
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			comma = -1
		}
	}
	return string(b)
}

func decode(file string, root *source.Node, d source.Decoder) (Config, error) {
	f := finder{decoder: d}
	if isClient(root, "") {
		return f.clients, f.client(root, nil, serviceName(file), &f.clients)
	}
	err := f.walk(root, nil)
	if len(f.clients) == 0 && err == nil && (d.Mistakes == nil || len(*d.Mistakes) == 0) {
		err = &source.Error{File: file, Found: "no " + Section + " in it", Want: "a section with CircuitBreaker, AttemptTimeout or the like"}
	}
	return f.clients, err
}

// serviceName is the name of a file of one client: polly.inventory.json is inventory.
func serviceName(file string) string {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	for _, before := range []string{"polly.", "appsettings."} {
		name = strings.TrimPrefix(name, before)
	}
	return name
}

// finder collects the sections.
type finder struct {
	decoder source.Decoder
	clients Config
}

func (f *finder) walk(n *source.Node, at []string) error {
	for _, m := range n.Members {
		below := trap.At(at, m.Key)
		var err error
		switch {
		case m.Value.Kind != source.Map:
		case isHedging(m.Value):
		case isClient(m.Value, last(at)):
			err = f.client(m.Value, below, m.Key, &f.clients)
		default:
			err = f.walk(m.Value, below)
		}
		if err == nil && flattened(m.Key) {
			err = f.decoder.Note(m.Wrong("a key with colons: nest it instead"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func last(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}

// flattened says whether a key is a whole path to one of the options.
func flattened(key string) bool {
	parts := strings.Split(key, ":")
	return len(parts) > 1 && slices.ContainsFunc(parts, func(p string) bool { return known(reflect.TypeFor[Options](), p) != "" })
}

// isHedging is a section of HttpStandardHedgingResilienceOptions, which is another
// pipeline.
func isHedging(n *source.Node) bool {
	return slices.ContainsFunc(n.Members, func(m source.Member) bool { return strings.EqualFold(m.Key, "Hedging") })
}

// isClient says whether a mapping is a section of options: it stands under Section,
// has a timeout, or has another strategy with an option that is known.
func isClient(n *source.Node, under string) bool {
	options := reflect.TypeFor[Options]()
	for _, m := range n.Members {
		name := known(options, m.Key)
		switch {
		case name == "":
		case name == "AttemptTimeout", name == "TotalRequestTimeout", under == Section:
			return true
		default:
			field, _ := options.FieldByName(name)
			for _, option := range m.Value.Members {
				if o := known(field.Type.Elem(), option.Key); o != "" && o != "Name" {
					return true
				}
			}
		}
	}
	return false
}

// known is the name of an option in the library's spelling; .NET overlooks case.
func known(t reflect.Type, key string) string {
	for _, name := range source.Keys(t) {
		if strings.EqualFold(name, key) {
			return name
		}
	}
	return ""
}

func (f *finder) client(n *source.Node, at []string, name string, to *Config) error {
	own, err := spelled(n, reflect.TypeFor[Options]())
	if err != nil {
		return f.decoder.Note(err)
	}
	var o Options
	if err := f.decoder.Decode(own, &o); err != nil {
		return err
	}
	if slices.ContainsFunc(*to, func(c Client) bool { return c.Name == name }) {
		name = strings.Join(at, ":")
	}
	*to = append(*to, Client{Name: name, Path: at, Options: o})
	return nil
}

// spelled is n with the library's spelling of keys, and with numbers and switches for
// what .NET takes for them though it stands in quotes.
func spelled(n *source.Node, t reflect.Type) (*source.Node, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	own := *n
	switch {
	case t.Kind() == reflect.Struct && n.Kind == source.Map:
		own.Members = nil
		for _, m := range n.Members {
			value, name := m.Value, known(t, m.Key)
			if name == "" {
				name = m.Key
			} else {
				field, _ := t.FieldByName(name)
				var err error
				if value, err = spelled(value, field.Type); err != nil {
					return nil, err
				}
			}
			if err := own.Add(m.Pos, name, value); err != nil {
				return nil, err
			}
		}
	case n.Kind != source.String:
	case t.Kind() == reflect.Int, t.Kind() == reflect.Float64:
		if _, err := strconv.ParseFloat(n.Text, 64); err == nil {
			own.Kind = source.Number
		}
	case t.Kind() == reflect.Bool:
		if text := strings.ToLower(n.Text); text == "true" || text == "false" {
			own.Kind, own.Text = source.Bool, text
		}
	}
	return &own, nil
}
