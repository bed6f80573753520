package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tripcurve/internal/config"
)

// An import of a pipe that says nothing, or nothing more, ends when it is interrupted.
func TestImportOfASilentPipeEnds(t *testing.T) {
	for name, said := range map[string]string{"nothing": "", "a line": "10.0.0.7 - - [15/Jan/2026:14:24:01 +0000] \"POST /api/orders HTTP/1.1\" 502 157 \"-\" \"x\" 60.001\n"} {
		t.Run(name, func(t *testing.T) {
			pipe, end := io.Pipe()
			defer end.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				_, _ = io.WriteString(end, said) // it is read, and then nothing comes
				cancel()
			}()
			var errs strings.Builder
			home := t.TempDir()
			env := func(k string) string { return map[string]string{"HOME": home}[k] }
			out := filepath.Join(home, "x.incident")
			a := &app{stdin: pipe, stdout: io.Discard, stderr: &errs, env: env, paths: config.FindPaths(env)}
			code := make(chan int, 1)
			go func() { code <- a.execute(ctx, []string{"import", "-", "-o", out}) }()
			select {
			case c := <-code:
				if c != exitUsage {
					t.Errorf("exit code %d: %s", c, errs.String())
				}
			case <-time.After(time.Minute):
				t.Fatal("it waits on")
			}
			if _, err := os.Stat(out); err == nil && said == "" {
				t.Error("a file without anything in it was left")
			}
		})
	}
}

func TestInterruptibleReadsAll(t *testing.T) {
	text := strings.Repeat("0123456789", 50_000)
	if err := iotest.TestReader(interruptible(t.Context(), strings.NewReader(text)), []byte(text)); err != nil {
		t.Error(err)
	}
	got, err := io.ReadAll(interruptible(t.Context(), iotest.DataErrReader(strings.NewReader(text))))
	if err != nil || string(got) != text {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
