package grpcconfig

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"tripcurve/internal/formats/trap"
)

func TestMain(m *testing.M) {
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		_ = flag.Set("rewrite", "true")
	}
	os.Exit(m.Run())
}

// TestFiles runs testdata/read.txt: what a config says, written again, and its
// traps. What we write grpc-go must take, and reading it again must change nothing.
func TestFiles(t *testing.T) {
	datadriven.RunTest(t, "testdata/read.txt", func(t *testing.T, d *datadriven.TestData) string {
		c, err := Read("service.json", d.Input)
		if err != nil {
			return err.Error() + "\n"
		}
		text := Write(c)
		if err := refused(text); err != nil {
			t.Errorf("grpc-go refuses what was written: %v\n%s", err, text)
		}
		again, err := Read("service.json", text)
		if err != nil || Write(again) != text {
			t.Errorf("%s\nbecame %s, %v", text, Write(again), err)
		}
		return text + strings.Join(append(trap.Sentences(Traps(c)), ""), "\n")
	})
}

// refused is grpc-go's own opinion of a config.
func refused(text string) error {
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(text))
	if err != nil {
		return err
	}
	return conn.Close()
}

func FuzzRead(f *testing.F) {
	f.Add(`{"methodConfig": [{"name": [{"service": "a.B"}], "timeout": "5s", "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`)
	f.Add(`{"loadBalancingConfig": [{"round_robin": {}}], "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Read("f", text)
		if err != nil {
			return
		}
		_ = Traps(c)
		written := Write(c)
		again, err := Read("f", written)
		if err != nil || Write(again) != written {
			t.Errorf("%s\nbecame %s, %v", written, Write(again), err)
		}
	})
}
