package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"tripcurve/services/lab"
)

func TestLabExitCodes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, exitFine},
		{t.Context(), fmt.Errorf("%w: none", lab.ErrNoPostgres), exitUsage},
		{t.Context(), fmt.Errorf("%w in /tmp/x", lab.ErrUp), exitUsage},
		{t.Context(), fmt.Errorf("%w (/tmp/x)", lab.ErrBusy), exitUsage},
		{t.Context(), fmt.Errorf("%w: 127.0.0.1:80", lab.ErrTaken), exitUsage},
		{t.Context(), fmt.Errorf("%w /x is no folder", lab.ErrFolder), exitUsage},
		{t.Context(), errors.New("order was not ready within 30s"), exitUnreachable},
		{ended, context.Canceled, exitUnreachable},
	} {
		code := exitFine
		var exit exitError
		if err := labError(tt.ctx, tt.err); errors.As(err, &exit) {
			code = exit.code
		} else if err != nil {
			t.Errorf("%v: no exit code", tt.err)
		}
		if code != tt.want {
			t.Errorf("%v: exit code %d, want %d", tt.err, code, tt.want)
		}
	}
}
