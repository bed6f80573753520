package gatewaylog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tripcurve/internal/incident"
)

const pastedLayout = `log_format timed '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer" "$http_user_agent" '
                    '$request_time $upstream_response_time $upstream_addr $upstream_status';`

// writeLog writes n lines of a shop's nginx: four endpoints, ids of their own in
// most paths, 1,000 requests per second, 2 % of them failing.
func writeLog(tb testing.TB, path string, n int) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	rng := rand.New(rand.NewPCG(2847, 1))
	begin := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	var at []byte
	var b []byte
	for i := range n {
		if i%1000 == 0 {
			at = begin.Add(time.Duration(i)*time.Millisecond).AppendFormat(at[:0], "02/Jan/2006:15:04:05 -0700")
		}
		b = appendRequest(b[:0], rng, at)
		if _, err := w.Write(b); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// appendRequest is one line of that log.
func appendRequest(b []byte, rng *rand.Rand, at []byte) []byte {
	ms := uint64(rng.IntN(60) + 1)
	status := uint64(200)
	if rng.IntN(50) == 0 {
		status, ms = 502, uint64(30_000+rng.IntN(5))
	}
	b = strconv.AppendUint(append(b, "198.51.100."...), rng.Uint64N(256), 10)
	b = append(append(append(b, " - - ["...), at...), "] \""...)
	switch rng.IntN(8) {
	case 0:
		b = append(b, "POST /api/orders"...)
	case 1:
		b = append(b, "POST /api/payments/intent"...)
	case 2, 3, 4:
		b = appendPadded(append(b, "GET /api/inventory/WH-"...), rng.Uint64N(500), 4)
		b = strconv.AppendUint(append(b, "XM"...), rng.Uint64N(3), 10)
	default:
		b = append(b, "GET /api/orders/ord_"...)
		for range 6 {
			b = append(b, "0123456789abcdef"[rng.IntN(16)])
		}
	}
	b = strconv.AppendUint(append(b, " HTTP/1.1\" "...), status, 10)
	b = strconv.AppendUint(append(b, ' '), rng.Uint64N(5000), 10)
	b = append(b, ` "https://shop.example.com/cart" "ShopApp/7.3.1 (Android 15)" `...)
	for range 2 {
		b = appendPadded(append(strconv.AppendUint(b, ms/1000, 10), '.'), ms%1000, 3)
		b = append(b, ' ')
	}
	b = strconv.AppendUint(append(b, "10.0.3."...), rng.Uint64N(8), 10)
	return append(strconv.AppendUint(append(b, ":8080 "...), status, 10), '\n')
}

func appendPadded(b []byte, n uint64, digits int) []byte {
	for limit := uint64(10); digits > 1; limit, digits = limit*10, digits-1 {
		if n < limit {
			b = append(b, '0')
		}
	}
	return strconv.AppendUint(b, n, 10)
}

// BenchmarkDecodePasted reads 10 M lines, 1.7 GB, through a pasted log_format into
// counts and sketches per endpoint, and reports how many times longer that takes than
// wc -l on the same file: the promise is 8.5 with one worker and 5.5 with two. All
// three run in turn, so that a busy machine slows all; x_wc_cpu is the same of
// processor time, which neighbours change less. -short reads 2 M lines.
func BenchmarkDecodePasted(b *testing.B) {
	lines := 10_000_000
	if testing.Short() {
		lines = 2_000_000
	}
	path := filepath.Join(b.TempDir(), "access.log")
	writeLog(b, path, lines)
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		workers int
	}{{"alone", 1}, {"two", 2}} {
		b.Run(c.name, func(b *testing.B) {
			var ratios, cpuRatios []float64
			var took time.Duration
			for b.Loop() {
				for range 3 {
					wc, wcCPU := countLines(b, path, lines)
					before, began := cpuTime(b), time.Now()
					s, err := Import(context.Background(), path, Options{Format: format, Workers: c.workers}, func([]incident.Fact) error { return nil })
					if err != nil || s.Parsed != int64(lines) {
						b.Fatalf("%d lines of %d, %v", s.Parsed, lines, err)
					}
					ours := time.Since(began)
					took += ours
					ratios = append(ratios, float64(ours)/float64(wc))
					cpuRatios = append(cpuRatios, float64(cpuTime(b)-before)/float64(wcCPU))
				}
			}
			b.ReportMetric(median(ratios), "x_wc")
			b.ReportMetric(median(cpuRatios), "x_wc_cpu")
			b.ReportMetric(float64(lines)*float64(len(ratios))/took.Seconds()/1e6, "Mlines/s")
		})
	}
}

