//go:build tty

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sentence is a piece of INC-2847's that is in no frame without it.
const sentence = "48291"

// firstFrames starts everything in turn: until the first frame, and until the
// sentence.
func (m *ttyRun) firstFrames() {
	const rounds = 9
	type subject struct {
		name    string
		path    string
		args    []string
		says    string // "" for those that have no sentence
		frames  []time.Duration
		answers []time.Duration
	}
	all := []*subject{
		{name: "bare Bubble Tea", path: binary(m.T, "bare")},
		{name: "tripcurve", path: m.program, says: sentence},
		{name: "open, 1 GB", path: m.program, args: []string{"open", m.largeFile()}, says: sentence},
	}
	for _, p := range m.peers() {
		all = append(all, &subject{name: p.name, path: p.path, args: p.args})
	}
	for range rounds {
		for _, s := range all {
			t := m.start(200, 50, s.path, s.args...)
			s.frames = append(s.frames, t.waitUntil("a first frame", func(s string) bool { return strings.TrimSpace(s) != "" }))
			if s.says != "" {
				s.answers = append(s.answers, t.waitFor(s.says))
			}
			t.kill()
		}
	}
	bare := percentile(all[0].frames, 0.5)
	for _, s := range all {
		seen := percentile(s.frames, 0.5)
		f := figure{what: "first frame, " + s.name, seen: ms(seen), ratio: fmt.Sprintf("%.2fx bare", float64(seen)/float64(bare))}
		if s.says != "" {
			f.target, f.verdict = "1.5x bare", holds(float64(seen)/float64(bare), 1.5)
		}
		m.add(f)
	}
	for _, s := range all {
		if s.says != "" {
			seen := percentile(s.answers, 0.5)
			m.add(figure{what: "the sentence, " + s.name, target: "300 ms", seen: ms(seen), verdict: holds(seen, 300*time.Millisecond)})
		}
	}
}

// keys presses keys in turn on the timeline of 100,000 rows, while 1,000 samples a
// second arrive, and in the peers.
func (m *ttyRun) keys() {
	const rounds, each = 6, 50
	type subject struct {
		peer
		t       *terminal
		took    []time.Duration
		bytes   []int
		silent  int
		cpu     time.Duration
		pressed int
	}
	all := []*subject{{peer: peer{name: "tripcurve", path: m.program, args: []string{"open", "--follow", m.longFile()}, keys: [2]string{"j", "k"}}}}
	for _, p := range m.peers() {
		all = append(all, &subject{peer: p})
	}
	stop := m.arrive(m.longFile())
	defer stop()
	for _, s := range all {
		s.t = m.start(200, 50, s.path, s.args...)
		if s.name == "tripcurve" {
			s.t.waitFor(sentence)
			s.t.send("5")
			s.t.waitFor("observation")
			s.begin = "g" // at the newest row, where the screens follow, down does nothing
		} else {
			s.t.quiet(300 * time.Millisecond)
		}
		if s.begin != "" {
			s.t.press(s.begin, 300*time.Millisecond)
		}
		s.t.look(false)
	}
	for range rounds {
		for _, s := range all {
			before := cpuOf(m.T, s.t.cmd.Process.Pid)
			for i := range each {
				took, n, ok := s.t.press(s.keys[i/5%2], 30*time.Millisecond)
				if !ok {
					s.silent++
					continue
				}
				s.took, s.bytes = append(s.took, took), append(s.bytes, n)
				time.Sleep(rand.N(16 * time.Millisecond)) // no step with the ticks of frames
			}
			s.cpu += cpuOf(m.T, s.t.cmd.Process.Pid) - before
			s.pressed += each
		}
	}
	var lazygit *subject
	if i := slices.IndexFunc(all, func(s *subject) bool { return s.name == "lazygit" }); i > 0 {
		lazygit = all[i]
	}
	for _, s := range all {
		s.t.kill()
		if len(s.took) == 0 {
			m.Errorf("%s answered no key", s.name)
			continue
		}
		p50, p99 := percentile(s.took, 0.5), percentile(s.took, 0.99)
		f50 := figure{what: "key to frame p50, " + s.name, seen: ms(p50)}
		f99 := figure{what: "key to frame p99, " + s.name, seen: ms(p99)}
		if s.name == "tripcurve" {
			if lazygit != nil && len(lazygit.took) > 0 {
				l50, l99 := percentile(lazygit.took, 0.5), percentile(lazygit.took, 0.99)
				f50.target, f50.verdict, f50.ratio = "lazygit's", holds(p50, l50), fmt.Sprintf("%.2fx lazygit", float64(p50)/float64(l50))
				f99.target, f99.verdict, f99.ratio = "lazygit's", holds(p99, l99), fmt.Sprintf("%.2fx lazygit", float64(p99)/float64(l99))
			} else { // what an idle machine gave
				f50.target, f50.verdict = "9 ms", holds(p50, 9*time.Millisecond)
				f99.target, f99.verdict = "20 ms", holds(p99, 20*time.Millisecond)
			}
		}
		m.add(f50)
		m.add(f99)
		cpu := figure{what: "processor time per key, " + s.name, seen: ms(s.cpu / time.Duration(s.pressed))}
		if s.name == "tripcurve" {
			cpu.ratio = "with all that arrives"
		}
		m.add(cpu)
		step := figure{what: "bytes per cursor step, " + s.name, seen: strconv.Itoa(percentile(s.bytes, 0.5))}
		if s.name == "tripcurve" {
			step.target, step.verdict = "500", holds(percentile(s.bytes, 0.5), 500)
		}
		m.add(step)
		if s.silent > 0 {
			m.add(figure{what: "keys without an answer, " + s.name, seen: fmt.Sprintf("%d of %d", s.silent, s.pressed)})
		}
	}
}

