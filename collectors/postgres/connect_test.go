package postgres

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tripcurve/internal/incident"
)

func TestThePasswordIsInNoError(t *testing.T) {
	// A listener that hangs up at once stands for a server that refuses.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	addr := l.Addr().String()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, dsn string
		want      error
	}{
		{"refused URL", "postgres://bob:hunter2@" + addr + "/shop?sslmode=disable", ErrUnreachable},
		{"refused keywords", "host=" + host + " port=" + port + " user=bob password='hunter2' sslmode=disable", ErrUnreachable},
		{"escaped password", "postgres://bob:hunter2%40home@" + addr + "/shop", ErrUnreachable},
		{"bad port", "postgres://bob:hunter2@db:port/shop", ErrDSN},
		{"bad escape", "postgres://bob:hunter2%zz@db/shop", ErrDSN},
		{"slash in the password", "postgres://bob:hunter2/x#y@db:99999999/shop", ErrDSN},
		{"bad keyword value", "host=db password=hunter2 port=many", ErrDSN},
		{"quote left open", "host=db password='hunter2", ErrDSN},
		{"unknown sslmode", "postgres://bob:hunter2@db/shop?sslmode=maybe", ErrDSN},
		{"no DSN at all", "hunter2", ErrDSN},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, err := SampleOnce(ctx, tt.dsn)
			if !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			if err != nil && tt.dsn != "hunter2" && strings.Contains(err.Error(), "hunter2") || strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("the password, or a line break, is in %q", err)
			}
			c, err := New(Config{Access: Access{DSN: tt.dsn}})
			if (err != nil) != errors.Is(tt.want, ErrDSN) {
				t.Errorf("New: %v", err)
			}
			if err == nil {
				if s := c.Source(); strings.Contains(s.Detail, "hunter2") || s.State != incident.SourceDown {
					t.Errorf("source = %+v", s)
				}
			}
		})
	}
}

func TestParseKeepsToOurOwnSettings(t *testing.T) {
	t.Setenv("PGAPPNAME", "somebody-else")
	t.Setenv("PGHOST", "db.internal")
	tg, err := parse(Access{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tg.config.RuntimeParams["application_name"]; got != "tripcurve" {
		t.Errorf("application_name = %q", got)
	}
	if tg.config.Host != "db.internal" || tg.config.ConnectTimeout != connectTimeout || tg.config.DefaultQueryExecMode != pgx.QueryExecModeExec {
		t.Errorf("host %q, connect timeout %s, mode %s", tg.config.Host, tg.config.ConnectTimeout, tg.config.DefaultQueryExecMode)
	}
}

func TestSamplingChangesItsWay(t *testing.T) {
	c, err := New(Config{Access: Access{DSN: "host=db"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		took    time.Duration
		waiting bool
		want    bool
	}{{30 * time.Millisecond, false, false}, {30 * time.Millisecond, true, true}, {10 * time.Millisecond, true, true}, {3 * time.Millisecond, true, false}} {
		x := sample(1)
		if step.waiting {
			x = sample(1, migration(), writer(51002, 1))
		}
		x.Took = step.took
		if c.adapt(x); c.derive != step.want {
			t.Errorf("after a sample of %s, waiters %v: derive = %v", step.took, step.waiting, c.derive)
		}
	}
}
