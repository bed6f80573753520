package gatewaylog

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	for i := range n {
		at := begin.Add(time.Duration(i) * time.Millisecond).Format("02/Jan/2006:15:04:05 -0700")
		ms := rng.IntN(60) + 1
		status := 200
		if rng.IntN(50) == 0 {
			status, ms = 502, 30_000+rng.IntN(5)
		}
		method, path := "GET", ""
		switch rng.IntN(8) {
		case 0:
			method, path = "POST", "/api/orders"
		case 1:
			method, path = "POST", "/api/payments/intent"
		case 2, 3, 4:
			path = fmt.Sprintf("/api/inventory/%s-%04dXM%d", "WH", rng.IntN(500), rng.IntN(3))
		default:
			path = fmt.Sprintf("/api/orders/ord_%06x", rng.IntN(1<<24))
		}
		fmt.Fprintf(w, "198.51.100.%d - - [%s] \"%s %s HTTP/1.1\" %d %d \"https://shop.example.com/cart\" \"ShopApp/7.3.1 (Android 15)\" %d.%03d %d.%03d 10.0.3.%d:8080 %d\n",
			rng.IntN(256), at, method, path, status, rng.IntN(5000), ms/1000, ms%1000, ms/1000, ms%1000, rng.IntN(8), status)
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkDecodePasted reads 2 M lines through a pasted log_format into counts
// and sketches per endpoint, and reports how many times longer that takes than
// wc -l on the same file: the promise is at most 12. Both run in turn, so that a
// busy machine slows both. It reads as an import does, with one worker per CPU,
// two at most.
func BenchmarkDecodePasted(b *testing.B) { benchmarkPasted(b, 0) }

// BenchmarkDecodePastedAlone is the same with one worker.
func BenchmarkDecodePastedAlone(b *testing.B) { benchmarkPasted(b, 1) }

func benchmarkPasted(b *testing.B, workers int) {
	const lines = 2_000_000
	path := filepath.Join(b.TempDir(), "access.log")
	writeLog(b, path, lines)
	format, err := ParseFormat(pastedLayout)
	if err != nil {
		b.Fatal(err)
	}
	var ratios, cpuRatios []float64
	var took time.Duration
	for b.Loop() {
		for range 5 {
			began := time.Now()
			count := exec.Command("wc", "-l", path)
			if out, err := count.Output(); err != nil || !strings.HasPrefix(string(out), fmt.Sprint(lines)) {
				b.Fatalf("wc -l: %s %v", out, err)
			}
			wc := time.Since(began)
			wcCPU := count.ProcessState.UserTime() + count.ProcessState.SystemTime()
			before := cpuTime(b)
			began = time.Now()
			s, err := Import(context.Background(), path, Options{Format: format, Workers: workers}, func([]incident.Fact) error { return nil })
			if err != nil || s.Parsed != lines {
				b.Fatalf("%d lines of %d, %v", s.Parsed, lines, err)
			}
			ours := time.Since(began)
			took += ours
			ratios = append(ratios, float64(ours)/float64(wc))
			cpuRatios = append(cpuRatios, float64(cpuTime(b)-before)/float64(wcCPU))
		}
	}
	slices.Sort(ratios)
	slices.Sort(cpuRatios)
	b.ReportMetric(ratios[len(ratios)/2], "x_wc")
	b.ReportMetric(cpuRatios[len(cpuRatios)/2], "x_wc_cpu")
	b.ReportMetric(float64(lines)*float64(len(ratios))/took.Seconds(), "lines/s")
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
