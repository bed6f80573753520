package glyph

import "testing"

func TestDetect(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want Level
	}{
		"utf-8":                   {map[string]string{"LANG": "en_GB.UTF-8", "TERM": "xterm"}, Braille},
		"lower case, no dash":     {map[string]string{"LC_CTYPE": "C.utf8"}, Braille},
		"LC_ALL wins":             {map[string]string{"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, ASCII},
		"no locale at all":        {nil, ASCII},
		"console":                 {map[string]string{"LANG": "de_DE.UTF-8", "TERM": "linux"}, Block},
		"another character set":   {map[string]string{"LANG": "de_DE.ISO-8859-1"}, ASCII},
		"console with no charset": {map[string]string{"TERM": "linux"}, ASCII},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Detect(func(k string) string { return c.env[k] }); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
