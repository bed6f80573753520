package sources

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const whole = `color: never
sources:
  postgres:
    - name: shop
      dsn: postgres://monitor@db1.example/shop
      password: {command: [vault, read, 7]}
      every: 500ms
      tls: {ca: ca.pem, cert: /etc/c.pem, key: k.pem, server_name: db1}
    - name: stock
      service: stock
      service_file: pg_service.conf
      passfile: pgpass
  gateway_logs:
    - name: edge
      path: access.log
      format: nginx_timed
      routes: ['GET /api/orders/:id']
      routes_file: routes.txt
      openapi: openapi.yaml
    - {name: pipe, path: '-'}
  prometheus:
    - name: prom
      url: https://monitor@prom.example
      password: env:PROM_PASSWORD
      tenant: shop
      queries: ['sum(up)']
      step: 30s
      max_series: 500
  metrics:
    - name: order
      url: 10.0.3.15:9090
      token: 'command:["print-token", "order"]'
      call_names: [duration=rpc_took unit=ms]
  datadog:
    - name: p99
      query: 'p99:x{*}'
      api_key: file:dd-api-key
      app_key: env:DD_APP
      site: datadoghq.eu
      unit: ms
      every: 1m
  datadog_logs:
    - name: kept
      query: service:gateway
      index: main
      site: datadoghq.eu
      api_key: file:dd-api-key
      app_key: env:DD_APP
      format: nginx_timed
      routes: ['GET /api/orders/:id']
      every: 1m
  otlp:
    - name: exporters
      listen: 127.0.0.1:4317
      call_names: [duration=rpc_took unit=ms]
      token: file:otlp-token
      tls: {cert: otlp.pem, key: otlp.key}
  channelz:
    - {name: inventory, address: '10.0.3.16:9090', every: 2s, token: env:CHANNELZ_TOKEN, tls: {server_name: inventory}}
recording:
  keep: 24h
  max_size: 1.5GiB
  max_facts: 5000
`

func TestEveryKeyIsRead(t *testing.T) {
	c, err := Read("/etc/tripcurve/config.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Postgres: []Postgres{
			{
				Entry: Entry{"shop", "postgres", 4}, DSN: "postgres://monitor@db1.example/shop",
				Password: Secret{Command: []string{"vault", "read", "7"}}, Every: 500 * time.Millisecond,
				TLS: TLS{CA: "/etc/tripcurve/ca.pem", Cert: "/etc/c.pem", Key: "/etc/tripcurve/k.pem", ServerName: "db1"},
			},
			{Entry: Entry{"stock", "postgres", 9}, Service: "stock", ServiceFile: "/etc/tripcurve/pg_service.conf", PassFile: "/etc/tripcurve/pgpass"},
		},
		GatewayLogs: []GatewayLog{
			{Entry: Entry{"edge", "gateway_logs", 14}, Path: "/etc/tripcurve/access.log", Format: "nginx_timed", Routes: []string{"GET /api/orders/:id"}, RoutesFile: "/etc/tripcurve/routes.txt", OpenAPI: "/etc/tripcurve/openapi.yaml"},
			{Entry: Entry{"pipe", "gateway_logs", 20}, Path: "-"},
		},
		Prometheus: []Prometheus{{
			Entry:   Entry{"prom", "prometheus", 22},
			Access:  Access{URL: "https://monitor@prom.example", Password: Secret{Env: "PROM_PASSWORD"}, Tenant: "shop"},
			Queries: []string{"sum(up)"}, Step: 30 * time.Second, Series: 500,
		}},
		Metrics: []Metrics{{
			Entry:     Entry{"order", "metrics", 30},
			Access:    Access{URL: "10.0.3.15:9090", Token: Secret{Command: []string{"print-token", "order"}}},
			CallNames: []string{"duration=rpc_took unit=ms"},
		}},
		Datadog: []Datadog{{
			Entry: Entry{"p99", "datadog", 35}, Query: "p99:x{*}", Site: "datadoghq.eu", Unit: "ms", Every: time.Minute,
			APIKey: Secret{File: "/etc/tripcurve/dd-api-key"}, AppKey: Secret{Env: "DD_APP"},
		}},
		DatadogLogs: []DatadogLogs{{
			Entry: Entry{"kept", "datadog_logs", 43}, Query: "service:gateway", Index: "main", Site: "datadoghq.eu", Every: time.Minute,
			APIKey: Secret{File: "/etc/tripcurve/dd-api-key"}, AppKey: Secret{Env: "DD_APP"}, Format: "nginx_timed", Routes: []string{"GET /api/orders/:id"},
		}},
		OTLP: []OTLP{{
			Entry: Entry{"exporters", "otlp", 53}, Listen: "127.0.0.1:4317", CallNames: []string{"duration=rpc_took unit=ms"},
			Token: Secret{File: "/etc/tripcurve/otlp-token"}, TLS: TLS{Cert: "/etc/tripcurve/otlp.pem", Key: "/etc/tripcurve/otlp.key"},
		}},
		Channelz: []Channelz{{
			Entry: Entry{"inventory", "channelz", 59}, Address: "10.0.3.16:9090", Every: 2 * time.Second,
			Token: Secret{Env: "CHANNELZ_TOKEN"}, TLS: TLS{ServerName: "inventory"},
		}},
		Recording: Recording{Keep: 24 * time.Hour, MaxSize: 3 << 29, Facts: 5000},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("config (-want +got):\n%s", d)
	}
	var names []string
	for _, e := range c.Entries() {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "shop stock edge pipe prom order p99 kept exporters inventory" {
		t.Errorf("entries %s", got)
	}
}

func TestMistakesNameTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown kind":       {"sources:\n  mysql: []\n", `:2:3: no kind of source is called "mysql"; expected one of postgres,`},
		"unknown key":        {"sources:\n  postgres:\n    - name: a\n      dns: x\n", `:4:7: `},
		"no name":            {"sources:\n  postgres:\n    - dsn: host=a\n", `:3:7: found a source of postgres without a name, expected name: what to call it`},
		"a name twice":       {"sources:\n  postgres:\n    - name: a\n  metrics:\n    - name: a\n      url: x\n", `:5:13: found "a", the name of the source in line 3, expected another name`},
		"no list":            {"sources:\n  postgres: host=a\n", `:2:13: found no list, expected a list of sources`},
		"no mapping":         {"sources:\n  postgres: [host=a]\n", `:2:14: found no mapping, expected a mapping with name, dsn,`},
		"too often":          {"sources:\n  postgres:\n    - name: a\n      every: 1ms\n", `:4:14: found "1ms", expected a duration from 100ms to 1h, such as 1s`},
		"a bare number":      {"sources:\n  postgres:\n    - name: a\n      every: 1\n", `:4:14: found 1, expected a duration from`},
		"a key without cert": {"sources:\n  postgres:\n    - name: a\n      tls: {key: k}\n", `found one of cert and key, expected cert and key together`},
		"a log without path": {"sources:\n  gateway_logs:\n    - name: a\n", `:3:7: found the log "a" without a path`},
		"two of stdin":       {"sources:\n  gateway_logs:\n    - {name: a, path: '-'}\n    - {name: b, path: '-'}\n", `:4:23: found the standard input a second time, after line 3`},
		"no url":             {"sources:\n  metrics:\n    - name: a\n", `:3:7: found the source "a" without a url`},
		"token and password": {"sources:\n  metrics:\n    - {name: a, url: x, token: env:A, password: env:B}\n", `found a password beside a token`},
		"too many series":    {"sources:\n  metrics:\n    - {name: a, url: x, max_series: 0}\n", `found 0, expected a whole number from 1 up to 20000`},
		"a small file":       {"recording:\n  max_size: 12\n", `:2:13: found 12, expected a size of 1MiB or more`},
		"kept too briefly":   {"recording:\n  keep: 1m\n", `:2:9: found "1m", expected a duration from 10m on`},
		"no log query":       {"sources:\n  datadog_logs:\n    - name: a\n", `query: what to search for`},
		"nowhere to listen":  {"sources:\n  otlp:\n    - name: a\n", `listen: the address to listen on`},
		"nobody to ask":      {"sources:\n  channelz:\n    - name: a\n", `address: the process to ask`},
		"no query":           {"sources:\n  datadog:\n    - name: a\n", `found the source "a" without a query`},
		"not yaml":           {"sources: [\n", `config.yaml:1:`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("config.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want one with %q", err, c.want)
			}
		})
	}
}

