package param

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
)

type settings struct {
	Open, Wait, Sleep time.Duration
	Calls             int
	Rate              float64
	On                bool
	Type              string
}

var table = Table[settings]{
	Library: "lib",
	Default: func() settings {
		return settings{Open: 30 * time.Second, Wait: 2500 * time.Millisecond, Sleep: time.Minute, Calls: 10, Rate: 50, On: true, Type: "COUNT"}
	},
	Params: []Of[settings]{
		Millis(policy.Param{Name: "open"}, func(s *settings) *time.Duration { return &s.Open }, time.Millisecond, time.Hour),
		Seconds(policy.Param{Name: "wait"}, func(s *settings) *time.Duration { return &s.Wait }, 0, time.Hour),
		Duration(policy.Param{Name: "sleep"}, func(s *settings) *time.Duration { return &s.Sleep }, 0, time.Hour),
		Integer(policy.Param{Name: "calls"}, func(s *settings) *int { return &s.Calls }, 1, 100),
		Number(policy.Param{Name: "rate", Unit: "%"}, func(s *settings) *float64 { return &s.Rate }, 0, 100),
		Switch(policy.Param{Name: "on"}, func(s *settings) *bool { return &s.On }),
		Choice(policy.Param{Name: "type"}, func(s *settings) *string { return &s.Type }, "COUNT", "TIME"),
	},
	Hint: func(name string) error {
		if name == "old" {
			return errors.New("old is gone")
		}
		return nil
	},
	Validate: func(s settings) error {
		if s.Wait > s.Open {
			return errors.New("wait is longer than open")
		}
		return nil
	},
	Always: []string{"calls"},
}

func TestValuesAreReadAndWrittenAsTheLibraryHasThem(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"open", "5s", "5000"},
		{"open", "5000", "5000"},
		{"open", "0.5ms", `"0.5ms" is not a whole number of milliseconds from 1 to 3600000`},
		{"open", "2h", `"2h" is not a whole number of milliseconds from 1 to 3600000`},
		{"open", "soon", `"soon" is not a time: write 5000 (milliseconds) or 5s`},
		{"open", "1e300", `"1e300" is not a time: write 5000 (milliseconds) or 5s`},
		{"wait", "2500ms", "2.5"},
		{"wait", "0.4", "0.4"},
		{"wait", "-1", `"-1" is not a number of seconds from 0 to 3600`},
		{"wait", "x", `"x" is not a time: write 2.5 (seconds) or 2500ms`},
		{"sleep", "90s", "1m30s"},
		{"sleep", "0", "0s"},
		{"sleep", "5", `"5" is not a duration: write 5s or 500ms`},
		{"sleep", "-5s", `"-5s" is not from 0s to 1h`},
		{"calls", "7", "7"},
		{"calls", "7.5", `"7.5" is not a whole number from 1 to 100`},
		{"rate", "37.5%", "37.5"},
		{"rate", "NaN", `"NaN" is not a number from 0 to 100`},
		{"on", "0", "false"},
		{"on", "yes", `"yes" is neither true nor false`},
		{"type", "time", "TIME"},
		{"type", "x", `"x" is not one of COUNT, TIME`},
		{"old", "1", "old is gone (known: open, wait, sleep, calls, rate, on, type)"},
		{"cals", "1", `no lib parameter "cals", did you mean calls? (known: open, wait, sleep, calls, rate, on, type)`},
	} {
		got, err := table.Check(tt.name, tt.value)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s=%s: %s, want %s", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestParseAndMap(t *testing.T) {
	s, err := table.Parse(map[string]string{"open": "5s", "rate": "20", "type": "time"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"open": "5000", "rate": "20", "type": "TIME", "calls": "10"}
	if diff := cmp.Diff(want, table.Map(s)); diff != "" {
		t.Error(diff)
	}
	for params, says := range map[[2]string]string{
		{"cals", "1"}:    "did you mean calls",
		{"calls", "0"}:   "lib: calls: ",
		{"open", "2s"}:   "lib: wait is longer than open",
		{"old", "never"}: "old is gone",
	} {
		if _, err := table.Parse(map[string]string{params[0]: params[1]}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %s", params, err, says)
		}
	}
}

func TestListHasTheDefaultsAsText(t *testing.T) {
	var got []string
	for _, p := range table.List() {
		got = append(got, p.Name+"="+p.Text)
	}
	want := []string{"open=30000", "wait=2.5", "sleep=1m", "calls=10", "rate=50", "on=true", "type=COUNT"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := table.List()[6]; c.Kind != policy.KindChoice || len(c.Choices) != 2 {
		t.Errorf("%+v", c)
	}
}