// countLines is how long wc -l takes, by the clock and of processor time.
func countLines(b *testing.B, path string, lines int) (took, cpu time.Duration) {
	b.Helper()
	began := time.Now()
	count := exec.Command("wc", "-l", path)
	if out, err := count.Output(); err != nil || !strings.HasPrefix(string(out), fmt.Sprint(lines)) {
		b.Fatalf("wc -l: %s %v", out, err)
	}
	return time.Since(began), count.ProcessState.UserTime() + count.ProcessState.SystemTime()
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// BenchmarkImportMemory imports such a log with the program itself, and reports the
// most memory that it had, its own pages included: the promise is 64 MB whatever the
// size of the log.
func BenchmarkImportMemory(b *testing.B) {
	lines := 10_000_000
	if testing.Short() {
		lines = 2_000_000
	}
	dir := b.TempDir()
	log, program := filepath.Join(dir, "access.log"), filepath.Join(dir, "tripcurve")
	writeLog(b, log, lines)
	build := exec.Command("go", "build", "-trimpath", "-o", program, "tripcurve/cmd/tripcurve")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%s %v", out, err)
	}
	worst := 0.0
	for i := 0; b.Loop(); i++ {
		run := exec.Command(program, "import", log, "-o", filepath.Join(dir, fmt.Sprintf("%d.incident", i)))
		if out, err := run.CombinedOutput(); err != nil {
			b.Fatalf("%s %v", out, err)
		}
		used, ok := run.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			b.Fatal("no usage")
		}
		worst = max(worst, float64(used.Maxrss)/1024)
	}
	b.ReportMetric(worst, "rss_MB")
}

// BenchmarkYardsticks reads lines into the same counts by other ways and by ours, in
// turn: JSON by encoding/json into a struct with the fields that are wanted, text by a
// regular expression with a group for each, as DuckDB users write them.
func BenchmarkYardsticks(b *testing.B) {
	const lines = 100_000
	b.Run("json", func(b *testing.B) {
		format, err := FormatByName("envoy_json")
		if err != nil {
			b.Fatal(err)
		}
		var wanted struct {
			Start    time.Time `json:"start_time"`
			Method   string    `json:"method"`
			Path     string    `json:"path"`
			Status   int       `json:"response_code"`
			Flags    string    `json:"response_flags"`
			Duration int64     `json:"duration"`
		}
		yardstick(b, format, envoyLines(lines), "x_encoding_json", func(line []byte, r *Record) error {
			if err := json.Unmarshal(line, &wanted); err != nil {
				return err
			}
			r.Start, r.Took = Instant(wanted.Start.UnixNano()), time.Duration(wanted.Duration)*time.Millisecond
			r.Method, r.Path, r.Status, r.Flags = []byte(wanted.Method), []byte(wanted.Path), wanted.Status, []byte(wanted.Flags)
			r.End = r.Start + Instant(r.Took)
			return nil
		})
	})
	b.Run("regexp", func(b *testing.B) {
		format, err := ParseFormat(pastedLayout)
		if err != nil {
			b.Fatal(err)
		}
		layout := regexp.MustCompile(`^(\S+) - (\S+) \[([^\]]+)\] "(\S+) (\S+) ([^"]*)" (\d+) (\d+) "([^"]*)" "([^"]*)" ([\d.]+) ([\d.]+) (\S+) (\d+)$`)
		yardstick(b, format, bytes.TrimSuffix(memoryLines(b, lines), []byte("\n")), "x_regexp", func(line []byte, r *Record) error {
			m := layout.FindSubmatch(line)
			if m == nil {
				return errors.New("no match")
			}
			at, err := time.Parse("02/Jan/2006:15:04:05 -0700", string(m[3]))
			if err != nil {
				return err
			}
			took, err := strconv.ParseFloat(string(m[11]), 64)
			if err != nil {
				return err
			}
			r.Status, err = strconv.Atoi(string(m[7]))
			r.Method, r.Path, r.Took = m[4], m[5], time.Duration(took*float64(time.Second))
			r.End = Instant(at.UnixNano())
			r.Start = r.End - Instant(r.Took)
			return err
		})
	})
}