func TestACredentialInTheFileIsRefusedAndNotRepeated(t *testing.T) {
	for _, source := range []string{
		"postgres: [{name: a, dsn: 'postgres://u:hunter2@db/shop'}]",
		"postgres: [{name: a, dsn: 'postgres://u:hunter2%zz@db/shop'}]",
		"postgres: [{name: a, dsn: 'postgres://db/shop?user=u&password=hunter2'}]",
		"postgres: [{name: a, dsn: \"host=db password='hunter2'\"}]",
		"postgres: [{name: a, dsn: 'host=db sslpassword=hunter2'}]",
		"postgres: [{name: a, password: hunter2}]",
		"postgres: [{name: a, password: 'hunter2:x'}]",
		"postgres: [{name: a, password: 'env:hunter2!'}]",
		"postgres: [{name: a, password: [hunter2]}]",
		"postgres: [{name: a, password: {value: hunter2}}]",
		"postgres: [{name: a, password: {command: hunter2}}]",
		"postgres: [{name: a, password: 'command:hunter2'}]",
		"postgres: ['postgres://u:hunter2@db/shop']",
		"postgres: 'postgres://u:hunter2@db/shop'",
		"prometheus: [{name: a, url: 'https://u:hunter2@prom'}]",
		"metrics: [{name: a, url: 'http://x/metrics?access_token=hunter2'}]",
		"metrics: [{name: a, url: x, token: hunter2}]",
		"datadog: [{name: a, query: x, api_key: hunter2}]",
		"datadog: [{name: a, query: x, app_key: 0x68756e74657232}]",
	} {
		_, err := Read("config.yaml", []byte("sources:\n  "+source+"\n"))
		if err == nil || !strings.Contains(err.Error(), "config.yaml:2:") {
			t.Errorf("%s: error %v; want one with the place", source, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "68756e74")) {
			t.Errorf("%s: the credential is in %v", source, err)
		}
	}
	for _, dsn := range []string{"postgres://u@db/shop", "postgres://db:5433/shop", "host=db passfile=/x", "host=db sslkey=/x", "postgres://u@[::1]:5432/shop"} {
		if _, err := Read("config.yaml", []byte("sources:\n  postgres: [{name: a, dsn: '"+dsn+"'}]\n")); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestSecretsAreReadWhereTheyAre(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(" t0k3n\n")
	env := func(k string) string { return map[string]string{"HERE": "v4lue"}[k] }
	for _, c := range []struct {
		s          Secret
		want, fail string
	}{
		{Secret{Env: "HERE"}, "v4lue", ""},
		{Secret{Env: "GONE"}, "", "the variable GONE is not set"},
		{Secret{File: file}, "t0k3n", ""},
		{Secret{File: filepath.Join(dir, "none")}, "", "no such file"},
		{Secret{Command: []string{"printf", "a b\n"}}, "a b", ""},
		{Secret{Command: []string{"sh", "-c", "echo s3cret; echo s3cret >&2; exit 3"}}, "", "command sh: exit status 3"},
		{Secret{Command: []string{"no-such-program"}}, "", "command no-such-program: "},
		{Secret{Command: []string{"true"}}, "", "command true gives nothing"},
		{Secret{Command: []string{"printf", "s3cret\\ns3cret"}}, "", "gives more than one line"},
		{Secret{Command: []string{"head", "-c", "100000", "/dev/zero"}}, "", "gives more than 64 KiB"},
	} {
		got, err := c.s.Read(t.Context(), env)
		if got != c.want || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%s: %q, %v; want %q, %q", c.s, got, err, c.want, c.fail)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the credential is in %v", err)
		}
	}
	put("next")
	if got, err := (Secret{File: file}).Read(t.Context(), env); got != "next" {
		t.Errorf("after a rotation %q, %v", got, err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := (Secret{Command: []string{"sleep", "60"}}).Read(ctx, env); err == nil {
		t.Error("a command that does not end is waited for")
	}
}

// What a command has started ends with it: a pipe has an end when nobody has it open
// for writing any more.
func TestACommandLeavesNothingBehind(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "child")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	began := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		f, err := os.Open(pipe)
		close(began)
		if err == nil {
			_, err = io.Copy(io.Discard, f)
			f.Close()
		}
		ended <- err
	}()
	read := make(chan error, 1)
	go func() {
		_, err := (Secret{Command: []string{"sh", "-c", `sleep 60 >"$0" & wait`, pipe}}).Read(ctx, os.Getenv)
		read <- err
	}()
	<-began
	stop()
	if err := <-read; err == nil {
		t.Error("a command that was stopped gives a credential")
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("what the command has started still runs")
	}
}

func TestTheTemplateIsASettingsFile(t *testing.T) {
	if c, err := Read("config.yaml", Template); err != nil || len(c.Entries()) != 0 {
		t.Errorf("as it is: %v, %v", c, err)
	}
	// Indented lines behind a # are examples; three blanks are talk.
	example := regexp.MustCompile(`^(  )+[a-z-]`)
	var lines []string
	for line := range strings.Lines(string(Template)) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && example.MatchString(rest) {
			line = rest
		}
		lines = append(lines, line)
	}
	c, err := Read("config.yaml", []byte(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Entries()); got != len(Kinds) {
		t.Errorf("uncommented it has %d sources, want one of each of %v", got, Kinds)
	}
	if c.Recording == (Recording{}) {
		t.Error("uncommented it bounds no recording")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(Template)
	f.Add([]byte("sources:\n  postgres: [{name: a, password: 'command:[a, b]'}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 8<<10 {
			return
		}
		c, err := Read("config.yaml", text)
		if err != nil {
			if c != nil {
				t.Errorf("a config beside the error %v", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, e := range c.Entries() {
			if e.Name == "" || seen[e.Name] {
				t.Errorf("the name %q, again %v", e.Name, seen[e.Name])
			}
			seen[e.Name] = true
		}
		for _, p := range c.Postgres {
			if p.Every != 0 && (p.Every < leastEvery || p.Every > mostEvery) {
				t.Errorf("every %s", p.Every)
			}
		}
	})
}

// What can be written is written down.
func TestEveryKeyIsInTheDocument(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, m := range regexp.MustCompile("[`{]([a-z_]+)[`:]").FindAllStringSubmatch(string(doc), -1) {
		said[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`([a-z_]+): `).FindAllStringSubmatch(strings.ReplaceAll(whole, "color: never", ""), -1) {
		if !said[m[1]] {
			t.Errorf("docs/sources.md does not explain %s", m[1])
		}
	}
	for _, kind := range Kinds {
		if !strings.Contains(string(doc), "  "+kind+": [...]") {
			t.Errorf("docs/sources.md does not list %s", kind)
		}
	}
}
