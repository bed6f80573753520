package cause

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count prints a whole number with its thousands parted: 1,397.
func count[N ~int | ~int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// whole prints a duration in whole seconds, "1,397 s"; below ten with the tenth
// that then matters, "4.7 s".
func whole(d time.Duration) string {
	if tenths := math.Round(10 * d.Seconds()); d < 10*time.Second && math.Mod(tenths, 10) != 0 {
		return strconv.FormatFloat(tenths/10, 'f', 1, 64) + " s"
	}
	return count(int64(math.Round(d.Seconds()))) + " s"
}

// clock prints a beginning to the second, "14:23:01Z": what began within it had
// not begun before.
func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// till prints an end to the second after it, so that nothing of it comes later.
func till(t time.Time) string { return clock(up(t, time.Second)) }

// up is the next whole unit, or t when it is whole.
func up(t time.Time, unit time.Duration) time.Time {
	return t.Add(unit - time.Nanosecond).Truncate(unit)
}

// percent prints a share with one digit: "17.2 %".
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }

// things prints a number and its noun.
func things[N ~int | ~int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// oneLine shortens a statement to its first 120 characters, on one line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		return string(r[:119]) + "…"
	}
	return s
}

// who names a session: "pid 48291 (migrator, psql)".
func who(pid int, user, application string) string {
	var names []string
	for _, n := range []string{user, application} {
		if n != "" && (len(names) == 0 || names[0] != n) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("pid %d", pid)
	}
	return fmt.Sprintf("pid %d (%s)", pid, strings.Join(names, ", "))
}
