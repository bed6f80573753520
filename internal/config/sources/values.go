package sources

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"tripcurve/internal/formats/source"
)

// every is a distance in time that a source is asked at.
type every time.Duration

// Shorter would load what is sick, longer would see nothing of it.
const (
	leastEvery = 100 * time.Millisecond
	mostEvery  = time.Hour
)

func (e *every) ReadNode(n *source.Node) error {
	d, err := time.ParseDuration(n.Text)
	if n.Kind != source.String || err != nil || d < leastEvery || d > mostEvery {
		return n.Wrong("a duration from 100ms to 1h, such as 1s")
	}
	*e = every(d)
	return nil
}

// long is how long evidence is kept.
type long time.Duration

func (l *long) ReadNode(n *source.Node) error {
	d, err := time.ParseDuration(n.Text)
	if n.Kind != source.String || err != nil || d < 10*time.Minute {
		return n.Wrong("a duration from 10m on, such as 24h")
	}
	*l = long(d)
	return nil
}

// size is bytes with a unit.
type size int64

var sizeText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d{1,9}(?:\.\d{1,3})?) ?(GiB|MiB|KiB|GB|MB|kB)$`) })

var sizeUnits = map[string]float64{"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "GB": 1e9, "MB": 1e6, "kB": 1e3}

func (s *size) ReadNode(n *source.Node) error {
	m := sizeText().FindStringSubmatch(n.Text)
	if m != nil {
		if f, err := strconv.ParseFloat(m[1], 64); err == nil && f*sizeUnits[m[2]] >= 1<<20 {
			*s = size(f * sizeUnits[m[2]])
			return nil
		}
	}
	return n.Wrong("a size of 1MiB or more with its unit, such as 2GiB or 500MB")
}

// files of TLS.
type files struct{ CA, Cert, Key, ServerName string }

func (f *files) ReadNode(n *source.Node) error {
	var v struct {
		CA         string `json:"ca"`
		Cert       string `json:"cert"`
		Key        string `json:"key"`
		ServerName string `json:"server_name"`
	}
	if err := (source.Decoder{}).Decode(n, &v); err != nil {
		return err
	}
	if (v.Cert == "") != (v.Key == "") {
		return n.Errorf("cert and key together", "one of cert and key")
	}
	*f = files(v)
	return nil
}

// credentialIn finds a password or a token in a DSN or URL.
var credentialIn = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^[a-z][a-z0-9+.-]*://[^/?#@]*:[^@]+@|://[^/?#]*:[^/?#]*@|(?:^|[\s?&;])(?:ssl)?password\s*=\s*[^\s&]|[?&](?:[a-z_-]*token|api[_-]?key|secret)=[^&]`)
})

// open refuses a credential in a key that everybody may read.
func (r *reader) open(n *source.Node, key string) error {
	if n.Kind != source.Map {
		return nil // the decoder says it
	}
	at, given := n.Get(key)
	if !given || !credentialIn().MatchString(at.Text) {
		return nil
	}
	instead := "password"
	if key == "url" {
		instead = "password or token"
	}
	return at.Errorf(fmt.Sprintf("%s without it, and under %s where it is: %s", key, instead, secretWanted),
		"a credential in the %s (not shown)", key)
}
