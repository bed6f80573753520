package tui

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestLoadingWaitsForTheFirstFrame(t *testing.T) {
	for _, tt := range []struct {
		what  string
		shown time.Duration // when the first frame has left; negative: never
		want  time.Duration
	}{
		{"a frame after 20 ms", 20 * time.Millisecond, 20 * time.Millisecond},
		{"a terminal that nobody reads", -1, firstFrame},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shown := make(chan struct{})
				if tt.shown >= 0 {
					time.AfterFunc(tt.shown, func() { close(shown) })
				}
				began := time.Now()
				var took time.Duration
				r := newRoot(Options{Name: "x", shown: shown, Context: t.Context(), Load: func(context.Context) (EvidenceMsg, error) {
					took = time.Since(began)
					return EvidenceMsg{}, nil
				}})
				r.load()()
				if took != tt.want {
					t.Errorf("loaded after %v, want %v", took, tt.want)
				}
			})
		})
	}
}
