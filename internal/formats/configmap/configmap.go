// Package configmap is Kubernetes ConfigMaps as text: a wrapper around files of any
// kind, and back to the files with the lines that they have inside it.
package configmap

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"tripcurve/internal/formats/source"
)

// Config is one ConfigMap.
type Config struct {
	Name  string
	Files []File
}

// File is one key under data.
type File struct {
	Name string // the key
	Text string
	// Line is the key's, from 1, and Placed is Text with the lines that it has in the
	// manifest, and in a literal block with its columns, too: what stands around it is
	// left blank. Write does not look at either.
	Line   int
	Placed string
}

// The apiserver's limits (k8s.io/apimachinery, validation; k8s.io/api/core/v1,
// MaxSecretSize).
const (
	longestName = 253
	mostBytes   = 1 << 20
)

// Write is a manifest. The lines of head are comments above it. Names that
// Kubernetes refuses and text that it cannot hold are errors.
func Write(c Config, head []string) (string, error) {
	if err := checkName(c.Name); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, l := range head {
		b.WriteString(strings.TrimRight("# "+strings.Map(printable, l), " ") + "\n")
	}
	fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n", scalar(c.Name))
	if len(c.Files) == 0 {
		b.WriteString("data: {}\n")
		return b.String(), nil
	}
	b.WriteString("data:\n")
	size, seen := 0, map[string]bool{}
	for _, f := range c.Files {
		if err := checkKey(f.Name); err != nil {
			return "", err
		}
		if seen[f.Name] {
			return "", fmt.Errorf("the key %q twice in a ConfigMap", f.Name)
		}
		seen[f.Name] = true
		if !utf8.ValidString(f.Text) {
			return "", fmt.Errorf("%s: a ConfigMap holds UTF-8 text, and this is none", f.Name)
		}
		if size += len(f.Name) + len(f.Text); size > mostBytes {
			return "", fmt.Errorf("%s: a ConfigMap holds no more than %d bytes", f.Name, mostBytes)
		}
		fmt.Fprintf(&b, "  %s: ", scalar(f.Name))
		writeText(&b, f.Text)
	}
	return b.String(), nil
}

// writeText writes a text as a literal block, in which nothing needs an escape, or
// in quotes where a block would change it.
func writeText(b *strings.Builder, text string) {
	body := strings.TrimRight(text, "\n")
	if !literal(body) {
		b.WriteString(strconv.Quote(text) + "\n")
		return
	}
	chomp := "|" // exactly one line break at the end
	switch len(text) - len(body) {
	case 0:
		chomp = "|-"
	case 1:
	default:
		b.WriteString(strconv.Quote(text) + "\n")
		return
	}
	b.WriteString(chomp + "\n")
	for line := range strings.Lines(body) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	b.WriteString("\n")
}

// literal says that a block holds a text as it is: its first line shows how far the
// block is indented, no line ends in blanks, which readers cut off, and there is
// nothing in it that needs an escape.
func literal(text string) bool {
	if text == "" || strings.IndexByte(" \t\n", text[0]) >= 0 {
		return false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimRight(line, " \t") != line {
			return false
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
			return false
		}
	}
	return true
}

func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// scalar quotes what YAML would take for something else than text.
func scalar(s string) string {
	switch s {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil || s[0] < 'a' && s[0] < 'A' || s[0] > 'z' {
		return strconv.Quote(s)
	}
	return s
}

// checkName holds a name to what Kubernetes takes (RFC 1123 subdomain).
func checkName(s string) error {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || part[0] == '-' || part[len(part)-1] == '-' {
			return fmt.Errorf("%q is no name of a ConfigMap: lower case letters, digits, and - or . within", s)
		}
	}
	if len(s) > longestName {
		return fmt.Errorf("%q is longer than the %d characters that Kubernetes takes", s, longestName)
	}
	return nil
}

// checkKey holds a file's name to what Kubernetes takes for a key.
func checkKey(s string) error {
	if s == "" || len(s) > longestName || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" || s == "." || strings.HasPrefix(s, "..") {
		return fmt.Errorf("%q is no key of a ConfigMap: it takes letters, digits, dash, dot and underscore", s)
	}
	return nil
}

