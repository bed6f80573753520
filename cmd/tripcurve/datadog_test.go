package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestSourcesOfDatadog asks a server that stands for Datadog for metrics, spans and
// logs, with the built commands' own flags.
func TestSourcesOfDatadog(t *testing.T) {
	at := time.Now().UTC().Add(-30 * time.Second)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("DD-API-KEY") != "key-0123" || r.Header.Get("DD-APPLICATION-KEY") != "app-4567" {
			t.Error("the keys are not in the request")
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api/v1/query":
			fmt.Fprintf(w, `{"status":"ok","series":[{"metric":"grpc.client.duration","pointlist":[[%d,30000]],"unit":[{"family":"time","name":"millisecond","short_name":"ms","scale_factor":0.001},null]}]}`, at.UnixMilli())
		case "/api/v2/query/timeseries":
			if !strings.Contains(string(body), `"stat":"latency_p99"`) {
				t.Errorf("asked %s", body)
			}
			fmt.Fprintf(w, `{"data":{"attributes":{"series":[{"group_tags":[]}],"times":[%d],"values":[[0.5]]}}}`, at.UnixMilli())
		case "/api/v1/logs-queries/list":
			fmt.Fprintf(w, `{"status":"done","logs":[{"id":"a","content":{"timestamp":%q,"attributes":{"http":{"method":"POST","status_code":"502","url_details":{"path":"/api/orders"}},"duration":30002000000}}}]}`, at.Format("2006-01-02T15:04:05.000Z"))
		default:
			t.Errorf("asked %s", r.URL)
		}
	}))
	defer srv.Close()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--datadog-query", "p99:grpc.client.duration{*}", "--datadog-logs", "service:gateway"}, []string{"ok    datadog (datadog): 1 series, 1 point", "ok    datadog-logs (gateway): 1 request"}},
		{[]string{"--datadog-query", "apm:latency_p99 service:order env:prod"}, []string{"ok    datadog (datadog): 1 series, 1 point"}},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "tripcurve", append([]string{"sources", "test", "--for", "3s"}, c.args...)...)
		cmd.Env = append(os.Environ(), "DD_API_KEY=key-0123", "DD_APP_KEY=app-4567", "DD_URL="+srv.URL)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s%s", c.args, err, stdout.String(), stderr.String())
		}
		for _, want := range c.want {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%v says\n%s\nwant %q", c.args, stdout.String(), want)
			}
		}
		if all := stdout.String() + stderr.String(); strings.Contains(all, "key-0123") || strings.Contains(all, "app-4567") {
			t.Error("a key is shown")
		}
	}
}
