//go:build real

package main

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/export/report"
	"tripcurve/internal/promtest"
)

// promHang is how long the shop's calls hang: longer than a hang must be to be
// called one.
const promHang = 35 * time.Second

// TestRealPrometheusFindsTheHang has nothing but a Prometheus to look at: real
// gRPC calls hang behind a real lock, and what was scraped says so, to who joins
// late and to who comes afterwards.
func TestRealPrometheusFindsTheHang(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	u, err := url.Parse(s.metrics)
	if err != nil {
		t.Fatal(err)
	}
	p := promtest.Start(t, "gateway", u.Host)
	begin := time.Now()
	<-time.After(6 * time.Second) // a healthy baseline
	_, _, release := s.migrate()
	<-time.After(promHang)

	finds := func(t *testing.T, file string) {
		t.Helper()
		out, errs, code := command(t, "analyze", file, "--format", "json")
		var rep report.Report
		if code != exitFindings {
			t.Fatalf("exit code %d: %s%s", code, out, errs)
		}
		if err := json.Unmarshal([]byte(out), &rep); err != nil {
			t.Fatal(err)
		}
		t.Log(rep.Sentence)
		if !strings.Contains(rep.Sentence, "gateway") || !strings.Contains(rep.Sentence, "inventory") || !strings.Contains(rep.Sentence, "deadline") {
			t.Errorf("the sentence does not say that calls of gateway to inventory hang without a deadline: %s", rep.Sentence)
		}
	}
	t.Run("for who joins late", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "late.incident")
		_, errs, code := command(t, "record", "--for", "3s", "--record", file, "--prometheus", p.URL, "--since", "2m")
		if code != exitFine {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		finds(t, file)
	})
	release()
	<-time.After(5 * time.Second)
	end := time.Now()
	t.Run("afterwards", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "after.incident")
		args := []string{"import", "--prometheus", p.URL, "--from", begin.UTC().Format(time.RFC3339), "--to", end.UTC().Format(time.RFC3339), "-o", file}
		_, errs, code := command(t, args...)
		if code != exitFine || !strings.Contains(errs, "of 1 target") {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		finds(t, file)
		before := points(t, file)
		if _, errs, code := command(t, args...); code != exitFine {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		if after := points(t, file); after != before {
			t.Errorf("%s when the range was imported again, %s before", after, before)
		}
	})
}

// points is what inspect counts of samples.
func points(t *testing.T, file string) string {
	t.Helper()
	out, errs, code := command(t, "inspect", file)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "point") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("exit code %d, no points in:\n%s%s", code, out, errs)
	return ""
}