// Is says whether a document is a ConfigMap, as far as its text can tell.
func Is(file, text string) bool {
	if !source.HasKey(text, "kind") || !strings.Contains(text, "ConfigMap") {
		return false
	}
	nodes, err := source.YAML(file, text)
	if err != nil || len(nodes) != 1 {
		return false
	}
	kind, ok := nodes[0].Get("kind")
	return ok && kind.Text == "ConfigMap"
}

// manifest is what a ConfigMap may have.
type manifest struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metadata          `json:"metadata"`
	Data       map[string]string `json:"data"`
	BinaryData *skipped          `json:"binaryData"`
	Immutable  *bool             `json:"immutable"`
}

// metadata is somebody else's but for the name.
type metadata struct{ name string }

// ReadNode takes the name.
func (m *metadata) ReadNode(n *source.Node) error {
	if n.Kind != source.Map {
		return n.Wrong("a mapping with name")
	}
	if name, ok := n.Get("name"); ok {
		if name.Kind != source.String {
			return name.Wrong("text")
		}
		m.name = name.Text
	}
	return nil
}

// skipped is a value that is not read: bytes are no configuration.
type skipped struct{}

func (*skipped) ReadNode(*source.Node) error { return nil }

// Read reads one ConfigMap strictly.
func Read(file, text string) (Config, error) {
	nodes, err := source.YAML(file, text)
	if err != nil {
		return Config{}, err
	}
	if len(nodes) != 1 {
		return Config{}, &source.Error{File: file, Found: fmt.Sprintf("%d documents", len(nodes)), Want: "one ConfigMap"}
	}
	var m manifest
	if err := (source.Decoder{}).Decode(nodes[0], &m); err != nil {
		return Config{}, err
	}
	for _, is := range [][2]string{{"kind", "ConfigMap"}, {"apiVersion", "v1"}} {
		n, ok := nodes[0].Get(is[0])
		if !ok {
			return Config{}, nodes[0].Errorf(is[0]+": "+is[1], "no %s", is[0])
		}
		if n.Text != is[1] {
			return Config{}, n.Wrong(is[0] + ": " + is[1])
		}
	}
	files, err := Files(file, text)
	return Config{m.Metadata.name, files}, err
}

// mostFiles of one ConfigMap are read: each is held with blanks for the lines before it.
const mostFiles = 500

// Files are the files inside of a ConfigMap, whatever else is wrong with it; none where
// it cannot be read.
func Files(file, text string) ([]File, error) {
	nodes, err := source.YAML(file, text)
	if err != nil || len(nodes) != 1 {
		return nil, nil //nolint:nilerr // it holds nothing that could be read, and is looked at as it is
	}
	data, ok := nodes[0].Get("data")
	if !ok {
		return nil, nil
	}
	if len(data.Members) > mostFiles {
		return nil, data.Members[mostFiles].Wrong(fmt.Sprintf("one more file, where a ConfigMap is read with %d at most", mostFiles))
	}
	var files []File
	lines := strings.SplitAfter(text, "\n")
	for _, m := range data.Members {
		files = append(files, File{Name: m.Key, Text: m.Value.Text, Line: m.Line, Placed: placed(lines, m)})
	}
	return files, nil
}

// placed is the text under a key where it stands. A value on the key's own line,
// and one whose lines are folded, has no columns to keep.
func placed(lines []string, m source.Member) string {
	if m.Line <= len(lines) && literalMark().MatchString(lines[m.Line-1]) {
		var b strings.Builder
		b.WriteString(strings.Repeat("\n", m.Line))
		for _, l := range lines[m.Line:] {
			if indent := len(l) - len(strings.TrimLeft(l, " ")); indent < m.Column && strings.TrimSpace(l) != "" {
				break
			}
			b.WriteString(marker(l))
		}
		return b.String()
	}
	return strings.Repeat("\n", max(m.Line-1, 0)) + m.Value.Text
}

// literalMark ends the line of a key whose value is a literal block.
var literalMark = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`:[ \t]+\|[0-9+-]*[ \t]*(#.*)?\r?\n?$`) })

// marker moves a line that parts two documents to the first column, where alone it
// does.
func marker(line string) string {
	rest, dashes := strings.CutPrefix(strings.TrimLeft(line, " "), "---")
	if !dashes || strings.TrimSpace(rest) != "" {
		return line
	}
	return "---" + rest
}
