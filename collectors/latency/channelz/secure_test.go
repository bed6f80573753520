package channelz

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/channelz/service"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	"tripcurve/collectors/credential"
	"tripcurve/collectors/credential/certtest"
	"tripcurve/internal/incident"
)

// TestTLSAndToken asks a process that wants TLS with the client's certificate, and a
// token.
func TestTLSAndToken(t *testing.T) {
	ca := certtest.New(t)
	ca.Server("order.example")
	ca.Client("tripcurve")
	secure, err := credential.TLS{CA: ca.File("ca.pem"), Cert: ca.File("server.pem"), Key: ca.File("server.key")}.Server()
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.Creds(credentials.NewTLS(secure)), grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if got := metadata.ValueFromIncomingContext(ctx, "authorization"); len(got) != 1 || got[0] != "Bearer t0ken" {
				return nil, grpcstatus.Error(codes.Unauthenticated, "who is that?")
			}
			return next(ctx, req)
		}))
	service.RegisterChannelzServiceToServer(srv)
	addr := serve(t, srv)
	good := credential.TLS{CA: ca.File("ca.pem"), Cert: ca.File("client.pem"), Key: ca.File("client.key")}
	for _, c := range []struct {
		name  string
		tls   credential.TLS
		token credential.Credential
		want  string
	}{
		{"all is well", good, credential.Fixed("t0ken"), ""},
		{"by another name", credential.TLS{CA: good.CA, Cert: good.Cert, Key: good.Key, ServerName: "order.example"}, credential.Fixed("t0ken"), ""},
		{"a name that it has not", credential.TLS{CA: good.CA, Cert: good.Cert, Key: good.Key, ServerName: "stock.example"}, credential.Fixed("t0ken"), "order.example"},
		{"no certificate", credential.TLS{CA: good.CA}, credential.Fixed("t0ken"), "Unavailable"}, // the alert, or a broken pipe, whichever is seen first
		{"another token", good, credential.Fixed("an0ther"), "Unauthenticated: who is that?"},
		{"no token", good, nil, "Unauthenticated: who is that?"},
		{"no TLS", credential.TLS{}, nil, "Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			col, err := New(Config{Addr: addr, TLS: c.tls, Token: c.token})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			out, status := make(chan []incident.Fact, 1), make(chan incident.SourceStatus, 1)
			ended := make(chan error, 1)
			go func() { ended <- col.Run(ctx, out, status) }()
			select {
			case <-out:
				if c.want != "" {
					t.Errorf("it answers, expected %q", c.want)
				}
				cancel()
				<-ended
			case err := <-ended:
				if c.want == "" || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "an0ther") {
					t.Errorf("%v, expected %q", err, c.want)
				}
			}
		})
	}
}

func TestTokensDoNotTravelOpenly(t *testing.T) {
	for addr, want := range map[string]error{"127.0.0.1:9090": nil, "[::1]:9090": nil, "localhost:9090": nil, "10.0.3.15:9090": ErrOpen, "order.example:9090": ErrOpen} {
		if _, err := New(Config{Addr: addr, Token: credential.Fixed("t0ken")}); !errors.Is(err, want) {
			t.Errorf("%s: %v, expected %v", addr, err, want)
		}
	}
	if _, err := New(Config{Addr: "order.example:9090", Token: credential.Fixed("t0ken"), TLS: credential.TLS{ServerName: "order"}}); err != nil {
		t.Error(err)
	}
}
