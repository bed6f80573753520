package tune

import "testing"

func TestTook(t *testing.T) {
	for s, want := range map[float64]string{0.0002: "0.2 ms", 0.0151: "15.1 ms", 1.234: "1.23 s"} {
		if got := took(s); got != want {
			t.Errorf("%g s is %q, want %q", s, got, want)
		}
	}
}
