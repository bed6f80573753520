package main

import (
	"strings"
	"testing"
)

// What PowerShell makes of `simulate --example order --show > shop.yaml` is told as what it is.
func TestDescriptionInUTF16(t *testing.T) {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		a := &app{stdin: strings.NewReader(mark + "n\x00a\x00m\x00e\x00")}
		if _, _, err := a.description([]string{"-"}, ""); err == nil || err.Error() != "stdin: this is UTF-16: save it as UTF-8" {
			t.Errorf("%q: %v", mark, err)
		}
	}
}
