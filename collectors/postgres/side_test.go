package postgres

import (
	"strings"
	"testing"
)

func TestSettingsAreReadAsNumbersWithTheirUnit(t *testing.T) {
	for _, tt := range []struct {
		is   setting
		want float64
		unit string
		ok   bool
		text string
	}{
		{setting{"100", ""}, 100, "1", true, "100"},
		{setting{"on", ""}, 1, "1", true, "on"},
		{setting{"off", ""}, 0, "1", true, "off"},
		{setting{"5000", "ms"}, 5000, "ms", true, "5000 ms"},
		{setting{"2", "s"}, 2000, "ms", true, "2 s"},
		{setting{"5", "min"}, 300_000, "ms", true, "5 min"},
		{setting{"1024", "B"}, 1024, "bytes", true, "1024 B"},
		{setting{"-1", "ms"}, -1, "ms", true, "-1 ms"},
		{setting{"none", ""}, 0, "", false, "none"},
	} {
		v, unit, ok := tt.is.number()
		if v != tt.want || unit != tt.unit || ok != tt.ok || tt.is.String() != tt.text {
			t.Errorf("%+v: %v %s %v %q, want %v %s %v %q", tt.is, v, unit, ok, tt.is, tt.want, tt.unit, tt.ok, tt.text)
		}
	}
}

func TestLimitsInWords(t *testing.T) {
	s := &side{settings: map[string]setting{
		"max_connections": {"100", ""}, "superuser_reserved_connections": {"3", ""}, "reserved_connections": {"2", ""},
		"lock_timeout": {"0", "ms"}, "statement_timeout": {"0", "ms"},
	}}
	if got := s.limits(); !strings.HasPrefix(got, "at most 100 connections, 5 of them reserved; neither lock_timeout nor") {
		t.Errorf("limits: %q", got)
	}
	s.settings["lock_timeout"] = setting{"5000", "ms"}
	if got, want := s.limits(), "at most 100 connections, 5 of them reserved"; got != want {
		t.Errorf("limits with a lock_timeout: %q, want %q", got, want)
	}
}