// sliders turns the deadline of order.inventory, and waits each time for the curve of
// what it would have been.
func (m *ttyRun) sliders() {
	for _, size := range []struct{ cols, rows, bytes int }{{200, 50, 1500}, {80, 24, 450}} {
		name := fmt.Sprintf("%dx%d", size.cols, size.rows)
		t := m.start(size.cols, size.rows, m.program)
		t.waitFor(sentence)
		t.send("6")
		t.waitUntil("today's numbers", func(s string) bool {
			return strings.Contains(strings.Join(strings.Fields(s), " "), "orders failed 1,2")
		})
		for range 10 {
			if strings.Contains(selected(t.screen()), "deadline") {
				break
			}
			row := selected(t.screen())
			t.send("j")
			t.waitUntil("another row", func(s string) bool { return selected(s) != row })
		}
		t.send("l")
		t.waitUntil("a first curve", func(s string) bool { return strings.Contains(results(s), "%") })
		t.quiet(time.Second)

		var curves, numbers []time.Duration
		var moves, all []int
		for i := range 30 {
			before, wrote := t.screen(), t.written()
			sent := time.Now()
			t.send([]string{"l", "h"}[i/4%2])
			t.waitUntil("the slider's new place", func(s string) bool { return selected(s) != selected(before) })
			time.Sleep(3 * time.Millisecond) // the rest of this frame; the next one is 8 ms later
			moves = append(moves, t.written()-wrote)
			t.waitUntil("the curve of the new place", func(s string) bool { return braille(s) != braille(before) })
			curves = append(curves, time.Since(sent))
			time.Sleep(3 * time.Millisecond)
			all = append(all, t.written()-wrote)
			t.waitUntil("the numbers of the new place", func(s string) bool { return strings.Contains(results(s), "%") && results(s) != results(before) })
			numbers = append(numbers, time.Since(sent))
			t.quiet(400 * time.Millisecond) // the runs of other seeds
		}
		t.kill()
		p50, p99 := percentile(curves, 0.5), percentile(curves, 0.99)
		m.add(figure{what: "slider step to first curve p99, " + name, target: "50 ms", seen: ms(p99), ratio: "p50 " + ms(p50), verdict: holds(p99, 50*time.Millisecond)})
		m.add(figure{what: "slider step to its numbers p99, " + name, seen: ms(percentile(numbers, 0.99)), ratio: "p50 " + ms(percentile(numbers, 0.5))})
		m.add(figure{
			what: "bytes per slider step, " + name, target: strconv.Itoa(size.bytes), seen: strconv.Itoa(percentile(moves, 0.5)),
			ratio: fmt.Sprintf("at most %d", slices.Max(moves)), verdict: holds(percentile(moves, 0.5), size.bytes),
		})
		m.add(figure{what: "bytes until the first curve, " + name, seen: strconv.Itoa(percentile(all, 0.5)), ratio: fmt.Sprintf("at most %d", slices.Max(all))})
	}
}

