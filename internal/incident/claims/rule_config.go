package claims

import (
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/opossum"
)

// checkConfig is rule 13: what is said of a setting against what the library
// makes of it.
func checkConfig(s *scope) []finding {
	var found []finding
	for _, f := range []func(*scope) (finding, bool){idleTimeout, optionSide, construct, onTheWire, breakerOpens, retries, tense, shared, callback, keepalive} {
		if r, ok := f(s); ok {
			found = append(found, r)
		}
	}
	return found
}

// libraryDefaults are times in seconds (gRPC: Core GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS,
// grpc-go WithIdleTimeout, 30 minutes both).
var libraryDefaults = map[string]float64{"idle_timeout": 30 * 60}

// idleTimeout: a limit of idle connections ends no call that runs.
func idleTimeout(s *scope) (finding, bool) {
	o := s.claim.Operands
	stated, ok := o.Number("stated_s")
	option := o.Text("option")
	if !ok || option == "" {
		return finding{}, false
	}
	limit, ok := o.Number("default_s")
	if !ok {
		if limit, ok = libraryDefaults[option]; !ok {
			return finding{}, false
		}
	}
	f := finding{verdict: Consistent, parts: []string{fmt.Sprintf("%s * 60 = %s s against %s s", plain(limit/60), plain(limit), plain(stated))}, why: "it is the library's default"}
	switch ends := o.Text("relation") == "ends_running_call" && (option == "idle_timeout" || o.Text("applies_to") == "connection without active calls"); {
	case ends && stated != limit:
		f.verdict, f.why = Inconsistent, fmt.Sprintf("the default is %s s, and an idle timeout counts only while no call is active", plain(limit))
	case ends:
		f.verdict, f.why = Inconsistent, "an idle timeout counts only while no call is active"
	case stated != limit:
		f.verdict, f.why = Inconsistent, fmt.Sprintf("the default is %s s", plain(limit))
	}
	return f, true
}

// optionEffects is who an option takes effect at, and what it makes.
var optionEffects = map[string]struct{ side, effect string }{
	"grpc.max_concurrent_streams": {"server", "stream_limit"}, // HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS: the receiver of streams announces it
}

// optionSide: an option of the one side does nothing at the other.
func optionSide(s *scope) (finding, bool) {
	o := s.claim.Operands
	set, effective, effect := o.Text("side_set"), o.Text("side_effective"), o.Text("claimed_effect")
	known, ok := optionEffects[o.Text("option")]
	if effective == "" {
		effective = known.side
	}
	if set == "" || effective == "" {
		return finding{}, false
	}
	f := finding{verdict: Consistent, why: "it is set where it takes effect"}
	if set != effective {
		f.verdict, f.why = Inconsistent, fmt.Sprintf("it takes effect at the %s and is set at the %s", effective, set)
	}
	if ok && effect != "" && effect != known.effect {
		f.verdict = Inconsistent
		if effect == "connection_pool" {
			if n, has := o.Number("value"); has {
				f.parts = []string{"1 connection, not " + plain(n)}
			}
			f.why += "; it builds no pool"
		} else {
			f.why += "; it makes a " + known.effect
		}
	}
	return f, true
}

// constructEffects is what constructs of languages do to the thread that runs them.
var constructEffects = map[[2]string]string{
	{"TypeScript", "await"}: "promise_pending", {"JavaScript", "await"}: "promise_pending",
}

// construct: a language's construct does what it does.
func construct(s *scope) (finding, bool) {
	o := s.claim.Operands
	claimed, actual := o.Text("claimed_effect"), o.Text("actual_effect")
	if known, ok := constructEffects[[2]string{o.Text("language"), o.Text("construct")}]; ok {
		actual = known
	}
	if o.Text("construct") == "" || claimed == "" || actual == "" {
		return finding{}, false
	}
	f := finding{verdict: Consistent, why: "that is what it does"}
	if claimed != actual {
		f.verdict, f.why = Inconsistent, fmt.Sprintf("%s in %s holds no thread: %s", o.Text("construct"), o.Text("language"), actual)
		if claimed != "thread_held" {
			f.why = fmt.Sprintf("%s in %s is %s", o.Text("construct"), o.Text("language"), actual)
		}
	}
	return f, true
}

// onTheWire: a deadline is an instant in code and a duration on the wire.
func onTheWire(s *scope) (finding, bool) {
	o := s.claim.Operands
	code, wire := o.Text("code"), o.Text("wire")
	if o.Text("option") != "deadline" || wire == "" {
		return finding{}, false
	}
	f := finding{verdict: Consistent, why: "absolute in the call's option and relative on the wire (grpc-timeout)"}
	switch {
	case wire != "relative":
		f.verdict, f.why = Inconsistent, "gRPC sends how long a call may take (grpc-timeout), no instant"
	case code != "" && code != "absolute" && o.Text("library") == "grpc-js":
		f.verdict, f.why = Inconsistent, "grpc-js takes an instant"
	}
	return f, true
}

