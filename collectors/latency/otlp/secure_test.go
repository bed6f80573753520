package otlp

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpcstatus "google.golang.org/grpc/status"

	"tripcurve/collectors/credential"
	"tripcurve/collectors/credential/certtest"
	"tripcurve/internal/incident"
)

// exportOnce sends a gauge by the SDK's exporter.
func exportOnce(t *testing.T, exporter metric.Exporter) error {
	t.Helper()
	provider := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(exporter, metric.WithInterval(time.Hour))))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	g, err := provider.Meter("test").Int64Gauge("db.pool.in_use")
	if err != nil {
		t.Fatal(err)
	}
	g.Record(t.Context(), 7)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return provider.ForceFlush(ctx)
}

// secureExporters are the SDK's, by transport, with a client's files and a token.
func secureExporters(t *testing.T, addr string, c credential.TLS, token string) map[string]metric.Exporter {
	t.Helper()
	secure, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	header := map[string]string{}
	if token != "" {
		header["authorization"] = "Bearer " + token
	}
	overGRPC, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(addr), otlpmetricgrpc.WithTLSCredentials(credentials.NewTLS(secure)),
		otlpmetricgrpc.WithHeaders(header), otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{}))
	if err != nil {
		t.Fatal(err)
	}
	overHTTP, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpoint(addr), otlpmetrichttp.WithTLSClientConfig(secure),
		otlpmetrichttp.WithHeaders(header), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]metric.Exporter{"grpc": overGRPC, "http": overHTTP}
}

// TestTLSAndToken: over TLS, with and without exporters' certificates, only who has the
// token of now is heard.
func TestTLSAndToken(t *testing.T) {
	ca := certtest.New(t)
	ca.Server("collector.example")
	ca.Client("order")
	token := filepath.Join(t.TempDir(), "token")
	rotate := func(value string) {
		t.Helper()
		if err := os.WriteFile(token, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rotate("first")
	server := credential.TLS{Cert: ca.File("server.pem"), Key: ca.File("server.key")}
	client := credential.TLS{CA: ca.File("ca.pem"), ServerName: "collector.example"}
	l := listen(t, ReceiverConfig{TLS: server, Token: credential.File(token)})
	heard := func(addr string, c credential.TLS, token, want string) {
		t.Helper()
		for transport, e := range secureExporters(t, addr, c, token) {
			err := exportOnce(t, e)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s, token %q: %v, expected %q", transport, token, err, want)
			}
			if transport == "grpc" && want == errToken.Error() && grpcstatus.Code(err) != codes.Unauthenticated {
				t.Errorf("%s: code %s", transport, grpcstatus.Code(err))
			}
		}
	}
	heard(l.Addr(), client, "first", "")
	if _, status := l.view(); status.State != incident.SourceOK {
		t.Errorf("status %+v", status)
	}
	heard(l.Addr(), client, "", errToken.Error())
	heard(l.Addr(), client, "second", errToken.Error())
	rotate("second")
	heard(l.Addr(), client, "second", "")
	heard(l.Addr(), client, "first", errToken.Error())
	heard(l.Addr(), credential.TLS{CA: ca.File("ca.pem"), ServerName: "another.example"}, "second", "another.example")
	rotate("")
	heard(l.Addr(), client, "second", errUnread.Error())

	server.CA = ca.File("ca.pem")
	l = listen(t, ReceiverConfig{TLS: server})
	heard(l.Addr(), client, "", "failed to upload") // the alert, or a broken pipe, whichever is seen first
	client.Cert, client.Key = ca.File("client.pem"), ca.File("client.key")
	heard(l.Addr(), client, "", "")
}

// TestTokenWithoutTLS: on loopback a token is looked for as well.
func TestTokenWithoutTLS(t *testing.T) {
	l := listen(t, ReceiverConfig{Token: credential.Fixed("t0ken")})
	for _, c := range []struct {
		header []string
		code   int
	}{
		{nil, http.StatusUnauthorized},
		{[]string{"Authorization", "Basic t0ken"}, http.StatusUnauthorized},
		{[]string{"Authorization", "Bearer t0ke"}, http.StatusUnauthorized},
		{[]string{"Authorization", "bearer t0ken"}, http.StatusOK},
	} {
		resp, body := l.post(t, nil, append([]string{"Content-Type", typeProtobuf}, c.header...)...)
		if resp.StatusCode != c.code || c.code == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%v: %d %v, expected %d", c.header, resp.StatusCode, resp.Header, c.code)
		}
		if strings.Contains(body, "t0ken") {
			t.Errorf("%v: the answer tells the token", c.header)
		}
	}
}

func TestUnusableCertificates(t *testing.T) {
	ca := certtest.New(t)
	for _, c := range []struct {
		tls  credential.TLS
		want string
	}{
		{credential.TLS{CA: ca.File("ca.pem")}, "a server needs its certificate and key"},
		{credential.TLS{Cert: ca.File("ca.pem")}, "needed together"},
		{credential.TLS{Cert: ca.File("ca.pem"), Key: ca.File("no.key")}, "our certificate: "},
		{credential.TLS{Cert: ca.File("ca.pem"), Key: ca.File("ca.key"), CA: ca.File("ca.key")}, "holds none"},
	} {
		if _, err := NewReceiver(ReceiverConfig{Addr: "4317", TLS: c.tls}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, expected %q", c.tls, err, c.want)
		}
	}
}