// braille is what is drawn of the curve: all that is of braille but for the row of the
// slider itself and the lines of the frame.
func braille(screen string) string {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	at := slices.Index(lines, strings.TrimRight(selected(screen), "\n"))
	var cells strings.Builder
	for i, line := range lines {
		if i == 0 || i == at || i == len(lines)-1 {
			continue
		}
		for _, r := range line {
			if isBraille(r) {
				cells.WriteRune(r)
			} else {
				cells.WriteByte(' ')
			}
		}
	}
	return cells.String()
}

// results is what a screen says of this policy: the line of the orders that failed, without
// the chart that stands beside it where the screen is small.
func results(screen string) string {
	for line := range strings.Lines(screen) {
		if i := strings.Index(line, "orders failed "); i >= 0 {
			said := line[i:]
			if chart := strings.IndexFunc(said, isBraille); chart >= 0 {
				said = said[:chart]
			}
			return strings.TrimSpace(said)
		}
	}
	return ""
}

func isBraille(r rune) bool { return r >= 0x2800 && r <= 0x28ff }

// idle lets a recording stand still, then a followed file to which nobody writes: there
// the clock ticks.
func (m *ttyRun) idle() {
	const long = 10 * time.Second
	for _, s := range []struct {
		what  string
		args  []string
		bytes int
	}{
		{"a recording that stands still", nil, 0},
		{"a followed file, whose clock ticks", []string{"open", "--follow", m.longFile()}, 400},
	} {
		t := m.start(200, 50, m.program, s.args...)
		t.waitFor(sentence)
		time.Sleep(3 * time.Second) // what was begun with the first evidence ends
		wrote, cpu := t.written(), cpuOf(m.T, t.cmd.Process.Pid)
		time.Sleep(long)
		share := 100 * float64(cpuOf(m.T, t.cmd.Process.Pid)-cpu) / float64(long)
		n := t.written() - wrote
		t.kill()
		m.add(figure{what: "bytes in 10 s of " + s.what, target: strconv.Itoa(s.bytes), seen: strconv.Itoa(n), verdict: holds(n, s.bytes)})
		m.add(figure{what: "processor, the same", target: "1.5 %", seen: fmt.Sprintf("%.1f %%", share), verdict: holds(share, 1.5)})
	}
}

// memory is what the program holds of 100,000 rows and 24 h of samples.
func (m *ttyRun) memory() {
	t := m.start(200, 50, m.program, "open", m.longFile())
	t.waitFor(sentence) // which is there before the rest is read
	t.send("5")
	t.waitFor("observation")
	t.quiet(5 * time.Second) // where somebody is has been written down, too
	status := procStatus(m.T, t.cmd.Process.Pid)
	t.kill()
	mb := func(name string) float64 { return float64(status[name]) / 1000 }
	m.add(figure{
		what: "memory with 100,000 rows and 24 h", target: "40 MB", seen: fmt.Sprintf("%.0f MB", mb("VmRSS")),
		ratio: fmt.Sprintf("%.0f MB of it pages of the program", mb("RssFile")), verdict: holds(mb("VmRSS"), 40),
	})
}

// procStatus is /proc/PID/status: sizes in kB.
func procStatus(tb interface{ Fatal(...any) }, pid int) map[string]int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string]int{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB")); err == nil {
			all[name] = n
		}
	}
	return all
}

// cpuOf is the processor time that a process has used.
func cpuOf(tb interface{ Fatal(...any) }, pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(after) // from the third on: state is the first here
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		tb.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}