// breakerOpens runs opossum's machine until it opens.
func breakerOpens(s *scope) (finding, bool) {
	o := s.claim.Operands
	claimed, ok := o.Number("claimed_open_at")
	calls, ok2 := o.Number("failing_calls")
	if o.Text("library") != "opossum" || !ok || !ok2 {
		return finding{}, false
	}
	share, hasShare := o.Number("errorThresholdPercentage")
	if pct, ok := o.Number("code_value_pct"); ok {
		share, hasShare = pct, true
	}
	p := opossum.Default()
	if hasShare {
		p.ErrorThresholdPercentage = share
	}
	volume, _ := o.Number("volume_threshold")
	if v, ok := o.Number("value"); ok && o.Text("option") == "volumeThreshold" {
		volume = v
	}
	if max(calls, claimed, volume) > mostCalls {
		return finding{}, false
	}
	p.VolumeThreshold = int(volume)
	n, opens := opensAt(p, int(max(calls, claimed)))
	f := finding{verdict: Consistent, why: "the settings open it then"}
	if opens {
		f.parts = []string{fmt.Sprintf("%d / %d = 100 %%", n, n), fmt.Sprintf("100 > %s", plain(p.ErrorThresholdPercentage))}
	}
	switch {
	case !opens:
		f.verdict, f.why = Inconsistent, fmt.Sprintf("%s failures do not open it", plain(calls))
		f.parts = []string{compare(100, p.ErrorThresholdPercentage)}
		if calls < volume {
			f.parts = []string{compare(calls, volume)}
		}
	case float64(n) != claimed:
		f.verdict, f.why = Inconsistent, fmt.Sprintf("at volumeThreshold %s failure %d opens it", plain(volume), n)
	}
	if name := o.Text("test_option"); name != "" && opossum.Known(name) != nil {
		f.verdict = Inconsistent
		f.why = name + " is no option of opossum; " + f.why
	}
	return f, true
}

// mostCalls bounds a run of the machine.
const mostCalls = 2000

// opensAt is the failure at which a fresh breaker opens, one failing call every
// millisecond.
func opensAt(p opossum.Params, calls int) (int, bool) {
	now := time.Unix(0, 0).UTC()
	m := opossum.New(p, now)
	for n := 1; n <= calls; n++ {
		t, v := m.Allow(now, 0)
		if v.Admitted {
			m.Record(now, t, policy.Outcome{Code: policy.Failure})
		}
		if m.State() == policy.Open {
			return n, true
		}
		now = now.Add(time.Millisecond)
	}
	return 0, false
}

// retries: a number of attempts has a layer that makes them.
func retries(s *scope) (finding, bool) {
	o := s.claim.Operands
	n, ok := o.Number("stated_attempts")
	if !ok {
		return finding{}, false
	}
	var f finding
	shown, _ := o.On("shown_in_code")
	f.verdict, f.why = Consistent, "the code shows it"
	if !shown {
		f.verdict, f.why, f.needs = NeedsEvidence, "no code that tries again is shown", []string{"the settings of what tries again"}
		if option := o.Text("option"); o.Text("library") == "opossum" && option != "" && opossum.Known(option) != nil {
			f.why += ", and opossum has no option " + option
		}
	}
	if each, ok := o.Number("per_try_s"); ok {
		f.parts = []string{fmt.Sprintf("%s * %s = %s s", plain(n), plain(each), plain(n*each))}
		if total, ok := o.Number("total_s"); ok && !same(total, n*each) {
			f.verdict, f.why, f.needs = Inconsistent, fmt.Sprintf("the attempts take %s s, and %s s are stated", plain(n*each), plain(total)), nil
		}
	}
	return f, true
}

// tense: a plan and a present state do not contradict each other.
func tense(s *scope) (finding, bool) {
	o := s.claim.Operands
	now, ok := o.Number("now")
	planned := o.Text("planned")
	if !ok || planned == "" {
		return finding{}, false
	}
	part := fmt.Sprintf("%s now, %s later", plain(now), planned)
	if o.Text("relation") == "tense" || planned == plain(now) {
		return finding{Consistent, []string{part}, "a plan and a present state do not contradict each other", nil}, true
	}
	return finding{Inconsistent, []string{fmt.Sprintf("%s and %s", plain(now), planned)}, "both are said of the same time", nil}, true
}

// shared: breakers of several processes know nothing of each other.
func shared(s *scope) (finding, bool) {
	o := s.claim.Operands
	where := o.Text("state_scope")
	on, ok := o.On("shared_state")
	if where == "" || !ok {
		return finding{}, false
	}
	if where == "process" && on {
		return finding{Inconsistent, nil, "what is kept in a process is not shared", nil}, true
	}
	return finding{NeedsEvidence, nil, "each " + where + " keeps its own state in any case", o.Texts("needs")}, true
}

// callback: what is said to be missing is not in the code.
func callback(s *scope) (finding, bool) {
	o := s.claim.Operands
	call, claimed, code := o.Text("call"), o.Text("claimed"), o.Text("in_code")
	if call == "" || claimed == "" || code == "" {
		return finding{}, false
	}
	part := "1 callback shown"
	if code == "missing" {
		part = "0 callbacks shown"
	}
	if claimed == code {
		return finding{Consistent, []string{part}, "the code agrees", nil}, true
	}
	return finding{Inconsistent, []string{part}, fmt.Sprintf("it is said to be %s and is %s in the code", claimed, code), nil}, true
}

// keepalive: a ping comes before the idle limit, and not more often than the
// server takes.
func keepalive(s *scope) (finding, bool) {
	o := s.claim.Operands
	n, ok := o.Numbers("value_s", "idle_drop_s")
	if !ok {
		return finding{}, false
	}
	f := finding{verdict: Consistent, parts: []string{compare(n[0], n[1])}, why: "pings come in time"}
	if n[0] >= n[1] {
		f.verdict, f.why = Inconsistent, "the connection is dropped before the first ping"
	}
	if least, ok := o.Number("server_min_time_s"); ok {
		f.parts = append(f.parts, compare(n[0], least))
		if n[0] < least {
			f.verdict, f.why = Inconsistent, "the server closes the connection of who pings so often (too_many_pings)"
		}
	}
	return f, true
}
