package incident

import "testing"

func TestParseGRPCCodeKnowsEverySpelling(t *testing.T) {
	for _, c := range []struct {
		want  GRPCCode
		texts []string
	}{
		{0, []string{"OK", "ok", "0"}},
		{1, []string{"Canceled", "CANCELLED", "CANCELED", "Cancelled", "1"}},
		{4, []string{"DeadlineExceeded", "DEADLINE_EXCEEDED", "4"}},
		{14, []string{"Unavailable", "UNAVAILABLE", "14"}},
		{16, []string{"Unauthenticated", "UNAUTHENTICATED", "16"}},
	} {
		for _, text := range c.texts {
			if got, ok := ParseGRPCCode(text); !ok || got != c.want {
				t.Errorf("%q is %v, %v; want %v", text, got, ok, c.want)
			}
		}
	}
	for _, text := range []string{"", "17", "-1", "256", "4294967300", "timeout", "_OTHER"} {
		if got, ok := ParseGRPCCode(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
	for i, name := range grpcCodes {
		if got, ok := ParseGRPCCode(name); !ok || int(got) != i || got.String() != name {
			t.Errorf("%s does not come back: %v", name, got)
		}
	}
}
