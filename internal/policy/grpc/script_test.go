package grpc

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tripcurve/internal/policy/policytest"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/*.txt. The command is the parameters, and deadline=2s a
// call's own deadline; u=0.25 sets the dice. Each input line is one call, the ends of
// its attempts:
//
//	UNAVAILABLE, UNAVAILABLE after 300ms, OK
//	UNAVAILABLE headers                 after the response's headers
//	UNAVAILABLE pushback=70             the server sets the wait; pushback=10|20 sends two
//
// The last is for all that follow.
func TestScripts(t *testing.T) {
	calls := 0
	defer func() { policytest.Report(t, "grpc", "scripts derived from the source", calls, 0) }()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if !strings.HasSuffix(path, ".txt") {
			return
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			params := map[string]string{}
			s := script{u: 0.5}
			for _, a := range d.CmdArgs {
				v := strings.Join(a.Vals, ",")
				var err error
				switch a.Key {
				case "u":
					s.u, err = strconv.ParseFloat(v, 64)
				case "deadline":
					s.deadline, err = time.ParseDuration(v)
				default:
					params[a.Key] = v
				}
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
			}
			p, err := Parse(params)
			if err != nil {
				return err.Error() + "\n"
			}
			s.channel = NewChannel(p)
			for line := range strings.Lines(d.Input) {
				calls++
				if err := s.call(strings.TrimSpace(line)); err != nil {
					d.Fatalf(t, "%s: %v", line, err)
				}
			}
			return s.out.String()
		})
	})
}

type script struct {
	channel  *Channel
	u        float64
	deadline time.Duration
	out      strings.Builder
}

func (s *script) call(line string) error {
	var own time.Time
	if s.deadline > 0 {
		own = policytest.Epoch.Add(s.deadline)
	}
	c := s.channel.Begin(policytest.Epoch, own)
	end, limited := c.Deadline()
	left := func(at time.Duration) bool { return !limited || policytest.Epoch.Add(at).Before(end) }
	var at time.Duration
	acts := strings.Split(line, ", ")
	for n := 0; ; n++ {
		a, takes, err := parseAct(acts[min(n, len(acts)-1)])
		if err != nil {
			return err
		}
		begun := at
		if at += takes; !left(at) {
			at, a = end.Sub(policytest.Epoch), Attempt{Status: DeadlineExceeded}
		}
		wait, again := c.Ended(a, s.u)
		fmt.Fprintf(&s.out, "%s %s", begun, a.Status)
		switch {
		case !again:
			fmt.Fprintf(&s.out, " at %s", at)
		case !left(at + wait):
			fmt.Fprintf(&s.out, ", DEADLINE_EXCEEDED at %s", end.Sub(policytest.Epoch))
		default:
			at += wait
			fmt.Fprintf(&s.out, " (%s) ", wait)
			continue
		}
		if tokens, ok := s.channel.Tokens(); ok {
			fmt.Fprintf(&s.out, "   %.2f tokens", tokens)
		}
		s.out.WriteString("\n")
		return nil
	}
}

func parseAct(text string) (a Attempt, takes time.Duration, err error) {
	words := strings.Fields(text)
	if a.Status, err = ParseStatus(words[0]); err != nil {
		return a, 0, err
	}
	a.Headers = a.Status == OK
	for i, w := range words[1:] {
		key, v, _ := strings.Cut(w, "=")
		switch key {
		case "headers":
			a.Headers = true
		case "pushback":
			a.Pushback = strings.Split(v, "|")
		case "after":
			if takes, err = time.ParseDuration(words[i+2]); err != nil {
				return a, 0, err
			}
		default:
			if words[i] != "after" {
				return a, 0, fmt.Errorf("%q?", w)
			}
		}
	}
	return a, takes, nil
}