// envoyLines are requests as Istio logs them, sixteen keys each.
func envoyLines(n int) []byte {
	rng := rand.New(rand.NewPCG(2847, 2))
	begin := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	for i := range n {
		status, flags, ms := 200, "-", rng.IntN(60)+1
		if rng.IntN(50) == 0 {
			status, flags, ms = 504, "UT", 30_000+rng.IntN(5)
		}
		fmt.Fprintf(&b, `{"authority":"shop.example.com","bytes_received":%d,"bytes_sent":%d,"downstream_remote_address":"198.51.100.%d:51234","duration":%d,"method":"GET","path":"/api/orders/ord_%06x","protocol":"HTTP/2","request_id":"6f0c1c52-77aa-4b6b-9c1f-%012x","response_code":%d,"response_flags":%q,"route_name":"default","start_time":%q,"upstream_cluster":"outbound|8080||order.shop.svc.cluster.local","upstream_host":"10.0.3.%d:8080","user_agent":"ShopApp/7.3.1 (Android 15)"}`+"\n",
			rng.IntN(500), rng.IntN(5000), rng.IntN(256), ms, rng.IntN(1<<24), rng.Uint64N(1<<48), status, flags,
			begin.Add(time.Duration(i)*time.Millisecond).Format("2006-01-02T15:04:05.000Z"), rng.IntN(8))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// yardstick reports how many times longer another way takes than ours, of processor
// time, both from bytes to counts and sketches.
func yardstick(b *testing.B, format *Format, text []byte, unit string, other func(line []byte, r *Record) error) {
	b.Helper()
	origin := incident.Origin{Group: Group, Name: "access.log"}
	lines := bytes.Split(text, []byte("\n"))
	var ratios []float64
	for b.Loop() {
		before := cpuTime(b)
		in := NewIntake(format, origin, nil, 0)
		_, _ = in.Write(text)
		in.Close()
		if s := in.Stats(); s.Parsed != int64(len(lines)) {
			b.Fatalf("%+v", s)
		}
		between := cpuTime(b)
		agg := NewAggregator(origin, nil)
		var r Record
		for _, line := range lines {
			r.reset()
			if err := other(line, &r); err != nil {
				b.Fatal(err)
			}
			r.Outcome = outcomeOf(&r, format.outcomes)
			agg.Add(&r, line, 0)
		}
		ratios = append(ratios, float64(cpuTime(b)-between)/float64(between-before))
	}
	b.ReportMetric(median(ratios), unit)
}

// BenchmarkQuantileError compares the quantiles of every ten seconds, endpoint and
// outcome with those of the durations themselves, and reports the worst relative error
// in percent: the promise is 1.6.
func BenchmarkQuantileError(b *testing.B) {
	text := memoryLines(b, 100_000)
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		b.Fatal(err)
	}
	type key struct {
		at       int64
		endpoint incident.Endpoint
		outcome  incident.Outcome
	}
	worst := 0.0
	for b.Loop() {
		exact := map[key][]time.Duration{}
		d, e := NewDecoder(format), newEndpoints(nil)
		var r Record
		for line := range bytes.Lines(text) {
			if err := d.Decode(bytes.TrimSuffix(line, []byte("\n")), &r); err != nil {
				b.Fatal(err)
			}
			k := key{r.End.second() / windowSeconds, e.name(e.of(&r)), r.Outcome}
			exact[k] = append(exact[k], r.Took)
		}
		in := NewIntake(format, incident.Origin{Group: Group, Name: "access.log"}, nil, 0)
		_, _ = in.Write(text)
		n := 0
		for _, f := range in.Flush() {
			l, ok := f.(incident.Latency)
			if !ok {
				continue
			}
			all := exact[key{l.At.Unix() / windowSeconds, l.Endpoint, l.Outcome}]
			if int64(len(all)) != l.Sketch.Count() {
				b.Fatalf("%s %s: %d durations, want %d", l.At, l.Endpoint, l.Sketch.Count(), len(all))
			}
			n++
			slices.Sort(all)
			for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
				want := all[int(q*float64(len(all)-1))].Seconds()
				got := l.Sketch.Quantile(q)
				worst = max(worst, math.Abs((got.Lo+got.Hi).Seconds()/2-want)/want*100)
			}
		}
		if n < 50 {
			b.Fatalf("only %d sketches", n)
		}
	}
	b.ReportMetric(worst, "error_pct")
}

