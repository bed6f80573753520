package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tripcurve/internal/config"
)

// tested runs `sources test` in this process.
func tested(t *testing.T, args ...string) (map[string]*trial, string, int) {
	t.Helper()
	home := t.TempDir()
	env := func(k string) string { return map[string]string{"HOME": home}[k] }
	var out, errs strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, env: env, paths: config.FindPaths(env)}
	code := a.execute(t.Context(), append([]string{"sources", "test", "--for", "1s", "--format", "json"}, args...))
	var said sourcesTested
	if err := json.Unmarshal([]byte(out.String()), &said); err != nil {
		t.Fatalf("%v; %s%s", err, out.String(), errs.String())
	}
	byName := map[string]*trial{}
	for _, x := range said.Sources {
		byName[x.Name] = x
	}
	return byName, errs.String(), code
}

// TestSourcesTestSaysWhatIsSeenAndLacking configures sources of all kinds that HTTP
// and files can stand for, each lacking something else.
func TestSourcesTestSaysWhatIsSeenAndLacking(t *testing.T) {
	var scrapes atomic.Int64
	page := func(lines string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, strings.ReplaceAll(lines, "N", fmt.Sprint(scrapes.Add(1))))
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	prom := func(week string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			answer := `{"status":"success","data":[]}`
			from := r.FormValue("start")
			if i := strings.IndexByte(from, '.'); i > 0 {
				from = from[:i]
			}
			var s int64
			_, _ = fmt.Sscan(from, &s)
			if time.Since(time.Unix(s, 0)) > 6*24*time.Hour {
				answer = fmt.Sprintf(`{"status":"success","data":[%s]}`, week)
			}
			if strings.HasSuffix(r.URL.Path, "/query") {
				answer = `{"status":"success","data":{"resultType":"matrix","result":[]}}`
			}
			fmt.Fprint(w, answer)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	dir := t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("quiet.log", strings.Repeat(`198.51.100.7 - - [15/Jan/2026:14:23:01 +0000] "GET /api/orders/1 HTTP/1.1" 200 137 "-" "curl/8" 0.042 0.041 10.0.3.15:8080 200`+"\n", 20))
	put("odd.log", strings.Repeat("what a night\n", 20))
	put("empty.log", "")
	file := put("config.yaml", fmt.Sprintf(`
sources:
  gateway_logs:
    - {name: quiet, path: quiet.log}
    - {name: odd, path: odd.log}
    - {name: empty, path: empty.log}
  metrics:
    - {name: full, every: 200ms, url: %q}
    - {name: late, every: 200ms, url: %q}
    - {name: odd-names, every: 200ms, url: %q, call_names: [duration=rpc_took method=rpc]}
    - {name: other, url: %q}
  prometheus:
    - {name: idle, url: %q}
    - {name: misspelt, url: %q}
`,
		page("grpc_client_started_total{grpc_method=\"Reserve\"} N\ngrpc_client_handled_total{grpc_method=\"Reserve\"} N\n"),
		page("# TYPE grpc_client_handling_seconds histogram\ngrpc_client_handling_seconds_bucket{le=\"+Inf\"} 1\ngrpc_client_handling_seconds_sum 1\ngrpc_client_handling_seconds_count 1\n"),
		page("# TYPE rpc_took histogram\nrpc_took_bucket{le=\"5\"} N\nrpc_took_bucket{le=\"+Inf\"} N\nrpc_took_sum N\nrpc_took_count N\n"),
		page("go_goroutines 7\n"),
		prom(`{"__name__":"grpc_client_started_total","instance":"a"}`), prom("")))

	got, errs, code := tested(t, "--config", file)
	for name, want := range map[string]struct {
		reached bool
		says    string // in detail, sees or lacks
	}{
		"quiet":     {true, "nginx"},
		"odd":       {false, "unknown format"},
		"empty":     {true, "no line came, and the log has none"},
		"full":      {true, "calls in flight: started and finished calls are both counted"},
		"late":      {true, "no counter of started calls: a call that hangs is in none of these metrics"},
		"odd-names": {true, "the unit of rpc_took is not known"},
		"other":     {true, "no metric of calls, breakers or pools on this page"},
		"idle":      {true, "no series now, but there were some in the last 7 days"},
		"misspelt":  {true, "no series in the last 7 days either: not found, a name is misspelt"},
	} {
		x := got[name]
		if x == nil {
			t.Errorf("nothing of %s", name)
			continue
		}
		said := strings.Join(append(append([]string{x.Detail}, x.Sees...), x.Lacks...), "\n")
		if x.Reached != want.reached || !strings.Contains(said, want.says) {
			t.Errorf("%s: reached %v, says\n%s\nwant %v, %q", name, x.Reached, said, want.reached, want.says)
		}
	}
	if q := got["quiet"]; q != nil && (q.Existing != 20 || q.Requests != 0) {
		t.Errorf("of the quiet log %d requests are there already, %d came", q.Existing, q.Requests)
	}
	if f := got["full"]; f != nil && (f.ClockAhead == nil || *f.ClockAhead > *f.ClockWithin || strings.Contains(strings.Join(f.Lacks, ""), "idle")) {
		t.Errorf("full: %+v", f)
	}
	if l := got["late"]; l != nil && !strings.Contains(strings.Join(l.Lacks, ""), "idle: no counter moved meanwhile") {
		t.Errorf("a page whose counters stand still is not idle: %v", l.Lacks)
	}
	if code != exitUnreachable {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestProxiesComeFromTheEnvironment scrapes a host that only a proxy can find.
func TestProxiesComeFromTheEnvironment(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "metrics.invalid" {
			http.Error(w, "unknown host", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintln(w, "grpc_client_started_total 1")
	}))
	defer proxy.Close()
	for _, c := range []struct {
		env  []string
		code int
		says string
	}{
		{[]string{"HTTP_PROXY=" + proxy.URL}, exitFine, "ok    metrics.invalid"},
		{[]string{"HTTP_PROXY=" + proxy.URL, "NO_PROXY=.invalid,metrics.invalid"}, exitUnreachable, "DOWN  metrics.invalid"},
	} {
		cmd := exec.Command(binary(t, "tripcurve"), "sources", "test", "--for", "1s", "--metrics", "http://metrics.invalid/metrics")
		cmd.Env = append([]string{"HOME=" + t.TempDir()}, c.env...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s", c.env, code, c.code, c.says, out)
		}
	}
}
