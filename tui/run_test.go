package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func TestProgramOptions(t *testing.T) {
	for _, c := range []struct {
		color string
		env   []string
		n     int
		bad   bool
	}{
		{"", nil, 1, false},
		{"auto", []string{"NO_COLOR="}, 1, false},
		{"auto", []string{"NO_COLOR=yes"}, 2, false},
		{"never", nil, 2, false},
		{"256", []string{"NO_COLOR=1"}, 2, false},
		{"pink", nil, 0, true},
	} {
		opts, err := ProgramOptions(c.color, c.env, 0)
		if len(opts) != c.n || (err != nil) != c.bad {
			t.Errorf("%q %v: %d options, %v", c.color, c.env, len(opts), err)
		}
	}
}

func TestSynchronizedOutput(t *testing.T) {
	for _, c := range []struct {
		mode        string
		opts        int
		answer, bad bool
	}{{"", 0, false, false}, {"auto", 0, false, false}, {"on", 0, true, false}, {"off", 1, false, false}, {"often", 0, false, true}} {
		opts, answer, err := synchronized(c.mode)
		if len(opts) != c.opts || (answer != nil) != c.answer || (err != nil) != c.bad {
			t.Errorf("%q: %d options, an answer %v, %v", c.mode, len(opts), answer != nil, err)
		}
	}
	_, answer, _ := synchronized("on")
	if _, ok := answer().(tea.ModeReportMsg); !ok {
		t.Error("on answers something else")
	}
}

type killed struct{ n int }

func (k *killed) Kill() { k.n++ }

func TestPanicBesideTheScreen(t *testing.T) {
	var k killed
	err := <-guarded(&k, func() { panic("boom") })
	if err == nil || !strings.Contains(err.Error(), "boom") || k.n != 1 {
		t.Errorf("error %v, killed %d times", err, k.n)
	}
	if err := <-guarded(&k, func() {}); err != nil || k.n != 1 {
		t.Errorf("without a panic: %v, killed %d times", err, k.n)
	}
}