// BenchmarkLastHour follows a log of 10 GB, a day of a busy gateway, from its last hour
// on: first_ms is the time to the first facts, of which all requests of the hour are
// part. The promise is 1 s. -short makes it 1 GB.
func BenchmarkLastHour(b *testing.B) {
	perSecond := 640
	if testing.Short() {
		perSecond = 64
	}
	path := filepath.Join(b.TempDir(), "access.log")
	size := writeDay(b, path, perSecond)
	b.ReportMetric(0, "ns/op")
	var took []float64
	for b.Loop() {
		began := time.Now()
		f, err := NewFollow(FollowOptions{Path: path, Options: Options{Since: dayBegins.Add(23 * time.Hour)}})
		if err != nil {
			b.Fatal(err)
		}
		if err := f.look(context.Background()); err != nil {
			b.Fatal(err)
		}
		facts := f.in.Flush()
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		if s := f.in.Stats(); s.Parsed < int64(3600*perSecond) || s.Parsed > int64(3700*perSecond) || len(facts) == 0 {
			b.Fatalf("%+v", s)
		}
		f.tail.close()
	}
	b.ReportMetric(median(took), "first_ms")
	b.ReportMetric(float64(size)/1e9, "GB")
}

var dayBegins = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)

// writeDay writes a day of requests, the same ones in every second, and answers its
// size in bytes.
func writeDay(b *testing.B, path string, perSecond int) (size int64) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const layout = "02/Jan/2006:15:04:05 -0700"
	rng := rand.New(rand.NewPCG(2847, 3))
	var second []byte
	var stamps []int
	for range perSecond {
		line := appendRequest(nil, rng, []byte(layout))
		stamps = append(stamps, len(second)+bytes.IndexByte(line, '[')+1)
		second = append(second, line...)
	}
	w := bufio.NewWriterSize(f, 4<<20)
	for s := range 86_400 {
		at := dayBegins.Add(time.Duration(s) * time.Second).Format(layout)
		for _, i := range stamps {
			copy(second[i:], at)
		}
		n, err := w.Write(second)
		if err != nil {
			b.Fatal(err)
		}
		size += int64(n)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return size
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memoryLines is a log of a few thousand lines, held in memory.
func memoryLines(tb testing.TB, n int) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "access.log")
	writeLog(tb, path, n)
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// BenchmarkDecode is one line of the pasted layout, without counting it.
func BenchmarkDecode(b *testing.B) {
	lines := strings.SplitAfter(string(memoryLines(b, 4096)), "\n")
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		b.Fatal(err)
	}
	d := NewDecoder(format)
	var bs [][]byte
	for _, l := range lines[:4096] {
		bs = append(bs, []byte(strings.TrimSuffix(l, "\n")))
	}
	b.ReportAllocs()
	var r Record
	for i := 0; b.Loop(); i++ {
		if err := d.Decode(bs[i&4095], &r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIntake is the same with counting; ns/op is per line.
func BenchmarkIntake(b *testing.B) {
	text := memoryLines(b, 1<<16)
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		in := NewIntake(format, incident.Origin{Group: Group, Name: "access.log"}, nil, 0)
		_, _ = in.Write(text)
		n += 1 << 16
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/line")
}

// BenchmarkEnvoyJSON is one line of the bundled incident's gateway, from bytes to
// counts: 18,000 of them must take no more than 30 ms, 1,666 ns each.
func BenchmarkEnvoyJSON(b *testing.B) {
	format, err := FormatByName("envoy_json")
	if err != nil {
		b.Fatal(err)
	}
	routes, err := NewRoutes([]string{"POST /api/orders", "GET /api/orders/:id", "GET /api/inventory/:sku", "POST /api/payments/intent"})
	if err != nil {
		b.Fatal(err)
	}
	line := []byte(format.Samples[0].Line + "\n")
	const lines = 18_000
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		in := NewIntake(format, incident.Origin{Group: Group, Name: "gateway", File: "x"}, routes, 0)
		for range lines {
			_, _ = in.Write(line)
		}
		if facts := in.Flush(); len(facts) == 0 {
			b.Fatal("no facts")
		}
		n += lines
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/line")
}
